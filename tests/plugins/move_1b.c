/*
 * move_1b: move_1 with the same state.
 *
 * Must be seen: see there.
 */
#define VERSION "1b"
#define STATE   1
#include "move_1.c"
