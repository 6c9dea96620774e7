/*
 * tested_next: what comes after tested: it counts in another struct, from where the other was.
 *
 * Must be seen: what is sent to it says "next" in front; "count" is a hundred more for each message
 * that the older version had.
 */
#include <sluice/sluice.h>
#include <stdio.h>
#include <string.h>

#ifndef BLOCKING
#define BLOCKING false
#endif

struct before {
    unsigned count;
    char last[32];
};

struct tested {
    char last[64];
    unsigned long count;
};

static void say(sluice_conn *ws, const char *text)
{
    char line[256];

    snprintf(line, sizeof line, "next %s", text != NULL ? text : "-");
    sluice_send_text(ws, line);
}

static void on_connect(sluice_conn *ws)
{
    sluice_group_add(ws, "tested");
    sluice_accept(ws);
}

static void on_receive(sluice_conn *ws, const sluice_message *message)
{
    struct tested *tested = (struct tested *)sluice_state(ws);

    tested->count++;
    if (strcmp(message->data, "count") == 0)
        sluice_send_json(ws, "%lu", tested->count);
    else if (strcmp(message->data, "last") == 0)
        sluice_send_text(ws, tested->last);
    else
        say(ws, message->data);
}

SLUICE_HANDLER(tested_say, ws, event)
{
    say(ws, sluice_str(event, "text"));
}

static bool on_upgrade(sluice_conn *ws, const void *old_state, size_t old_size,
                       uint32_t old_version)
{
    const struct before *before = (const struct before *)old_state;
    struct tested *tested = (struct tested *)sluice_state(ws);

    if (old_version != 0 || old_size != sizeof *before)
        return false;
    tested->count = 100 * before->count;
    memcpy(tested->last, before->last, sizeof before->last);
    return true;
}

SLUICE_CONSUMER(.connect = on_connect, .receive = on_receive, .blocking = BLOCKING,
                .state_size = sizeof(struct tested), .state_version = 1, .upgrade = on_upgrade);
