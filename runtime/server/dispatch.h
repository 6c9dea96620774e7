/*
 * server/dispatch: an event of a connection becomes a call into its consumer.
 *
 * A consumer that may not block runs right here, on the loop. A blocking one runs on the pool: its
 * calls queue up as tasks of the connection (server/task), and while any is left nothing is read
 * from the peer. Either way the thread knows which call it is in, for the API, the
 * watchdog and the log.
 */
#ifndef SERVER_DISPATCH_H
#define SERVER_DISPATCH_H

#include <sys/queue.h>

#include "layer/layer.h"
#include "plugin/handler.h"
#include "server/conn.h"

struct task;

/* The call into a consumer that this thread is in. On the stack of whoever made it. */
struct call {
    struct conn *conn; /* NULL in a job */
    struct mount *mount;
    const char *callback;  /* "connect", "receive", ..., or the handler's name; a literal or the
                              generation's */
    struct slice received; /* text that the peer sent: known to be UTF-8; data NULL: none */
    struct slice type;     /* of the event that is handled; data NULL: none is */
    struct batch *batch;   /* of a broadcast handler: what it sends is collected here */
    unsigned batch_frames; /* messages in it so far, from this call */
    uint64_t started;      /* clock_coarse */
    bool ending;           /* in disconnect */
    bool upgrading;        /* in upgrade */
    bool on_pool;
    struct call *outer; /* NULL: there is none */
    LIST_ENTRY(call) pool_link;
};

extern _Thread_local struct call *call_innermost;

/* NULL outside of a consumer's code. */
static inline struct call *call_current(void)
{
    return call_innermost;
}

void call_begin(struct call *call, struct worker *worker);
void call_end(struct call *call, struct worker *worker);

/* Calls in a row, with next to nothing between them, ask the clock once each: one begins when the
 * one before it ended. Begin and end of a row. */
static inline void call_row(struct worker *worker, bool row)
{
    worker->call_row = row;
    worker->call_ended = 0;
}

/* A callback that is under way on another thread, in words; all "" where there is none. */
struct call_name {
    char mount[128], callback[128], type[WORKER_TYPE_WORDS * sizeof(uint64_t)];
};
void call_on_loop(const struct worker *worker, struct call_name *name); /* main thread */
void call_on_pool(struct call_name *name); /* the one that began first; any thread */

/* A buffer of this thread's own, empty, for what a call is about to send. */
struct text *call_scratch(void);
/* This thread keeps something for calls (that buffer, compiled templates), which is freed when it
 * ends: any thread, those that consumers have started too. */
void call_keeps(void);

/* The type of an event that was decoded: data NULL where it has none that is text. */
struct slice dispatch_type(struct json_object *content);
/* The handler for events of this type in the connection's generation. NULL: there is none, and
 * that was counted and logged. */
const struct sluice_handler *dispatch_find(struct conn *conn, struct slice type, bool runtime);
/* An event that does not reach it is counted, and told. */
void dispatch_drop(struct conn *conn, enum drop drop, struct slice type);
/* Do events reach it: is it neither closing nor gone. */
static inline bool dispatch_open(const struct conn *conn)
{
    return conn->state == CONN_OPEN || conn->state == CONN_CONNECTING;
}

void dispatch_connect(struct conn *conn);
/* A text or binary message; `data` is valid during the call only. */
void dispatch_message(struct conn *conn, bool binary, const uint8_t *data, size_t size);
/* An event whose handler is found by its type: decoded by the caller, who keeps both. */
void dispatch_handler(struct conn *conn, const struct sluice_handler *handler, struct slice type,
                      struct json_object *content);
/* An event in any consumer: decoded here, or on the pool. Borrowed. */
void dispatch_event(struct conn *conn, struct layer_event *event);
/* The last call. Later, where callbacks of it are still to end. */
void dispatch_disconnect(struct conn *conn);

/* What a task stands for, on the pool; or on the loop, where it came too late for that. */
void dispatch_task(struct task *task);

/* Calls upgrade of the consumer that the connection has now, for what conn->moving has of another.
 * Its end is told to move_upgraded: before this returns, or from the pool. */
void dispatch_upgrade(struct conn *conn);

static inline bool dispatch_blocking(const struct conn *conn)
{
    return conn->blocking;
}

/* Nothing of it is under way or waits. */
static inline bool dispatch_idle(const struct conn *conn)
{
    return !conn->busy && STAILQ_EMPTY(&conn->tasks);
}

#endif
