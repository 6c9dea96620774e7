/*
 * forged_name: a handler's record under a name that it does not bear itself.
 *
 * Must be seen: refused, and the symbol is named.
 */
#include <sluice/sluice.h>

static void run(sluice_conn *ws, struct json_object *event)
{
    (void)ws, (void)event;
}

SLUICE_DECLARE(struct sluice_handler, sluice_handler_forged)
const struct sluice_handler sluice_handler_forged = {SLUICE_ABI, false, "another", run};

SLUICE_CONSUMER();
