/*
 * deny: refuses with a status, a header and a body of its own.
 *
 * Must be seen: 451, `X-Why: law` and "not here"; the header whose value would begin another line
 * is refused and logged; disconnect is called once (the trace "disconnect 1006").
 */
#include <sluice/sluice.h>

#include "trace.h"

static void on_connect(sluice_conn *ws)
{
    sluice_response_header(ws, "X-Why", "law");
    sluice_response_header(ws, "X-Split", "a\r\nSet-Cookie: b=c");
    sluice_deny(ws, 451, "not here");
}

static void on_disconnect(sluice_conn *ws, int code)
{
    char line[64];

    (void)ws;
    snprintf(line, sizeof(line), "disconnect %d", code);
    trace(line);
}

SLUICE_CONSUMER(.connect = on_connect, .disconnect = on_disconnect);
