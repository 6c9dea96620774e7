/*
 * held: callbacks that wait at the gate, on the loop. "event": a handler does; anything else: the
 * callback itself.
 *
 * Must be seen: while one is held, and when it has ended, the log names the mount, the callback and
 * the event's type; and the answers come all the same.
 */
#include <sluice/sluice.h>
#include <string.h>

#include "gate.h"

static void on_receive(sluice_conn *ws, const sluice_message *message)
{
    if (strcmp(message->data, "event") == 0) {
        sluice_after(ws, 0, "{type: 'held.event'}");
        return;
    }
    gate_wait();
    sluice_send(ws, message);
}

SLUICE_HANDLER(held_event, ws, event)
{
    gate_wait();
    sluice_send_text(ws, "event");
}

SLUICE_CONSUMER(.receive = on_receive);
