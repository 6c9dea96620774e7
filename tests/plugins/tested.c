/*
 * tested: a consumer of everything that sluice/testing.h drives.
 *
 * Must be seen: each word that a client says is answered as below, whether the consumer may block
 * (tested_blocking) or not; and after a reload that brings tested_next, "count" goes on from where
 * it was.
 */
#include <sluice/sluice.h>
#include <stdio.h>
#include <string.h>

#include <json-c/json.h>

#ifndef BLOCKING
#define BLOCKING false
#endif

struct tested {
    unsigned count;
    char last[32];
};

static const char *text_of(struct json_object *value)
{
    return value != NULL ? json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN) : NULL;
}

static void say_who(sluice_conn *ws)
{
    sluice_send_json(ws, "{user: %s, session: %s, peer: %s, host: %s, origin: %s}",
                     text_of(sluice_user(ws)), text_of(sluice_session(ws)), sluice_peer(ws),
                     sluice_header(ws, "Host"), sluice_header(ws, "Origin"));
}

static void say_scope(sluice_conn *ws)
{
    struct json_object *user = NULL, *server = NULL;

    json_object_object_get_ex(sluice_scope(ws), "user", &user);
    json_object_object_get_ex(sluice_scope(ws), "server", &server);
    sluice_send_json(ws, "{user: %s, server: %s}", text_of(user), text_of(server));
}

static void on_connect(sluice_conn *ws)
{
    const char *how = sluice_query(ws, "how");

    sluice_group_add(ws, "tested");
    if (how == NULL)
        sluice_accept(ws);
    else if (strcmp(how, "deny") == 0)
        sluice_deny(ws, 418, "no coffee\n");
    else if (strcmp(how, "close") == 0)
        sluice_close(ws, 4000, NULL);
    else if (strcmp(how, "later") == 0)
        sluice_after(ws, 500, "{type: 'tested.accept'}");
    else if (strcmp(how, "chat") == 0)
        sluice_accept_as(ws, "chat");
    /* else never */
}

static struct json_object *square(struct json_object *arg)
{
    long long number = sluice_int(arg, "number", 0);

    json_object_put(arg); /* it is the job's */
    return sluice_json("{type: 'tested.say', text: '%lld'}", number * number);
}

static void say_many(sluice_conn *ws)
{
    for (int i = 0; i < 1000; i++)
        sluice_send_json(ws, "%d", i);
}

static void on_receive(sluice_conn *ws, const sluice_message *message)
{
    struct tested *tested = (struct tested *)sluice_state(ws);
    const char *word = message->data;
    unsigned ms;

    snprintf(tested->last, sizeof tested->last, "%s", word);
    tested->count++;
    if (message->binary)
        sluice_send(ws, message);
    else if (strcmp(word, "who") == 0)
        say_who(ws);
    else if (strcmp(word, "scope") == 0)
        say_scope(ws);
    else if (strcmp(word, "count") == 0)
        sluice_send_json(ws, "%u", tested->count);
    else if (strcmp(word, "close") == 0)
        sluice_close(ws, 4001, "as told");
    else if (strcmp(word, "job") == 0)
        sluice_defer(ws, square, "{number: 12}");
    else if (strcmp(word, "many") == 0)
        say_many(ws);
    else if (strcmp(word, "for ever") == 0)
        sluice_after(ws, 0, "{type: 'tested.for_ever'}");
    else if (sscanf(word, "after %u", &ms) == 1)
        sluice_after(ws, ms, "{type: 'tested.say', text: %s}", word);
    else if (strncmp(word, "all ", 4) == 0)
        sluice_group_send("tested", "{type: 'tested.say', text: %s}", word + 4);
    else
        sluice_send(ws, message);
}

SLUICE_HANDLER(tested_accept, ws, event)
{
    sluice_accept(ws);
}

SLUICE_HANDLER(tested_say, ws, event)
{
    sluice_send_text(ws, sluice_str(event, "text"));
}

SLUICE_HANDLER(tested_for_ever, ws, event)
{
    sluice_after(ws, 0, "{type: 'tested.for_ever'}");
}

/* Into the group's ears: everybody who is left hears why somebody went. */
static void on_disconnect(sluice_conn *ws, int code)
{
    const char *reason = sluice_close_reason(ws);

    sluice_group_send("tested", "{type: 'tested.say', text: 'gone %d %s'}", code,
                      reason != NULL ? reason : "-");
}

SLUICE_CONSUMER(.connect = on_connect, .receive = on_receive, .disconnect = on_disconnect,
                .blocking = BLOCKING, .state_size = sizeof(struct tested));
