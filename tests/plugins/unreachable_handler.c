/*
 * unreachable_handler: declares a handler that no event's type can spell.
 *
 * Must be seen: it loads, with a warning in the log; the type _private is bad, and runs nothing.
 */
#include <sluice/sluice.h>

#include "trace.h"

SLUICE_HANDLER(_private, ws, event)
{
    trace("_private");
}

SLUICE_CONSUMER();
