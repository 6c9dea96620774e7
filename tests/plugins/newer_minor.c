/*
 * newer_minor: built for the next minor version, so it may need what is not there yet.
 *
 * Must be seen: `built for sluice ABI 1.1, this is 1.0`, and not that a symbol is missing.
 */
#include <sluice/sluice.h>

void sluice_added_later(sluice_conn *ws);

SLUICE_DECLARE(struct sluice_consumer, sluice_consumer)
const struct sluice_consumer sluice_consumer = {
    .abi = SLUICE_ABI + 1,
    .size = sizeof(struct sluice_consumer),
    .connect = sluice_added_later,
};
