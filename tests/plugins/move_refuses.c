/*
 * move_refuses: move_2, whose upgrade says no where the count is odd, and tries to do what it may
 * not.
 *
 * Must be seen: see there.
 */
#define VERSION "refuses"
#define STATE   2
#define REFUSES
#include "move_1.c"
