/*
 * move_pool_waits: move_pool_2, whose upgrade waits at the gate, and says no where the count is
 * odd.
 *
 * Must be seen: see there.
 */
#define VERSION "pool waits"
#define STATE   2
#define BLOCKS
#define WAITS
#define REFUSES
#include "move_1.c"
