/*
 * move_3: move_1 with a smaller state of version 3.
 *
 * Must be seen: see there.
 */
#define VERSION "3"
#define STATE   3
#include "move_1.c"
