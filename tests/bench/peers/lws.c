/*
 * The peer "libwebsockets": /ws/echo/ sends back, /ws/chat/ sends to all who are there.
 *
 * It writes one message in each of its "writable" callbacks, so each connection has a queue.
 */
#include <libwebsockets.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/resource.h>

struct note {
    unsigned users;
    size_t size;
    unsigned char bytes[]; /* LWS_PRE of room, then the message */
};

struct entry {
    STAILQ_ENTRY(entry) link;
    struct note *note;
};

struct session {
    LIST_ENTRY(session) link;
    struct lws *wsi;
    STAILQ_HEAD(, entry) queue;
    bool chat;
    unsigned char *in; /* of a message that is half there */
    size_t in_size;
};

static LIST_HEAD(, session) room = LIST_HEAD_INITIALIZER(room);

static void note_drop(struct note *note)
{
    if (--note->users == 0)
        free(note);
}

static void session_queue(struct session *session, struct note *note)
{
    struct entry *entry = malloc(sizeof *entry);

    if (entry == NULL)
        abort();
    entry->note = note;
    note->users++;
    STAILQ_INSERT_TAIL(&session->queue, entry, link);
    lws_callback_on_writable(session->wsi);
}

static void session_message(struct session *session, const void *data, size_t size)
{
    struct note *note = malloc(sizeof *note + LWS_PRE + size);
    struct session *member;

    if (note == NULL)
        abort();
    note->users = 1;
    note->size = size;
    memcpy(note->bytes + LWS_PRE, data, size);
    if (!session->chat)
        session_queue(session, note);
    else
        LIST_FOREACH (member, &room, link)
            session_queue(member, note);
    note_drop(note);
}

static void session_receive(struct session *session, const void *data, size_t size)
{
    bool last =
        lws_is_final_fragment(session->wsi) && lws_remaining_packet_payload(session->wsi) == 0;

    if (last && session->in_size == 0) {
        session_message(session, data, size);
        return;
    }
    session->in = realloc(session->in, session->in_size + size + 1);
    if (session->in == NULL)
        abort();
    memcpy(session->in + session->in_size, data, size);
    session->in_size += size;
    if (!last)
        return;
    session_message(session, session->in, session->in_size);
    free(session->in);
    session->in = NULL;
    session->in_size = 0;
}

static int session_write(struct session *session)
{
    struct entry *entry = STAILQ_FIRST(&session->queue);
    int result;

    if (entry == NULL)
        return 0;
    STAILQ_REMOVE_HEAD(&session->queue, link);
    result =
        lws_write(session->wsi, entry->note->bytes + LWS_PRE, entry->note->size, LWS_WRITE_TEXT);
    note_drop(entry->note);
    free(entry);
    if (!STAILQ_EMPTY(&session->queue))
        lws_callback_on_writable(session->wsi);
    return result < 0 ? -1 : 0;
}

static void session_open(struct session *session, struct lws *wsi)
{
    char path[64] = "";

    lws_hdr_copy(wsi, path, sizeof path, WSI_TOKEN_GET_URI);
    session->wsi = wsi;
    session->chat = strncmp(path, "/ws/chat/", 9) == 0;
    STAILQ_INIT(&session->queue);
    if (session->chat)
        LIST_INSERT_HEAD(&room, session, link);
}

static void session_close(struct session *session)
{
    struct entry *entry;

    if (session->chat)
        LIST_REMOVE(session, link);
    while ((entry = STAILQ_FIRST(&session->queue)) != NULL) {
        STAILQ_REMOVE_HEAD(&session->queue, link);
        note_drop(entry->note);
        free(entry);
    }
    free(session->in);
}

static int callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                    size_t size)
{
    struct session *session = user;

    switch (reason) {
    case LWS_CALLBACK_ESTABLISHED:
        session_open(session, wsi);
        return 0;
    case LWS_CALLBACK_RECEIVE:
        session_receive(session, in, size);
        return 0;
    case LWS_CALLBACK_SERVER_WRITEABLE:
        return session_write(session);
    case LWS_CALLBACK_CLOSED:
        session_close(session);
        return 0;
    default:
        return 0;
    }
}

int main(int argc, char **argv)
{
    static const struct lws_protocols protocols[] = {
        {"bench", callback, sizeof(struct session), 65536, 0, NULL, 0},
        {NULL, NULL, 0, 0, 0, NULL, 0},
    };
    struct lws_context_creation_info info = {0};
    struct rlimit files;

    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    lws_set_log_level(LLL_ERR, NULL);
    info.port = argc > 1 ? atoi(argv[1]) : 8000;
    info.iface = "127.0.0.1";
    info.protocols = protocols;
    struct lws_context *context = lws_create_context(&info);
    if (context == NULL)
        return 1;
    while (lws_service(context, 0) >= 0)
        ;
    lws_context_destroy(context);
    return 0;
}
