/*
 * constructor_hangs: its constructor does not come back.
 *
 * Must be seen: it is refused, at start and at a reload, and whoever serves goes on.
 */
#include <sluice/sluice.h>
#include <unistd.h>

__attribute__((constructor)) static void constructor(void)
{
    for (;;)
        pause();
}

SLUICE_CONSUMER();
