/*
 * never_answers: neither accepts nor refuses.
 *
 * Must be seen: 503 after `limits answer`, the consumer is named in the log, and disconnect is
 * called once (the trace "disconnect 1006").
 */
#include <sluice/sluice.h>

#include "trace.h"

static void on_connect(sluice_conn *ws)
{
    (void)ws;
    trace("asked");
}

static void on_disconnect(sluice_conn *ws, int code)
{
    char line[64];

    (void)ws;
    snprintf(line, sizeof(line), "disconnect %d", code);
    trace(line);
}

SLUICE_CONSUMER(.connect = on_connect, .disconnect = on_disconnect);
