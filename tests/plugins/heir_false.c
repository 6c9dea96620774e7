/*
 * heir_false: a version of heir whose load says no.
 *
 * Must be seen: the reload is refused, and the old version goes on.
 */
#define VERSION "no"
#define LOADS   false
#include "heir.c"
