/*
 * blocking_broadcast: a handler that runs once for a whole loop can't run on the thread pool.
 *
 * Must be seen: refused, and the handler is named.
 */
#include <sluice/sluice.h>

SLUICE_BROADCAST(chat_message, ws, event)
{
    sluice_send_text(ws, sluice_str(event, "message"));
}

SLUICE_CONSUMER(.blocking = true);
