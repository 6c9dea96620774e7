/*
 * send_after_close: goes on talking to a connection that it has closed.
 *
 * Must be seen: at the first message the client gets "last" and is closed with 4001 "enough";
 * nothing that was sent after that arrives, nothing is logged as an error, and disconnect comes
 * once (the trace "disconnect 4001"), where sending does nothing either.
 */
#include <sluice/sluice.h>

#include "trace.h"

static void on_receive(sluice_conn *ws, const sluice_message *message)
{
    sluice_send_text(ws, "last");
    sluice_close(ws, 4001, "enough");
    sluice_send(ws, message);
    sluice_send_text(ws, "too late");
    sluice_send_json(ws, "{too: 'late'}");
    sluice_close(ws, 4002, "again");
}

static void on_disconnect(sluice_conn *ws, int code)
{
    char line[64];

    sluice_send_text(ws, "far too late");
    sluice_close(ws, 4003, NULL);
    snprintf(line, sizeof(line), "disconnect %d", code);
    trace(line);
}

SLUICE_CONSUMER(.receive = on_receive, .disconnect = on_disconnect);
