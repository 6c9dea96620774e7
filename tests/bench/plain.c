/*
 * tests/bench/plain: the demo's chat with a plain handler, which runs for every member by itself:
 * what a consumer pays that sends each member something else.
 */
#include <sluice/sluice.h>

static void plain_connect(sluice_conn *ws)
{
    sluice_group_add(ws, "room");
    sluice_accept(ws);
}

static void plain_receive_json(sluice_conn *ws, struct json_object *content)
{
    (void)ws;
    const char *message = sluice_str(content, "message");
    if (message != NULL)
        sluice_group_send("room", "{type: 'chat_message', message: %s}", message);
}

SLUICE_HANDLER(chat_message, ws, event)
{
    const char *message = sluice_str(event, "message");

    if (message != NULL)
        sluice_send_json(ws, "{message: %s}", message);
}

SLUICE_CONSUMER(.connect = plain_connect, .receive_json = plain_receive_json);
