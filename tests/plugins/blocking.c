/*
 * blocking: its callbacks and handlers run on the thread pool.
 *
 * Must be seen: echoes, and connections of other consumers are answered meanwhile.
 */
#include <sluice/sluice.h>
#include <unistd.h>

static void on_receive(sluice_conn *ws, const sluice_message *message)
{
    usleep(50 * 1000);
    sluice_send(ws, message);
}

SLUICE_HANDLER(blocking_ping, ws, event)
{
    sluice_send_text(ws, "pong");
}

SLUICE_CONSUMER(.receive = on_receive, .blocking = true);
