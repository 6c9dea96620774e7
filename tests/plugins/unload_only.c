/*
 * unload_only: has an end, and no beginning.
 *
 * Must be seen: unload is called where load would have been.
 */
#include <sluice/sluice.h>

#include "trace.h"

static void on_unload(void)
{
    trace("unload");
}

SLUICE_CONSUMER(.unload = on_unload);
