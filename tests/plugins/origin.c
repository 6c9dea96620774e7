/*
 * origin: looks for the libraries that it needs beside itself (-rpath '$ORIGIN'), which a private
 * copy elsewhere can't; and has the older kind of symbol table (--hash-style=sysv).
 *
 * Must be seen: it loads, as all that it needs is in the system. Where a library is missing, the
 * hint says what has become of $ORIGIN.
 */
#include <sluice/sluice.h>
#include <stdlib.h>

static void on_receive(sluice_conn *ws, const sluice_message *message)
{
    if (atoi(message->data) > 0)
        sluice_send(ws, message);
}

SLUICE_HANDLER(origin_ping, ws, event)
{
    sluice_send_text(ws, "pong");
}

SLUICE_CONSUMER(.receive = on_receive);
