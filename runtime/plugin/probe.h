/*
 * plugin/probe: does loading this object end a process, and what does its check() say? Tried in one
 * that nobody will miss.
 *
 * A constructor that aborts, exits or hangs does so inside dlopen, and takes the server along. So
 * the program is executed anew, as `sluice probe FILE`, and loads the private copy first, finds the
 * record in it as the server will, and calls check(). What it finds wrong itself is no news: the
 * server's own look at the object says that in better words. A fork of a threaded server is never
 * made.
 */
#ifndef PLUGIN_PROBE_H
#define PLUGIN_PROBE_H

#include <stdatomic.h>
#include <stdint.h>

#include "plugin/fault.h"

/* How it is done. Of the plugin cache. */
struct probe {
    const char *program;  /* what to execute */
    uint32_t deadline_ms; /* for all constructors together, and as much again for check() */
    atomic_bool give_up;  /* set by any thread: it is refused now */
};

enum probe_result {
    PROBE_REFUSED, /* with a fault */
    PROBE_PASSED,
    PROBE_SKIPPED, /* no process could be had: nothing was found out */
};

enum probe_result probe_try(struct probe *probe, const char *path, struct plugin_fault *fault);

/* The other side: `sluice probe FILE`. Does not return. */
void probe_run(const char *path) __attribute__((noreturn));

#endif
