/*
 * heir_load_waits: a version of heir whose load waits at the gate.
 *
 * Must be seen: the reload is refused when its time is over, the old version goes on, and this one
 * is unloaded when its load has come back.
 */
#define VERSION  "late"
#define WAITS_IN "load"
#include "heir.c"
