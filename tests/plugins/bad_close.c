/*
 * bad_close: closes with the code that is the client's message.
 *
 * Must be seen: codes that may stand in a close frame arrive as they are; 0, 999, 1005, 1006, 1015,
 * 2999, 5000 and others are logged, and arrive as 1011. A reason that is too long is cut between
 * two characters.
 */
#include <sluice/sluice.h>
#include <stdlib.h>

static void on_receive(sluice_conn *ws, const sluice_message *message)
{
    sluice_close(ws, atoi(message->data),
                 "ä reason of more than 123 bytes: äääääääääääääääääääääääääääääääääääääääääääää"
                 "äääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääää");
}

SLUICE_CONSUMER(.receive = on_receive);
