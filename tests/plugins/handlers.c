/*
 * handlers: declares the handlers that the types in vectors/handler_names.json reach, those
 * included that are called like something else.
 *
 * Must be seen: each answers with its own name, and only to its own type.
 */
#include <sluice/sluice.h>

#define ANSWER(name)                                                                               \
    SLUICE_HANDLER(name, ws, event)                                                                \
    {                                                                                              \
        sluice_send_text(ws, #name);                                                               \
    }

ANSWER(chat_message)
ANSWER(websocket_receive)
ANSWER(websocket_http_response_start)
ANSWER(websocket_disconnect)
ANSWER(a__b)
ANSWER(a_)
ANSWER(send)
ANSWER(close)
ANSWER(connect)
ANSWER(disconnect)
ANSWER(receive)
ANSWER(groups)

static void on_receive(sluice_conn *ws, const sluice_message *message)
{
    sluice_channel_send(sluice_channel(ws), "{type: %s}", message->data);
}

SLUICE_CONSUMER(.receive = on_receive);
