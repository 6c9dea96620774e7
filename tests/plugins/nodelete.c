/*
 * nodelete: linked with -z nodelete, so the loader never takes it out of memory.
 *
 * Must be seen: counted as stuck, with its copy left on disk for debuggers; nothing else.
 */
#include <sluice/sluice.h>

SLUICE_CONSUMER(.receive = sluice_send);
