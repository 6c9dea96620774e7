/*
 * flood: sends as many messages of as many bytes as it is asked for: "COUNT SIZE", each beginning
 * with its number, from 0; "close" makes it close with 4000; any other message comes back.
 *
 * Must be seen: a client that does not read is closed with 1013 once `limits backlog` waits for it,
 * others notice nothing; the trace "disconnect CODE" comes once for each, "back" for each message
 * that comes back, and "closing" where it closes.
 */
#include <sluice/sluice.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "trace.h"

static void on_receive(sluice_conn *ws, const sluice_message *message)
{
    unsigned count, size;
    char *bytes;

    if (strcmp(message->data, "close") == 0) {
        sluice_close(ws, 4000, NULL);
        trace("closing");
        return;
    }
    if (sscanf(message->data, "%u %u", &count, &size) != 2) {
        sluice_send(ws, message);
        trace("back");
        return;
    }
    bytes = (char *)calloc(size, 1);
    for (unsigned n = 0; bytes != NULL && n < count; n++) {
        snprintf(bytes, size, "%u", n);
        sluice_send_bytes(ws, bytes, size);
    }
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
