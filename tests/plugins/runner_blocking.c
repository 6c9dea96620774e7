/*
 * runner_blocking: runner on the pool.
 *
 * Must be seen: see runner.
 */
#define BLOCKING true
#define NO_BROADCAST
#include "runner.c"
