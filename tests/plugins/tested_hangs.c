/*
 * tested_hangs: a callback that does not come back, on the pool.
 *
 * Must be seen: a test ends with an error that names it, and does not wait for ever.
 */
#include <sluice/sluice.h>
#include <unistd.h>

static void on_receive(sluice_conn *ws, const sluice_message *message)
{
    (void)ws;
    (void)message;
    for (;;)
        pause();
}

SLUICE_CONSUMER(.receive = on_receive, .blocking = true);
