/*
 * pool: a blocking consumer whose callbacks wait at the gate when they are told to.
 *
 * Must be seen: messages are answered in their order, with no two callbacks of a connection at
 * once ("overlap"); "join" is answered with "joined" through the group that it has just joined;
 * while "wait" waits, other connections are answered, and no more than `limits events` events are
 * kept for it, the newest; "hold" makes all of them wait in an event's handler; disconnect comes
 * once, and last (the trace "disconnect CODE").
 */
#include <sluice/sluice.h>
#include <stdio.h>
#include <string.h>

#include "gate.h"
#include "trace.h"

struct state {
    _Atomic int running;
};

static void begin(sluice_conn *ws)
{
    struct state *state = (struct state *)sluice_state(ws);

    if (state->running++ != 0)
        sluice_send_text(ws, "overlap");
}

static void end(sluice_conn *ws)
{
    struct state *state = (struct state *)sluice_state(ws);

    state->running--;
}

static void on_connect(sluice_conn *ws)
{
    begin(ws);
    sluice_group_add(ws, "pool");
    sluice_accept(ws);
    end(ws);
}

static void on_receive(sluice_conn *ws, const sluice_message *message)
{
    char name[64];

    begin(ws);
    if (strcmp(message->data, "wait") == 0) {
        trace("waiting");
        gate_wait();
        sluice_send_text(ws, "waited");
    } else if (sscanf(message->data, "join %63s", name) == 1) {
        sluice_group_add(ws, name);
        sluice_group_send(name, "{type: 'pool.say', text: 'joined'}");
    } else if (sscanf(message->data, "all %63s", name) == 1) {
        sluice_group_send("pool", "{type: 'pool.say', text: %s}", name);
    } else if (strcmp(message->data, "hold") == 0) {
        sluice_group_send("pool", "{type: 'pool.hold'}");
    } else if (strcmp(message->data, "close") == 0) {
        sluice_close(ws, 4001, NULL);
    } else {
        sluice_send(ws, message);
    }
    end(ws);
}

static void on_disconnect(sluice_conn *ws, int code)
{
    char line[64];

    begin(ws);
    snprintf(line, sizeof(line), "disconnect %d", code);
    trace(line);
    end(ws);
}

SLUICE_HANDLER(pool_say, ws, event)
{
    begin(ws);
    sluice_send_text(ws, sluice_str(event, "text"));
    end(ws);
}

SLUICE_HANDLER(pool_hold, ws, event)
{
    begin(ws);
    trace("holding");
    gate_wait();
    sluice_send_text(ws, "held");
    end(ws);
}

SLUICE_CONSUMER(.connect = on_connect, .receive = on_receive, .disconnect = on_disconnect,
                .state_size = sizeof(struct state), .blocking = true);
