/*
 * undeclared_handler: sends itself events that it has no handler for.
 *
 * Must be seen: each message is answered with "alive", in order, though three events before it go
 * nowhere: each type is logged once and counted.
 */
#include <sluice/sluice.h>

static void on_receive(sluice_conn *ws, const sluice_message *message)
{
    (void)message;
    sluice_channel_send(sluice_channel(ws), "{type: 'never.declared'}");
    sluice_channel_send(sluice_channel(ws), "{type: 7}");
    sluice_channel_send(sluice_channel(ws), "{no: 'type'}");
    sluice_channel_send(sluice_channel(ws), "{type: 'declared'}");
}

SLUICE_HANDLER(declared, ws, event)
{
    sluice_send_text(ws, "alive");
}

SLUICE_CONSUMER(.receive = on_receive);
