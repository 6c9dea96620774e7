/*
 * answers_later: accepts from a handler, 50 ms after the client asked.
 *
 * Must be seen: the handshake completes then, and "later" is the first message; what the client
 * sent meanwhile comes back after that.
 */
#include <sluice/sluice.h>

static void on_connect(sluice_conn *ws)
{
    sluice_after(ws, 50, "{type: 'answer.now'}");
}

SLUICE_HANDLER(answer_now, ws, event)
{
    sluice_accept(ws);
    sluice_send_text(ws, "later");
}

SLUICE_CONSUMER(.connect = on_connect, .receive = sluice_send);
