/*
 * bad_sends: sends what can't be sent.
 *
 * Must be seen: each message is answered with "alive" alone; text that is not UTF-8, a template
 * that is no JSON and bytes inside JSON are each logged and not sent.
 */
#include <sluice/sluice.h>

static void on_receive(sluice_conn *ws, const sluice_message *message)
{
    (void)message;
    sluice_send_text(ws, "broken \xff\xfe");
    sluice_send_json(ws, "{unfinished: ");
    sluice_send_json(ws, "{bytes: %p}", (void *)sluice_bytes_new("\x00\x01", 2));
    sluice_group_send("no such name!", "{type: 'x'}");
    sluice_channel_send("no such name!", "{type: 'x'}");
    sluice_send_text(ws, "alive");
}

SLUICE_CONSUMER(.receive = on_receive);
