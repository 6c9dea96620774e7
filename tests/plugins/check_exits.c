/*
 * check_exits: its check ends the process, with the status of success.
 *
 * Must be seen: it is refused, and whoever serves goes on.
 */
#define CHECK exit(0)
#include "check_false.c"
