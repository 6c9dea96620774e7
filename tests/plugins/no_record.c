/*
 * no_record: declares a handler, and no consumer.
 *
 * Must be seen: `it declares no consumer`.
 */
#include <sluice/sluice.h>

SLUICE_HANDLER(lent, ws, event)
{
    sluice_send_text(ws, "lent");
}
