/*
 * tested_blocking: tested, on the pool.
 */
#define BLOCKING true
#include "tested.c"
