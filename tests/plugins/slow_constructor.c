/*
 * slow_constructor: takes its time to load: until somebody writes to the pipe that PLUGIN_WAIT
 * names by its descriptor.
 *
 * Must be seen: events of other consumers are handled meanwhile.
 */
#include <sluice/sluice.h>
#include <stdlib.h>
#include <unistd.h>

__attribute__((constructor)) static void constructor(void)
{
    const char *fd = getenv("PLUGIN_WAIT");
    char byte;

    while (fd != NULL && read(atoi(fd), &byte, 1) < 0)
        continue;
}

SLUICE_CONSUMER();
