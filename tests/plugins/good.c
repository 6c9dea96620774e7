/*
 * good: a consumer as it should be, with each kind of declaration once.
 *
 * Must be seen: messages come back as they were; a text that is an object goes to the group "good"
 * as the event good.all, and each member gets {"all": TEXT}.
 */
#include <sluice/sluice.h>

struct state {
    unsigned messages;
};

static void on_connect(sluice_conn *ws)
{
    sluice_group_add(ws, "good");
    sluice_accept(ws);
}

static void on_receive(sluice_conn *ws, const sluice_message *message)
{
    struct state *state = (struct state *)sluice_state(ws);

    state->messages++;
    if (!message->binary && message->size > 0 && message->data[0] == '{')
        sluice_group_send("good", "{type: 'good.all', text: %s}", message->data);
    else
        sluice_send(ws, message);
}

static void on_disconnect(sluice_conn *ws, int code)
{
    sluice_log(ws, SLUICE_DEBUG, "gone with %d", code);
}

SLUICE_BROADCAST(good_all, ws, event)
{
    sluice_send_json(ws, "{all: %s}", sluice_str(event, "text"));
}

SLUICE_HANDLER(good_one, ws, event)
{
    sluice_send_json(ws, "{one: %s}", sluice_str(event, "text"));
}

SLUICE_CONSUMER(.connect = on_connect, .receive = on_receive, .disconnect = on_disconnect,
                .state_size = sizeof(struct state), .state_version = 1);
