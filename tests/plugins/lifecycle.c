/*
 * lifecycle: leaves a trace of each callback.
 *
 * Must be seen: "connect", then "receive" for each message, then exactly one "disconnect CODE" for
 * each connection, however it ended: the peer's close, a cut line (1006), a time-out, the server's
 * end (1001).
 */
#include <sluice/sluice.h>

#include "trace.h"

static void on_connect(sluice_conn *ws)
{
    trace("connect");
    sluice_accept(ws);
}

static void on_receive(sluice_conn *ws, const sluice_message *message)
{
    trace("receive");
    sluice_send(ws, message);
}

static void on_disconnect(sluice_conn *ws, int code)
{
    const char *reason = sluice_close_reason(ws);
    char line[256];

    snprintf(line, sizeof(line), "disconnect %d%s%s", code, reason != NULL ? " " : "",
             reason != NULL ? reason : "");
    trace(line);
}

SLUICE_CONSUMER(.connect = on_connect, .receive = on_receive, .disconnect = on_disconnect);
