/*
 * move_alien: move_1 with a state of version 2 that no upgrade leads to.
 *
 * Must be seen: see there.
 */
#define VERSION "alien"
#define STATE   2
#define ALIEN
#include "move_1.c"
