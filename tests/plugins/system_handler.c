/*
 * system_handler: has one handler, and functions whose names an event's type could spell.
 *
 * Must be seen: a text message is sent back to the connection as an event of that type. "ping" is
 * answered with "pong"; system, abort, exit, _private, websocket.disconnect, connect,
 * sluice.consumer, sluice_handler_ping, run and any other get no answer, leave no trace, and the
 * next "ping" is answered.
 */
#include <sluice/sluice.h>

#include "trace.h"

void run(sluice_conn *ws, struct json_object *event);
void _private(sluice_conn *ws, struct json_object *event);
void websocket_disconnect(sluice_conn *ws, struct json_object *event);

void run(sluice_conn *ws, struct json_object *event)
{
    (void)ws, (void)event;
    trace("run");
}

void _private(sluice_conn *ws, struct json_object *event)
{
    (void)ws, (void)event;
    trace("_private");
}

void websocket_disconnect(sluice_conn *ws, struct json_object *event)
{
    (void)ws, (void)event;
    trace("websocket_disconnect");
}

static void on_receive(sluice_conn *ws, const sluice_message *message)
{
    sluice_channel_send(sluice_channel(ws), "{type: %s}", message->data);
}

SLUICE_HANDLER(ping, ws, event)
{
    sluice_send_text(ws, "pong");
}

SLUICE_CONSUMER(.receive = on_receive);
