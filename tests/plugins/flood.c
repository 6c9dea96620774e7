/*
 * flood: sends as many messages of as many bytes as it is asked for: "COUNT SIZE"; any other
 * message comes back.
 *
 * Must be seen: a client that does not read is closed with 1013 once `limits backlog` waits for it,
 * others notice nothing; the trace "disconnect CODE" comes once for each.
 */
#include <sluice/sluice.h>
#include <stdio.h>
#include <stdlib.h>

#include "trace.h"

static void on_receive(sluice_conn *ws, const sluice_message *message)
{
    unsigned count, size;
    char *bytes;

    if (sscanf(message->data, "%u %u", &count, &size) != 2) {
        sluice_send(ws, message);
        return;
    }
    bytes = (char *)calloc(size, 1);
    for (; bytes != NULL && count > 0; count--)
        sluice_send_bytes(ws, bytes, size);
    free(bytes);
}

static void on_disconnect(sluice_conn *ws, int code)
{
    char line[64];

    (void)ws;
    snprintf(line, sizeof(line), "disconnect %d", code);
    trace(line);
}

SLUICE_CONSUMER(.receive = on_receive, .disconnect = on_disconnect);
