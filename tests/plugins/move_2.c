/*
 * move_2: move_1 with a larger state of version 2.
 *
 * Must be seen: see there.
 */
#define VERSION "2"
#define STATE   2
#include "move_1.c"
