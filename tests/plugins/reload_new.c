/*
 * reload_new: the second version of reload_old.
 *
 * Must be seen: a connection that comes after the reload is answered with "new".
 */
#define VERSION "new"
#include "reload_old.c"
