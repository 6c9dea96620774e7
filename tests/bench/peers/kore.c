/* The peer "kore": /ws/echo/ sends back, /ws/chat/ is sent to everybody in the same worker. */
#include <regex.h> /* which the next one wants, and does not say */

#include <kore/http.h>
#include <kore/kore.h>

int page_echo(struct http_request *request);
int page_chat(struct http_request *request);
void echo_message(struct connection *connection, uint8_t opcode, void *data, size_t size);
void chat_message(struct connection *connection, uint8_t opcode, void *data, size_t size);

void echo_message(struct connection *connection, uint8_t opcode, void *data, size_t size)
{
    kore_websocket_send(connection, opcode, data, size);
}

/* It sends to every connection but the sender: who gets it back by itself. */
void chat_message(struct connection *connection, uint8_t opcode, void *data, size_t size)
{
    kore_websocket_broadcast(connection, opcode, data, size, WEBSOCKET_BROADCAST_LOCAL);
    kore_websocket_send(connection, opcode, data, size);
}

int page_echo(struct http_request *request)
{
    kore_websocket_handshake(request, NULL, "echo_message", NULL);
    return KORE_RESULT_OK;
}

int page_chat(struct http_request *request)
{
    kore_websocket_handshake(request, NULL, "chat_message", NULL);
    return KORE_RESULT_OK;
}
