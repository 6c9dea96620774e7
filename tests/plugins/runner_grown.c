/*
 * runner_grown: runner with a state of another size and version.
 *
 * Must be seen: see runner.
 */
#define STATE_VERSION 2
#include "runner.c"
