/*
 * crashes_blocking: the same, on the pool.
 *
 * Must be seen: the same.
 */
#define BLOCKING true
#include "crashes.c"
