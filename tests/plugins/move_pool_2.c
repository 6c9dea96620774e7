/*
 * move_pool_2: move_2 as a blocking consumer.
 *
 * Must be seen: see there.
 */
#define VERSION "pool 2"
#define STATE   2
#define BLOCKS
#include "move_1.c"
