/*
 * check_hangs: its check does not come back.
 *
 * Must be seen: it is refused after `reload probe`, and whoever serves goes on.
 */
#define CHECK pause()
#include "check_false.c"
