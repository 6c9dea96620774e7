/*
 * move_1: the first of several versions of one consumer: move_1b has the same state, that of move_2
 * is larger, that of move_3 smaller, move_alien has no upgrade, move_refuses says no to some;
 * move_pool_1 and move_pool_2 block.
 *
 * "which" is answered with the version; "count" with how often it was asked; "room" with the path's
 * room as it was when the connection began; "param NAME", "option NAME", "channel", "scope" with
 * what they are. "join G", "say G TEXT" (once for all), "tell G TEXT" (by each), "after MS TEXT",
 * "job TEXT" (which waits at the gate), "wait" (at the gate), "accept CHANNEL", "note" (in the
 * trace), "size N" (so many bytes). "?answer=later": accepted when another one says so.
 *
 * Must be seen: whatever is reloaded, a connection counts on, and everything that it had asked for
 * reaches it, in the version that its mount has by then (the trace "1 connect", "1 disconnect 3",
 * "2 upgrade 1").
 */
#include <sluice/sluice.h>

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gate.h"
#include "trace.h"

#ifndef VERSION
#define VERSION "1"
#define STATE   1
#endif
#ifdef BLOCKS
#define BLOCKING true
#else
#define BLOCKING false
#endif

struct state_1 {
    unsigned count;
    const char *room; /* in the scope */
};
struct state_2 {
    char more[200];
    unsigned long long count;
    const char *room;
};
struct state_3 {
    unsigned short count;
};

#if STATE == 1
typedef struct state_1 own_state;
#elif STATE == 2
typedef struct state_2 own_state;
#else
typedef struct state_3 own_state;
#endif

static void trace_number(const char *what, unsigned long long number)
{
    char line[64];

    snprintf(line, sizeof line, VERSION " %s %llu", what, number);
    trace(line);
}

static const char *room_of(sluice_conn *ws)
{
#if STATE == 3
    return sluice_param(ws, "room");
#else
    const own_state *state = (const own_state *)sluice_state(ws);

    return state->room;
#endif
}

static void on_connect(sluice_conn *ws)
{
    const char *answer = sluice_query(ws, "answer");

#if STATE != 3
    own_state *state = (own_state *)sluice_state(ws);

    state->room = sluice_param(ws, "room");
#endif
    trace(VERSION " connect");
    if (answer != NULL && strcmp(answer, "gate") == 0)
        gate_wait();
    if (answer != NULL && strcmp(answer, "later") == 0)
        trace(sluice_channel(ws));
    else
        sluice_accept(ws);
}

static struct json_object *job(struct json_object *arg)
{
    char text[64];

    snprintf(text, sizeof text, "%s by job of " VERSION, sluice_str(arg, "text"));
    json_object_put(arg);
    trace("working");
    gate_wait();
    return sluice_json("{type: 'move.tell', text: %s}", text);
}

static void on_command(sluice_conn *ws, const char *word, const char *first, const char *rest)
{
    own_state *state = (own_state *)sluice_state(ws);

    if (strcmp(word, "which") == 0)
        sluice_send_text(ws, VERSION);
    else if (strcmp(word, "count") == 0)
        sluice_send_json(ws, "%u", (unsigned)++state->count);
    else if (strcmp(word, "room") == 0)
        sluice_send_text(ws, room_of(ws));
    else if (strcmp(word, "param") == 0)
        sluice_send_json(ws, "%s", sluice_param(ws, first));
    else if (strcmp(word, "option") == 0)
        sluice_send_json(ws, "%s", sluice_option(ws, first));
    else if (strcmp(word, "channel") == 0)
        sluice_send_text(ws, sluice_channel(ws));
    else if (strcmp(word, "scope") == 0)
        sluice_send_text(
            ws, json_object_to_json_string_ext(
                    json_object_object_get(sluice_scope(ws), "url_route"), JSON_C_TO_STRING_PLAIN));
    else if (strcmp(word, "join") == 0)
        sluice_group_add(ws, first);
    else if (strcmp(word, "say") == 0 || strcmp(word, "tell") == 0)
        sluice_group_send(first, "{type: 'move.%s', text: %s}", word, rest);
    else if (strcmp(word, "after") == 0)
        sluice_after(ws, (unsigned)atoi(first), "{type: 'move.tell', text: %s}", rest);
    else if (strcmp(word, "job") == 0)
        sluice_defer(ws, job, "{text: %s}", first);
    else if (strcmp(word, "accept") == 0)
        sluice_channel_send(first, "{type: 'move.accept'}");
    else if (strcmp(word, "note") == 0)
        trace(VERSION " note");
}

static void on_receive(sluice_conn *ws, const sluice_message *message)
{
    char word[16] = "", first[128] = "", rest[128] = "";

    if (message->size > sizeof first + sizeof rest) { /* how many, of whatever bytes */
        sluice_send_json(ws, "%zu", message->size);
        return;
    }
    sscanf(message->data, "%15s %127s %127[^\n]", word, first, rest);
    if (strcmp(word, "wait") == 0) {
        trace("waiting");
        gate_wait();
        sluice_send_text(ws, "waited in " VERSION);
    } else if (strcmp(word, "size") == 0) {
        size_t size = (size_t)atoi(first);
        char *bytes = (char *)calloc(1, size);

        sluice_send_bytes(ws, bytes, size);
        free(bytes);
    } else {
        on_command(ws, word, first, rest);
    }
}

static void on_disconnect(sluice_conn *ws, int code)
{
    const own_state *state = (const own_state *)sluice_state(ws);

    (void)code;
    trace_number("disconnect", state->count);
}

static void tell(sluice_conn *ws, struct json_object *event)
{
    char text[256];

    snprintf(text, sizeof text, "%s in " VERSION, sluice_str(event, "text"));
    sluice_send_text(ws, text);
}

SLUICE_HANDLER(move_tell, ws, event)
{
    tell(ws, event);
}

SLUICE_HANDLER(move_accept, ws, event)
{
    sluice_accept(ws);
}

#ifdef BLOCKS
SLUICE_HANDLER(move_say, ws, event)
#else
SLUICE_BROADCAST(move_say, ws, event)
#endif
{
    tell(ws, event);
}

#ifdef ALIEN
#define on_upgrade NULL
#else
static bool is_zero(const own_state *state)
{
    static const own_state zero;

    return memcmp(state, &zero, sizeof zero) == 0;
}

static unsigned long long old_count(const void *old, size_t size, uint32_t version)
{
    if (version == 1 && size == sizeof(struct state_1))
        return ((const struct state_1 *)old)->count;
    if (version == 2 && size == sizeof(struct state_2))
        return ((const struct state_2 *)old)->count;
    if (version == 3 && size == sizeof(struct state_3))
        return ((const struct state_3 *)old)->count;
    abort();
}

static bool on_upgrade(sluice_conn *ws, const void *old, size_t size, uint32_t version)
{
    own_state *state = (own_state *)sluice_state(ws);

    if (!is_zero(state))
        abort();
    state->count += old_count(old, size, version);
    trace_number("upgrade", version);
#if STATE != 3
    state->room = sluice_param(ws, "room");
#endif
#ifdef WAITS
    gate_wait();
#endif
#ifdef REFUSES
    sluice_send_text(ws, "not from upgrade");
    sluice_group_send("all", "{type: 'move.say', text: 'nor this'}");
    sluice_group_discard(ws, "all");
    sluice_close(ws, 1000, "nor this");
    return state->count % 2 == 0;
#else
    return true;
#endif
}
#endif

static struct json_object *on_save(void)
{
    trace(VERSION " save");
    return NULL;
}

SLUICE_CONSUMER(.connect = on_connect, .receive = on_receive, .disconnect = on_disconnect,
                .save = on_save, .upgrade = on_upgrade, .blocking = BLOCKING,
                .state_size = sizeof(own_state), .state_version = STATE);
