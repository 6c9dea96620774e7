/*
 * state: each connection has bytes of its own, zero at first.
 *
 * Must be seen: the answers to a connection's messages are 1, 2, 3 ..., whatever other connections
 * do; and the state is there in a handler and in disconnect too (the trace "disconnect 3").
 */
#include <sluice/sluice.h>

#include "trace.h"

struct state {
    unsigned count;
    unsigned char rest[1000];
};

static bool is_zero(const struct state *state)
{
    for (size_t i = 0; i < sizeof(state->rest); i++)
        if (state->rest[i] != 0)
            return false;
    return true;
}

static void on_connect(sluice_conn *ws)
{
    const struct state *state = (const struct state *)sluice_state(ws);

    if (state->count == 0 && is_zero(state))
        sluice_accept(ws);
}

static void on_receive(sluice_conn *ws, const sluice_message *message)
{
    struct state *state = (struct state *)sluice_state(ws);

    (void)message;
    state->rest[state->count++ % sizeof(state->rest)] = 0xff;
    sluice_send_json(ws, "%u", state->count);
}

static void on_disconnect(sluice_conn *ws, int code)
{
    const struct state *state = (const struct state *)sluice_state(ws);
    char line[64];

    (void)code;
    snprintf(line, sizeof(line), "disconnect %u", state->count);
    trace(line);
}

SLUICE_CONSUMER(.connect = on_connect, .receive = on_receive, .disconnect = on_disconnect,
                .state_size = sizeof(struct state));
