/*
 * runner: takes numbered messages, and answers each with its number and the version; each eighth
 * also with a timer and a job. "say N" tells all of them. The version is in the file's bytes, where
 * whoever makes a new one writes another.
 *
 * Must be seen: whatever becomes of the code meanwhile, the numbers that a connection has sent
 * follow each other here, from any first one ("a 7 12", else "w"), and each event, timer and job
 * comes once, in order.
 */
#include <sluice/sluice.h>

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef BLOCKING
#define BLOCKING false
#endif
#ifndef STATE_VERSION
#define STATE_VERSION 1
#endif

static const char version_mark[] __attribute__((used)) = "runner version 000000";

/* Read as it stands in the file: the compiler is not to know what it is. */
static int version(void)
{
    const char *volatile mark = version_mark;

    return atoi(mark + sizeof "runner version " - 1);
}

struct state {
#if STATE_VERSION == 2
    char grown[100];
#endif
    long long last;
};

/* The last number stands at the end of both. */
static bool on_upgrade(sluice_conn *ws, const void *old_state, size_t old_size,
                       uint32_t old_version)
{
    struct state *state = sluice_state(ws);

    (void)old_version;
    memcpy(&state->last, (const char *)old_state + old_size - sizeof state->last,
           sizeof state->last);
    return true;
}

static void say(sluice_conn *ws, char what, long long number)
{
    char text[64];

    snprintf(text, sizeof text, "%c %lld %d", what, number, version());
    sluice_send_text(ws, text);
}

static struct json_object *job(struct json_object *arg)
{
    long long number = sluice_int(arg, "number", -1);

    usleep(5000);
    json_object_put(arg);
    return sluice_json("{type: 'runner.job', number: %lld}", number);
}

SLUICE_HANDLER(runner_job, ws, event)
{
    say(ws, 'j', sluice_int(event, "number", -1));
}

SLUICE_HANDLER(runner_timer, ws, event)
{
    say(ws, 't', sluice_int(event, "number", -1));
}

SLUICE_HANDLER(runner_said, ws, event)
{
    say(ws, 'e', sluice_int(event, "number", -1));
}

#ifdef NO_BROADCAST
SLUICE_HANDLER(runner_shown, ws, event)
#else
SLUICE_BROADCAST(runner_shown, ws, event)
#endif
{
    say(ws, 'e', sluice_int(event, "number", -1));
}

static void on_connect(sluice_conn *ws)
{
    sluice_group_add(ws, "runners");
    sluice_accept(ws);
}

static void on_receive(sluice_conn *ws, const sluice_message *message)
{
    struct state *state = sluice_state(ws);
    long long number;

    if (sscanf(message->data, "say %lld", &number) == 1) {
        sluice_group_send("runners", "{type: %s, number: %lld}",
                          number % 2 ? "runner.said" : "runner.shown", number);
        return;
    }
    number = atoll(message->data);
    say(ws, number == state->last + 1 || state->last == 0 ? 'a' : 'w', number);
    state->last = number;
    if (number % 8 != 0)
        return;
    sluice_after(ws, 150, "{type: 'runner.timer', number: %lld}", number);
    sluice_defer(ws, job, "{number: %lld}", number);
}

SLUICE_CONSUMER(.connect = on_connect, .receive = on_receive, .blocking = BLOCKING,
                .state_size = sizeof(struct state), .state_version = STATE_VERSION,
                .upgrade = on_upgrade);
