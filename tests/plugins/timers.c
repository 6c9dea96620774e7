/*
 * timers: events from the future.
 *
 * Must be seen: "order" is answered with "first", "second", "third", and never with "cancelled";
 * "chain" with "5" to "0", each from a timer that the one before has set; what is pending when a
 * connection ends harms nothing.
 */
#include <sluice/sluice.h>
#include <string.h>

static void say_later(sluice_conn *ws, unsigned ms, const char *text)
{
    sluice_after(ws, ms, "{type: 'timers.say', text: %s}", text);
}

static void on_receive(sluice_conn *ws, const sluice_message *message)
{
    if (strcmp(message->data, "chain") == 0) {
        sluice_after(ws, 0, "{type: 'timers.chain', left: 5}");
    } else if (strcmp(message->data, "pending") == 0) {
        say_later(ws, 3600000, "in an hour");
        sluice_send_text(ws, "pending");
    } else {
        say_later(ws, 200, "third");
        say_later(ws, 100, "second");
        sluice_cancel(ws, sluice_after(ws, 50, "{type: 'timers.say', text: 'cancelled'}"));
        say_later(ws, 0, "first");
        sluice_cancel(ws, 0);
        sluice_cancel(ws, 123456789);
    }
}

SLUICE_HANDLER(timers_say, ws, event)
{
    sluice_send_text(ws, sluice_str(event, "text"));
}

SLUICE_HANDLER(timers_chain, ws, event)
{
    long long left = sluice_int(event, "left", 0);

    sluice_send_json(ws, "%lld", left);
    if (left > 0)
        sluice_after(ws, 1, "{type: 'timers.chain', left: %lld}", left - 1);
}

SLUICE_CONSUMER(.receive = on_receive);
