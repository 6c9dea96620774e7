/*
 * bad_group: joins a group whose name is the client's message, whatever it is.
 *
 * Must be seen: a good name is answered with "joined"; another closes the connection with 1008.
 */
#include <sluice/sluice.h>

static void on_receive(sluice_conn *ws, const sluice_message *message)
{
    sluice_group_add(ws, message->data);
    sluice_send_text(ws, "joined");
}

SLUICE_CONSUMER(.receive = on_receive);
