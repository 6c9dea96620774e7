/*
 * crowd: each connection is a member of the group "crowd".
 *
 * "send KIND FROM COUNT" sends as many events of this kind, numbered from 0: "say" is handled once
 * for all, "tell" by each, "mixed" is one and the other by turns, "big" is a long say, "go" makes
 * those leave who were opened for it ("?discard=N", "?close=N": at event N), and those in who were
 * not accepted before ("?accept=N"); "some" is a say to all and a say to all others by turns.
 * "number N" sends one big event with that number.
 *
 * Must be seen: each member gets each event as [FROM,N], those of one sender in order, whichever
 * kind they are; "name" comes to all with the option of each one's own mount; who leaves harms
 * nobody else; any other message comes back.
 */
#include <sluice/sluice.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void on_connect(sluice_conn *ws)
{
    sluice_group_add(ws, "crowd");
    if (sluice_query(ws, "accept") == NULL)
        sluice_accept(ws);
}

static void send_one(sluice_conn *ws, const char *kind, unsigned from, unsigned n)
{
    const char *type = strcmp(kind, "mixed") != 0 ? kind : n % 2 == 0 ? "say" : "tell";

    if (strcmp(kind, "some") == 0) {
        if (n % 2 == 0)
            sluice_group_send("crowd", "{type: 'crowd.say', from: %u, n: %u}", from, n);
        else
            sluice_group_send_from(ws, "crowd", "{type: 'crowd.say', from: %u, n: %u}", from, n);
        return;
    }
    sluice_group_send("crowd", "{type: 'crowd.%s', from: %u, n: %u}", type, from, n);
}

static void on_receive(sluice_conn *ws, const sluice_message *message)
{
    char kind[16];
    unsigned from, count;

    if (sscanf(message->data, "number %u", &count) == 1) {
        sluice_group_send("crowd", "{type: 'crowd.big', from: 0, n: %u}", count);
        return;
    }
    if (sscanf(message->data, "send %15s %u %u", kind, &from, &count) != 3) {
        sluice_send(ws, message);
        return;
    }
    for (unsigned n = 0; n < count; n++)
        send_one(ws, kind, from, n);
}

static void send_numbers(sluice_conn *ws, struct json_object *event)
{
    sluice_send_json(ws, "[%lld, %lld]", sluice_int(event, "from", -1), sluice_int(event, "n", -1));
}

SLUICE_BROADCAST(crowd_say, ws, event)
{
    send_numbers(ws, event);
}

SLUICE_HANDLER(crowd_tell, ws, event)
{
    send_numbers(ws, event);
}

SLUICE_BROADCAST(crowd_name, ws, event)
{
    sluice_send_text(ws, sluice_option(ws, "name"));
}

SLUICE_BROADCAST(crowd_big, ws, event)
{
    char bytes[10000] = {0};

    snprintf(bytes, sizeof(bytes), "[%lld,%lld]", sluice_int(event, "from", -1),
             sluice_int(event, "n", -1));
    sluice_send_bytes(ws, bytes, sizeof(bytes));
}

static bool is_time(sluice_conn *ws, const char *name, long long n)
{
    const char *when = sluice_query(ws, name);

    return when != NULL && atoll(when) == n;
}

SLUICE_HANDLER(crowd_go, ws, event)
{
    long long n = sluice_int(event, "n", -1);

    if (is_time(ws, "accept", n))
        sluice_accept(ws);
    send_numbers(ws, event);
    if (is_time(ws, "discard", n))
        sluice_group_discard(ws, "crowd");
    if (is_time(ws, "close", n))
        sluice_close(ws, 4000, NULL);
}

SLUICE_CONSUMER(.connect = on_connect, .receive = on_receive);
