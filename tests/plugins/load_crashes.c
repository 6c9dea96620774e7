/*
 * load_crashes: its load() aborts.
 *
 * Must be seen: a report that names the consumer, its generation, and load.
 */
#include <sluice/sluice.h>
#include <stdlib.h>

static bool on_load(struct json_object *saved)
{
    (void)saved;
    abort();
}

SLUICE_CONSUMER(.load = on_load);
