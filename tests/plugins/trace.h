/*
 * trace.h: leaves a line in the file that the environment variable PLUGIN_TRACE names, for what
 * a test can't see in any other way: what ran, and when.
 */
#ifndef PLUGINS_TRACE_H
#define PLUGINS_TRACE_H

#include <stdio.h>
#include <stdlib.h>

static inline void trace(const char *line)
{
    const char *path = getenv("PLUGIN_TRACE");
    FILE *file = path != NULL ? fopen(path, "a") : NULL;

    if (file == NULL)
        return;
    fprintf(file, "%s\n", line);
    fclose(file);
}

#endif
