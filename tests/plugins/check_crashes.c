/*
 * check_crashes: its check crashes.
 *
 * Must be seen: it is refused, and whoever serves goes on.
 */
#define CHECK raise(SIGSEGV)
#include "check_false.c"
