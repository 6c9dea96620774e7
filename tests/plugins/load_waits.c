/*
 * load_waits: its load waits at the gate.
 *
 * Must be seen: the trace "loading"; whoever asked for the reload is told the end of it, however
 * that comes.
 */
#include <sluice/sluice.h>

#include "gate.h"
#include "trace.h"

static bool on_load(struct json_object *saved)
{
    (void)saved;
    trace("loading");
    gate_wait();
    return true;
}

SLUICE_CONSUMER(.load = on_load);
