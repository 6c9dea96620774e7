/*
 * borrower: is linked with a shared object that declares a handler too, no_record.so.
 *
 * Must be seen: the handler "lent" is none of its own, though dlsym would find it through it.
 */
#include <sluice/sluice.h>

SLUICE_HANDLER(borrower_ping, ws, event)
{
    sluice_send_text(ws, "pong");
}

SLUICE_CONSUMER(.state_size = 42);
