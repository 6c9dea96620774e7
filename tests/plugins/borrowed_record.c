/*
 * borrowed_record: declares no consumer, but is linked with a shared object that does, good.so.
 *
 * Must be seen: `it declares no consumer`.
 */
#include <sluice/sluice.h>

SLUICE_HANDLER(borrower_ping, ws, event)
{
    sluice_send_text(ws, "pong");
}
