/*
 * check_closes: its check closes every descriptor there is, and is content.
 *
 * Must be seen: it is served.
 */
#define CHECK closefrom(0)
#include "check_false.c"
