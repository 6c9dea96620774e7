/*
 * heir_unload_waits: a version of heir whose unload waits at the gate.
 *
 * Must be seen: its successor serves meanwhile, and a stop does not wait for it.
 */
#define VERSION  "late"
#define WAITS_IN "unload"
#include "heir.c"
