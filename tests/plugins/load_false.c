/*
 * load_false: says no when it is loaded.
 *
 * Must be seen: refused; load is called once, unload never, the destructor once.
 */
#include <sluice/sluice.h>

#include "trace.h"

static bool on_load(struct json_object *saved)
{
    (void)saved;
    trace("load");
    return false;
}

static void on_unload(void)
{
    trace("unload");
}

__attribute__((destructor)) static void destructor(void)
{
    trace("destructor");
}

SLUICE_CONSUMER(.load = on_load, .unload = on_unload);
