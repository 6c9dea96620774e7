/*
 * move_waits: move_2, whose upgrade waits at the gate.
 *
 * Must be seen: see there.
 */
#define VERSION "waits"
#define STATE   2
#define WAITS
#include "move_1.c"
