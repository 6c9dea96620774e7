/*
 * runner_blocking_grown: runner on the pool, with a state of another size and version.
 *
 * Must be seen: see runner.
 */
#define BLOCKING true
#define NO_BROADCAST
#define STATE_VERSION 2
#include "runner.c"
