/*
 * wrong_abi: built for the next major version.
 *
 * Must be seen: `built for sluice ABI 2.0, this is 1.0`; and no trace of the constructor: the
 * version is known before any code runs.
 */
#include <sluice/sluice.h>

#include "trace.h"

__attribute__((constructor)) static void constructor(void)
{
    trace("constructor");
}

SLUICE_DECLARE(struct sluice_consumer, sluice_consumer)
const struct sluice_consumer sluice_consumer = {
    .abi = (SLUICE_ABI_MAJOR + 1) << 16,
    .size = sizeof(struct sluice_consumer),
};
