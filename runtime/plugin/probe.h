/*
 * plugin/probe: does loading this object end a process? Tried in one that nobody will miss.
 *
 * A constructor that aborts, exits or hangs does so inside dlopen, and takes the server along. So
 * the program is executed anew, as `sluice probe FILE`, and loads the private copy first. What it
 * finds wrong itself is no news: the server's own dlopen says that in better words. A fork of a
 * threaded server is never made.
 */
#ifndef PLUGIN_PROBE_H
#define PLUGIN_PROBE_H

#include "plugin/fault.h"

#define PROBE_DEADLINE_MS 5000 /* for all constructors together */

/* `program` is what to execute. False with `fault`: the process ended in the middle, or had not
 * come to an end by then. True also where no process can be had: then nothing was found out. */
bool probe_try(const char *program, const char *path, struct plugin_fault *fault);

/* The other side: `sluice probe FILE`. Does not return. */
void probe_run(const char *path) __attribute__((noreturn));

#endif
