/*
 * servant: does what a message says: "join G", "leave G", "tell G COUNT SIZE" and "show G COUNT
 * SIZE" (events for a handler of each, for one broadcast handler), "hop G COUNT" (each member
 * leaves, and most come back), "close", "pour COUNT SIZE", "timers COUNT MS", "jobs COUNT MS", "nap
 * MS". Any other message comes back, twice. "?answer=never" and "?answer=later" are what they say.
 *
 * Must be seen: whatever many connections ask for at once, and however they go, each has one
 * connect and one disconnect, which unload says on stderr: "servant: 7 7".
 */
#include <sluice/sluice.h>

#include <json-c/json.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef BLOCKING
#define BLOCKING false
#endif

enum { SIZE_MAX_OF_TEXT = 1 << 20 };

static atomic_long connects, disconnects;

static void on_connect(sluice_conn *ws)
{
    const char *answer = sluice_query(ws, "answer");

    connects++;
    if (answer == NULL)
        sluice_accept(ws);
    else if (strcmp(answer, "later") == 0)
        sluice_after(ws, 100, "{type: 'servant.accept'}");
}

SLUICE_HANDLER(servant_accept, ws, event)
{
    sluice_accept(ws);
}

SLUICE_HANDLER(servant_tell, ws, event)
{
    sluice_send_text(ws, sluice_str(event, "text"));
}

#ifndef NO_BROADCAST
SLUICE_BROADCAST(servant_show, ws, event)
{
    sluice_send_text(ws, sluice_str(event, "text"));
}
#endif

SLUICE_HANDLER(servant_hop, ws, event)
{
    unsigned *hops = sluice_state(ws);

    sluice_group_discard(ws, sluice_str(event, "group"));
    if (++*hops % 4 != 0)
        sluice_group_add(ws, sluice_str(event, "group"));
    if (*hops % 16 == 0)
        sluice_close(ws, 4000, "hopped enough");
}

static struct json_object *job(struct json_object *arg)
{
    usleep(1000 * (unsigned)sluice_int(arg, "ms", 0));
    json_object_put(arg);
    return sluice_json("{type: 'servant.tell', text: 'job'}");
}

static void send_events(const char *kind, const char *group, long count, long size)
{
    char *text = calloc(1, SIZE_MAX_OF_TEXT + 1);

    if (text != NULL && size <= SIZE_MAX_OF_TEXT)
        memset(text, 'x', (size_t)size);
    for (long i = 0; text != NULL && i < count; i++)
        sluice_group_send(group, "{type: 'servant.%s', group: %s, text: %s}", kind, group, text);
    free(text);
}

static void pour(sluice_conn *ws, long count, size_t size)
{
    void *bytes = calloc(1, size);

    for (long i = 0; bytes != NULL && i < count; i++)
        sluice_send_bytes(ws, bytes, size);
    free(bytes);
}

/* The second time the line may be cut, and the message is still there. */
static void echo(sluice_conn *ws, const sluice_message *message)
{
    sluice_send(ws, message);
    sluice_send(ws, message);
}

static void on_receive(sluice_conn *ws, const sluice_message *message)
{
    char word[8] = "", group[32] = "";
    long count = 0, size = 0;

    if (sscanf(message->data, "%7s %31[a-z] %ld %ld", word, group, &count, &size) < 2)
        sscanf(message->data, "%7s %ld %ld", word, &count, &size);
    if (strcmp(word, "join") == 0)
        sluice_group_add(ws, group);
    else if (strcmp(word, "leave") == 0)
        sluice_group_discard(ws, group);
    else if (strcmp(word, "tell") == 0 || strcmp(word, "show") == 0 || strcmp(word, "hop") == 0)
        send_events(word, group, count, size);
    else if (strcmp(word, "pour") == 0)
        pour(ws, count, (size_t)size);
    else if (strcmp(word, "timers") == 0)
        for (long i = 0; i < count; i++)
            sluice_after(ws, (unsigned)size, "{type: 'servant.tell', text: 'timer'}");
    else if (strcmp(word, "jobs") == 0)
        for (long i = 0; i < count; i++)
            sluice_defer(ws, job, "{ms: %ld}", size);
    else if (strcmp(word, "nap") == 0)
        usleep(1000 * (unsigned)count);
    else if (strcmp(word, "close") == 0)
        sluice_close(ws, 1000, "as you say");
    else
        echo(ws, message);
}

static void on_disconnect(sluice_conn *ws, int code)
{
    (void)code;
    sluice_send_text(ws, "to nobody");
    sluice_group_add(ws, "nobody");
    sluice_after(ws, 1, "{type: 'servant.tell', text: 'late'}");
    sluice_defer(ws, job, "{}");
    disconnects++;
}

static void on_unload(void)
{
    fprintf(stderr, "servant: %ld %ld\n", (long)connects, (long)disconnects);
}

SLUICE_CONSUMER(.connect = on_connect, .receive = on_receive, .disconnect = on_disconnect,
                .unload = on_unload, .blocking = BLOCKING, .state_size = sizeof(unsigned));
