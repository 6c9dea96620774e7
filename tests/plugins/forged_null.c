/*
 * forged_null: a handler's record with nothing to run.
 *
 * Must be seen: refused, and the symbol is named.
 */
#include <sluice/sluice.h>

SLUICE_DECLARE(struct sluice_handler, sluice_handler_forged)
const struct sluice_handler sluice_handler_forged = {SLUICE_ABI, false, "forged", NULL};

SLUICE_CONSUMER();
