/*
 * accept_as: picks the subprotocol "two".
 *
 * Must be seen: a client that offers "one, two" gets "two"; one that does not offer it gets 500,
 * and disconnect is called once (the trace "disconnect 1006").
 */
#include <sluice/sluice.h>

#include "trace.h"

static void on_connect(sluice_conn *ws)
{
    sluice_accept_as(ws, "two");
}

static void on_disconnect(sluice_conn *ws, int code)
{
    char line[64];

    (void)ws;
    snprintf(line, sizeof(line), "disconnect %d", code);
    trace(line);
}

SLUICE_CONSUMER(.connect = on_connect, .disconnect = on_disconnect);
