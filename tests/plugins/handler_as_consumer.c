/*
 * handler_as_consumer: a handler's record where the consumer's should be. Both begin with the ABI.
 *
 * Must be seen: `its sluice_consumer is not a consumer's record`.
 */
#include <sluice/sluice.h>

static void run(sluice_conn *ws, struct json_object *event)
{
    (void)ws;
    (void)event;
}

extern SLUICE_EXPORT const struct sluice_handler handler __asm__("sluice_consumer");
const struct sluice_handler handler = {SLUICE_ABI, true, "consumer", run};
