/*
 * accept_twice: accepts, and does so again in several ways.
 *
 * Must be seen: one handshake, with no subprotocol and no header X-Late; each repetition is logged
 * and ignored; the client gets "accepted", and its messages come back.
 */
#include <sluice/sluice.h>

static void on_connect(sluice_conn *ws)
{
    sluice_accept(ws);
    sluice_accept(ws);
    sluice_response_header(ws, "X-Late", "yes");
    sluice_accept_as(ws, "never.offered");
    sluice_deny(ws, 500, "too late");
    sluice_send_text(ws, "accepted");
}

static void on_receive(sluice_conn *ws, const sluice_message *message)
{
    sluice_accept(ws);
    sluice_send(ws, message);
}

SLUICE_CONSUMER(.connect = on_connect, .receive = on_receive);
