/*
 * function_of_api: a callback may be a function of the runtime itself.
 *
 * Must be seen: it loads, and echoes.
 */
#include <sluice/sluice.h>

SLUICE_CONSUMER(.connect = sluice_accept, .receive = sluice_send);
