/*
 * forged_abi: a handler of another ABI in a consumer of this one: parts built against two headers.
 *
 * Must be seen: refused as built for that ABI.
 */
#include <sluice/sluice.h>

static void run(sluice_conn *ws, struct json_object *event)
{
    (void)ws, (void)event;
}

SLUICE_DECLARE(struct sluice_handler, sluice_handler_forged)
const struct sluice_handler sluice_handler_forged = {7 << 16, false, "forged", run};

SLUICE_CONSUMER();
