/*
 * tested_check: a version of tested whose check() says no.
 *
 * Must be seen: it is refused, and its load() is never called: that would end the process.
 */
#include <sluice/sluice.h>
#include <stdlib.h>

static bool on_check(void)
{
    return false;
}

static bool on_load(struct json_object *saved)
{
    (void)saved;
    abort();
}

SLUICE_CONSUMER(.check = on_check, .load = on_load);
