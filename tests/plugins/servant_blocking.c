/*
 * servant_blocking: the servant, on the pool.
 *
 * Must be seen: the same.
 */
#define BLOCKING true
#define NO_BROADCAST
#include "servant.c"
