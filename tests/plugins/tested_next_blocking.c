/*
 * tested_next_blocking: tested_next, on the pool.
 */
#define BLOCKING true
#include "tested_next.c"
