/*
 * heir_two: the second version of heir.
 *
 * Must be seen: see heir.
 */
#define VERSION "two"
#include "heir.c"
