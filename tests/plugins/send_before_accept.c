/*
 * send_before_accept: talks to a client whose handshake it has not completed.
 *
 * Must be seen: "too early" is logged and dropped; the client is accepted, and its first message is
 * "accepted".
 */
#include <sluice/sluice.h>

static void on_connect(sluice_conn *ws)
{
    sluice_send_text(ws, "too early");
    sluice_accept(ws);
    sluice_send_text(ws, "accepted");
}

SLUICE_CONSUMER(.connect = on_connect);
