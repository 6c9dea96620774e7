/*
 * heir_save_waits: a version of heir whose save waits at the gate.
 *
 * Must be seen: the reload is refused when its time is over, and this version goes on.
 */
#define VERSION  "late"
#define WAITS_IN "save"
#include "heir.c"
