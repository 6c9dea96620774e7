/*
 * version_new: says which one it is.
 *
 * Must be seen: each message is answered with "new".
 */
#include <sluice/sluice.h>

static void on_receive(sluice_conn *ws, const sluice_message *message)
{
    (void)message;
    sluice_send_text(ws, "new");
}

SLUICE_CONSUMER(.receive = on_receive);
