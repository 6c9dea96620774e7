/*
 * waits: blocking, and without disconnect. "join" joins a group; "wait" waits at the gate, sends
 * the group three events, and waits there again.
 *
 * Must be seen: the trace "waiting" when a message has come to the gate; "join" is answered with
 * "joined"; a connection may go while its events wait for the pool.
 */
#include <sluice/sluice.h>
#include <string.h>

#include "trace.h"
#include "gate.h"

static void on_receive(sluice_conn *ws, const sluice_message *message)
{
    if (strcmp(message->data, "join") == 0) {
        sluice_group_add(ws, "waits");
        sluice_send_text(ws, "joined");
        return;
    }
    trace("waiting");
    gate_wait();
    for (unsigned i = 0; i < 3; i++)
        sluice_group_send("waits", "{type: 'waits.event'}");
    gate_wait();
}

SLUICE_HANDLER(waits_event, ws, event)
{
    sluice_send_text(ws, "event");
}

SLUICE_CONSUMER(.blocking = true, .receive = on_receive);
