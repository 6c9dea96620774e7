/*
 * move_pool_1: move_1 as a blocking consumer.
 *
 * Must be seen: see there.
 */
#define VERSION "pool 1"
#define STATE   1
#define BLOCKS
#include "move_1.c"
