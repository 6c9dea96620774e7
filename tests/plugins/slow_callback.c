/*
 * slow_callback: holds its loop for 300 ms at each message.
 *
 * Must be seen: a line in the log that names the mount, the consumer and the callback; the answer
 * comes all the same.
 */
#include <sluice/sluice.h>
#include <unistd.h>

static void on_receive(sluice_conn *ws, const sluice_message *message)
{
    usleep(300 * 1000);
    sluice_send(ws, message);
}

SLUICE_CONSUMER(.receive = on_receive);
