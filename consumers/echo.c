/* echo: sends each message back as it came, text or binary. */
#include <sluice/sluice.h>

static void echo(sluice_conn *ws, const sluice_message *message)
{
    sluice_send(ws, message);
}

SLUICE_CONSUMER(.receive = echo);
