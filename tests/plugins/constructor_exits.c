/*
 * constructor_exits: its constructor ends the process, with the status of success.
 *
 * Must be seen: it is refused, at start and at a reload, and whoever serves goes on.
 */
#include <sluice/sluice.h>
#include <stdlib.h>

__attribute__((constructor)) static void constructor(void)
{
    exit(0);
}

SLUICE_CONSUMER();
