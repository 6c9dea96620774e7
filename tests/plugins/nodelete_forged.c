/*
 * nodelete_forged: is refused for one of its handlers when it is mapped already, and can't be taken
 * out again (-z nodelete).
 *
 * Must be seen: refused, and counted as stuck.
 */
#include <sluice/sluice.h>

SLUICE_DECLARE(struct sluice_handler, sluice_handler_forged)
const struct sluice_handler sluice_handler_forged = {SLUICE_ABI, false, "forged", NULL};

SLUICE_CONSUMER();
