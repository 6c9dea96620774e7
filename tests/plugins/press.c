/*
 * press: each connection is a member of the group "press".
 *
 * "send KIND SIZE COUNT" sends as many events of this kind, numbered from 0, each of which is a
 * text of SIZE bytes to each member: "say" is handled once for all, "tell" by each, "mixed" is one
 * and the other by turns; "both" is said once for all in two messages, the first of which is the
 * number alone.
 *
 * Must be seen: each member gets the texts in order, compressed or not; any other message comes
 * back.
 */
#include <sluice/sluice.h>
#include <stdio.h>
#include <string.h>

enum { LONGEST = 200000 };

static void on_connect(sluice_conn *ws)
{
    sluice_group_add(ws, "press");
    sluice_accept(ws);
}

static void on_receive(sluice_conn *ws, const sluice_message *message)
{
    char kind[16];
    unsigned size, count;

    if (sscanf(message->data, "send %15s %u %u", kind, &size, &count) != 3) {
        sluice_send(ws, message);
        return;
    }
    for (unsigned n = 0; n < count; n++) {
        const char *type = strcmp(kind, "mixed") != 0 ? kind : n % 2 == 0 ? "say" : "tell";

        sluice_group_send("press", "{type: 'press.%s', n: %u, size: %u}", type, n, size);
    }
}

/* "7 7 7 7 7 7" */
static void send_text(sluice_conn *ws, struct json_object *event)
{
    static _Thread_local char text[LONGEST + 1];
    char number[24];
    long long size = sluice_int(event, "size", 0);
    int length = snprintf(number, sizeof number, "%lld ", sluice_int(event, "n", -1));

    if (size < 0 || size > LONGEST)
        size = 0;
    for (long long i = 0; i < size; i++)
        text[i] = number[i % length];
    text[size] = '\0';
    sluice_send_text(ws, text);
}

SLUICE_BROADCAST(press_say, ws, event)
{
    send_text(ws, event);
}

SLUICE_HANDLER(press_tell, ws, event)
{
    send_text(ws, event);
}

SLUICE_BROADCAST(press_both, ws, event)
{
    char number[24];

    snprintf(number, sizeof number, "%lld", sluice_int(event, "n", -1));
    sluice_send_text(ws, number);
    send_text(ws, event);
}

SLUICE_CONSUMER(.connect = on_connect, .receive = on_receive);
