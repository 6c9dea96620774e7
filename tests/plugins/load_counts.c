/*
 * load_counts: leaves a trace of its beginning and its end.
 *
 * Must be seen: constructor, load NULL, unload, destructor; once each and in this order, whatever
 * connections did in between.
 */
#include <sluice/sluice.h>

#include "trace.h"

__attribute__((constructor)) static void constructor(void)
{
    trace("constructor");
}

static bool on_load(struct json_object *saved)
{
    trace(saved == NULL ? "load NULL" : "load");
    return true;
}

static void on_unload(void)
{
    trace("unload");
}

__attribute__((destructor)) static void destructor(void)
{
    trace("destructor");
}

SLUICE_CONSUMER(.receive = sluice_send, .load = on_load, .unload = on_unload);
