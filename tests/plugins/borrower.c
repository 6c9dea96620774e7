/*
 * borrower: is linked with a shared object that is a consumer itself, good.so.
 *
 * Must be seen: its own record counts; and none of the handlers of good.so are its own, though
 * dlsym would find them through it.
 */
#include <sluice/sluice.h>

SLUICE_HANDLER(borrower_ping, ws, event)
{
    sluice_send_text(ws, "pong");
}

SLUICE_CONSUMER(.state_size = 42);
