/*
 * close_before_accept: refuses with close, and then tries to accept after all.
 *
 * Must be seen: HTTP 403; the accept is logged and ignored; disconnect is called once (the trace
 * "disconnect 1006"); receive never.
 */
#include <sluice/sluice.h>

#include "trace.h"

static void on_connect(sluice_conn *ws)
{
    sluice_close(ws, 4000, "not you");
    sluice_accept(ws);
    sluice_send_text(ws, "never");
}

static void on_receive(sluice_conn *ws, const sluice_message *message)
{
    (void)ws, (void)message;
    trace("receive");
}

static void on_disconnect(sluice_conn *ws, int code)
{
    char line[64];

    (void)ws;
    snprintf(line, sizeof(line), "disconnect %d", code);
    trace(line);
}

SLUICE_CONSUMER(.connect = on_connect, .receive = on_receive, .disconnect = on_disconnect);
