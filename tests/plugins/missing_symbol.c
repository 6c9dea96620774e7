/*
 * missing_symbol: calls a function that the runtime does not have.
 *
 * Must be seen: `undefined symbol: sluice_frobnicate`, when it is loaded and not when it is called.
 */
#include <sluice/sluice.h>

void sluice_frobnicate(sluice_conn *ws);

static void on_receive(sluice_conn *ws, const sluice_message *message)
{
    (void)message;
    sluice_frobnicate(ws);
}

SLUICE_CONSUMER(.receive = on_receive);
