/*
 * constructor_aborts: its constructor aborts.
 *
 * Must be seen: it is refused, at start and at a reload, and whoever serves goes on.
 */
#include <sluice/sluice.h>
#include <stdlib.h>

__attribute__((constructor)) static void constructor(void)
{
    abort();
}

SLUICE_CONSUMER();
