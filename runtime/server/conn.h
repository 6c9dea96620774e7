/*
 * server/conn: the life of one connection, from accept(2) to its last callback.
 *
 *     REQUEST ── http ──► REPLYING ──► REQUEST (keep-alive) or ENDING
 *        └──── upgrade ─► CONNECTING ── accept ──► OPEN ── close ──► CLOSING ──► ENDING ──► GONE
 *                             └── refused ──────────────────────────────────────────┘
 *
 * A connection is never freed while anything runs for it. Whatever ends it closes the descriptor
 * and marks it GONE; at the end of the turn, when no callback is under way, disconnect is called,
 * exactly once, and then the memory goes.
 */
#ifndef SERVER_CONN_H
#define SERVER_CONN_H

#include <event2/event_struct.h>
#include <netinet/in.h>

#include "base/log.h"
#include "base/text.h"
#include "server/address.h"
#include "server/outbox.h"
#include "server/worker.h"
#include "wire/http.h"
#include "wire/message.h"

enum conn_state {
    CONN_REQUEST,    /* a request head is awaited */
    CONN_REPLYING,   /* a file is on its way */
    CONN_CONNECTING, /* the consumer's answer is awaited */
    CONN_OPEN,
    CONN_CLOSING, /* our close frame is queued, the peer's awaited */
    CONN_ENDING,  /* what is queued is written, then the line is closed */
    CONN_GONE,    /* the descriptor is closed */
};

#define CONN_PEER_SIZE ADDRESS_TEXT_SIZE

STAILQ_HEAD(task_list, task);
LIST_HEAD(membership_list, membership);
LIST_HEAD(alarm_list, alarm);

/* What a request may need: most that ask for a websocket come whole, and need nothing of it. Of its
 * connection, made when first needed, and gone when a websocket opens. */
struct conn_http {
    struct http_scan scan;  /* REQUEST: of the head that is half there... */
    struct http_body *body; /* ...or of the body behind it; NULL: it is the head */
    struct text response;   /* CONNECTING: header lines for the handshake's answer */
    int file;               /* REPLYING: what is sent behind the outbox; -1: none */
    uint64_t file_offset, file_left;
    struct files_parts *parts; /* what comes behind these bytes of the file; NULL: nothing */
};

/* Bytes received and not yet taken. Of its connection. */
struct conn_held {
    struct text bytes;
    size_t at; /* taken up to here */
};

/* Of one worker: its thread alone touches it, but for what a blocking callback that runs on the
 * pool reads (scope, state, mount), which nobody else touches meanwhile. */
struct conn {
    /* Its place on the loop. */
    struct worker *worker;
    TAILQ_ENTRY(conn) link;         /* in worker->conns */
    STAILQ_ENTRY(conn) ready_link;  /* in worker->ready, where `ready` says so */
    STAILQ_ENTRY(conn) greedy_link; /* in worker->greedy, where `greedy` says so */
    TAILQ_ENTRY(conn) stalled_link; /* in worker->stalled, where `stalled` says so */
    bool ready : 1;
    bool greedy : 1;
    bool stalled : 1;

    /* The line. */
    bool reading : 1;    /* the event waits for bytes... */
    bool writing : 1;    /* ...and for room */
    bool want_write : 1; /* the socket was full: the event is to wait for room as well */
    bool more : 1;       /* there is more to be read, left for the next turn to be fair */
    bool half : 1;       /* OPEN: a message is half there, which began at `since` */
    bool pinged : 1;     /* a ping is out and nothing came since */
    bool peer_done : 1;  /* the peer has sent its last byte */
    bool linger : 1;     /* ENDING: wait for the peer's end, so that it gets our last words */
    bool shut : 1;       /* ENDING: our side is shut down */
    bool served : 1;     /* REQUEST: another one was answered before */
    bool keep_alive : 1; /* REPLYING: another request may follow */
    int fd;              /* -1 once it is GONE */
    struct event event;
    struct address_entry *address; /* its place in the counts; NULL: of a Unix socket */
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } peer;

    /* Its life. */
    enum conn_state state;
    uint16_t code;         /* what disconnect is told */
    uint16_t sent_code;    /* of our close frame; 0: none is sent */
    bool connected : 1;    /* connect was called, or would have been: disconnect is owed */
    bool disconnected : 1; /* disconnect was called */
    bool told : 1;         /* the server stops: it was its turn to end... */
    bool stopping : 1;     /* ...which is why it ends */
    bool parted : 1;       /* its last callback was called, or has begun on the loop */
    bool awaited : 1;      /* worker->moves waits for it */
    bool left : 1;         /* its mount is gone for it, and has counted that */

    /* Callbacks of a blocking consumer. No bit fields, for they read them. */
    bool blocking;          /* its consumer is one */
    bool busy;              /* one runs on the pool */
    atomic_bool starved;    /* one on the pool had no memory for what it asked */
    struct task_list tasks; /* those that wait */
    unsigned task_events;   /* events among them */
    unsigned epoch;         /* worker->epoch, when it was asked to move: server/move */
    unsigned pins;          /* jobs under way that will come back to it */
    struct task *last_task; /* for disconnect, made beforehand: it must not fail */

    /* Of a websocket, once routed: the mount and its code. */
    struct mount *mount;
    struct routing *routing;       /* the reference that keeps mount */
    struct generation *generation; /* a reference */
    struct move *moving;           /* upgrade is under way, on the pool; NULL: it is not */
    struct drain *drain;           /* NULL: it may stay as long as it likes: server/drain */
    struct scope *scope;
    void *state_bytes;       /* the consumer's, of its state_size */
    struct channel *channel; /* NULL: its name was never asked for */
    struct membership_list memberships;
    struct alarm_list alarms; /* server/later: sluice_after */
    uint64_t next_alarm;
    char *reason; /* of the peer's close frame; for sluice_close_reason */

    /* What has come. */
    struct conn_held *held; /* NULL: nothing that was received is still to be taken */
    struct conn_http *http; /* NULL: not needed */
    struct message_reader reader;
    struct conn_rates *rates; /* NULL: no mount that it was in sets any */
    size_t accounted;         /* bytes of memory that it has told the server's `held` of */

    /* What goes out. */
    struct outbox outbox;
    atomic_size_t backlog; /* outbox.size, for a callback on the pool */

    /* When, by loop_now, and how much. */
    uint64_t opened;       /* accepted */
    uint64_t since;        /* the present state began, or the request; OPEN: see `half` */
    uint64_t heard;        /* the last byte came, or, where it is pinged, the ping was sent */
    uint64_t message_last; /* the last message went in or out */
    uint64_t messages_in, messages_out, bytes_in, bytes_out;
};

/* Takes over the descriptor, and its place in the counts: the descriptor is closed, and the place
 * given back, where this fails. `address` is NULL for a Unix socket. */
void conn_accept(struct worker *worker, int fd, const struct sockaddr *peer,
                 struct address_entry *address);

/* Made now, if it was not before. NULL: no memory, and the line is cut. */
struct conn_http *conn_need_http(struct conn *conn);

/* The worker's turn ends: writes what is queued, resumes, calls disconnect, frees. True: more is
 * to be done without waiting. */
bool conn_turn(struct worker *worker);
/* Puts it among those that conn_turn looks at. */
void conn_ready(struct conn *conn);
/* Now and then, see server/worker: timeouts and pings. */
void conn_sweep(struct conn *conn, uint64_t now);

/* May bytes be taken from it: nothing of its own is to be waited for first. */
bool conn_hears(const struct conn *conn);

/* Queue something to be sent. A connection that may not send that now, or has no memory for it,
 * is dealt with here. */
void conn_send(struct conn *conn, enum frame_opcode opcode, struct slice payload);
void conn_send_batch(struct conn *conn, struct batch *batch, size_t offset, size_t size,
                     unsigned frames);
void conn_send_bytes(struct conn *conn, struct slice bytes); /* outside of any frame: HTTP */

/* The consumer's wish, or the server's own: the close frame goes out behind what is queued, and the
 * peer's is awaited. In CONNECTING: 403. */
void conn_close(struct conn *conn, unsigned code, struct slice reason);
/* The peer broke a rule: the same, but nothing of it is listened to any more. */
void conn_fail(struct conn *conn, unsigned code, const char *why);
/* What is queued is written, the line is closed; `linger`: once the peer has closed its side. */
void conn_end(struct conn *conn, bool linger);
/* The server stops: 1001, or 1012 where it is started again; 503 where the consumer has not
 * answered. `now`: the line is cut. */
void conn_stop(struct conn *conn, bool now);
/* The line is cut, now. */
void conn_cut(struct conn *conn, const char *why);

/* The websocket handshake is answered: 101. */
void conn_open(struct conn *conn, struct slice head);
void conn_set_state(struct conn *conn, enum conn_state state);

const char *conn_peer(const struct conn *conn, char text[CONN_PEER_SIZE]);

/* disconnect was called, or is next: it joins nothing more, and what it asks for goes nowhere. */
static inline bool conn_left(const struct conn *conn)
{
    return conn->state == CONN_GONE || conn->disconnected;
}

/* Before a mount is known, what counts is how long an answer may take to be read. */
extern const struct limits_config conn_limits_before;

static inline const struct limits_config *conn_limits(const struct conn *conn)
{
    return conn->mount != NULL ? &conn->mount->config->limits : &conn_limits_before;
}

static inline bool conn_is_unix(const struct conn *conn)
{
    return conn->address == NULL;
}

/* The body of a request is awaited. */
static inline bool conn_has_body(const struct conn *conn)
{
    return conn->http != NULL && conn->http->body != NULL;
}

/* A file follows what is queued. */
static inline bool conn_has_file(const struct conn *conn)
{
    return conn->http != NULL && conn->http->file >= 0;
}

/* One line about it: mount and peer stand before the fields. */
#define conn_log(conn, level, event, ...)                                                          \
    do {                                                                                           \
        char conn_log_peer[CONN_PEER_SIZE];                                                        \
        log_write((level), (event),                                                                \
                  LOG_STR("mount", (conn)->mount != NULL ? (conn)->mount->config->route : NULL),   \
                  LOG_STR("peer", conn_peer((conn), conn_log_peer)), __VA_ARGS__);                 \
    } while (0)

#endif
