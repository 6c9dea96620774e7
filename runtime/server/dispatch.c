/*
 * server/dispatch: an event of a connection becomes a call into its consumer.
 *
 * The run_ functions make the calls, on whichever thread they belong to; what a blocking consumer
 * is called with becomes a task first.
 */
#include "server/dispatch.h"

#include <json-c/json.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/template.h"
#include "layer/msgpack.h"
#include "server/fanout.h"
#include "server/move.h"
#include "server/operation.h"
#include "server/task.h"

/* ---- The call this thread is in ------------------------------------------------------------- */

_Thread_local struct call *call_innermost;

enum { SCRATCH_KEEP = 64 * 1024 }; /* bytes that a thread keeps from one call to the next */

static _Thread_local struct text scratch;
static _Thread_local bool forgets; /* this thread, when it ends */
static pthread_key_t ending;
static bool ending_made;
static pthread_once_t ending_once = PTHREAD_ONCE_INIT;

static void forget(void *ignored)
{
    (void)ignored;
    forgets = false;
    text_free(&scratch);
    template_forget();
}

static void make_ending(void)
{
    ending_made = pthread_key_create(&ending, forget) == 0;
}

void call_keeps(void)
{
    if (forgets)
        return;
    pthread_once(&ending_once, make_ending);
    forgets = ending_made && pthread_setspecific(ending, &forgets) == 0;
}

struct text *call_scratch(void)
{
    call_keeps();
    if (scratch.room > SCRATCH_KEEP || scratch.failed)
        text_free(&scratch);
    text_clear(&scratch);
    return &scratch;
}

/* The watchdog may look when the event is gone, so it gets the text and not a pointer. */
static void watch_type(struct worker_watch *watch, struct slice type)
{
    uint64_t words[WORKER_TYPE_WORDS];
    size_t size = type.size < sizeof words ? type.size : sizeof words - 1;

    if (type.size == 0) {
        atomic_store_explicit(&watch->type[0], 0, memory_order_relaxed);
        return;
    }
    words[size / sizeof *words] = 0; /* the zero byte behind it, and what the copy leaves */
    memcpy(words, type.data, size);
    for (size_t i = 0; i <= size / sizeof *words; i++)
        atomic_store_explicit(&watch->type[i], words[i], memory_order_relaxed);
}

/* What the watchdog's thread sees: plain stores, but for the counter that says they are new. NULL:
 * none is running. */
static void watch_set(struct worker *worker, const struct call *call)
{
    struct worker_watch *watch = &worker->watch;

    atomic_store_explicit(&watch->mount, call != NULL ? call->mount : NULL, memory_order_relaxed);
    atomic_store_explicit(&watch->callback, call != NULL ? call->callback : NULL,
                          memory_order_relaxed);
    if (call != NULL)
        watch_type(watch, call->type);
    unsigned long calls = atomic_load_explicit(&watch->calls, memory_order_relaxed);
    atomic_store_explicit(&watch->calls, calls + 1, memory_order_release);
}

/* The callbacks that are under way on the pool, the oldest last: none of them is watched, so this
 * is where others find them. */
static struct {
    pthread_mutex_t lock;
    LIST_HEAD(, call) calls;
} pool = {.lock = PTHREAD_MUTEX_INITIALIZER};

static bool is_listed(const struct call *call)
{
    return call->on_pool && call->conn != NULL;
}

static void pool_add(struct call *call)
{
    pthread_mutex_lock(&pool.lock);
    LIST_INSERT_HEAD(&pool.calls, call, pool_link);
    pthread_mutex_unlock(&pool.lock);
}

static void pool_remove(struct call *call)
{
    pthread_mutex_lock(&pool.lock);
    LIST_REMOVE(call, pool_link);
    pthread_mutex_unlock(&pool.lock);
}

void call_on_pool(struct call_name *name)
{
    struct call *call, *oldest = NULL;

    *name = (struct call_name){.mount = ""};
    pthread_mutex_lock(&pool.lock);
    LIST_FOREACH (call, &pool.calls, pool_link) {
        oldest = call;
    }
    if (oldest != NULL) {
        snprintf(name->mount, sizeof name->mount, "%s", oldest->mount->config->route);
        snprintf(name->callback, sizeof name->callback, "%s", oldest->callback);
        snprintf(name->type, sizeof name->type, "%.*s", (int)oldest->type.size,
                 oldest->type.data != NULL ? oldest->type.data : "");
    }
    pthread_mutex_unlock(&pool.lock);
}

void call_on_loop(const struct worker *worker, struct call_name *name)
{
    const struct worker_watch *watch = &worker->watch;
    const char *callback = atomic_load_explicit(&watch->callback, memory_order_relaxed);
    const struct mount *mount = atomic_load_explicit(&watch->mount, memory_order_relaxed);
    uint64_t type[WORKER_TYPE_WORDS];

    *name = (struct call_name){.mount = ""};
    if (callback == NULL || mount == NULL)
        return;
    for (unsigned i = 0; i < WORKER_TYPE_WORDS; i++)
        type[i] = atomic_load_explicit(&watch->type[i], memory_order_relaxed);
    snprintf(name->mount, sizeof name->mount, "%s", mount->config->route);
    snprintf(name->callback, sizeof name->callback, "%s", callback);
    snprintf(name->type, sizeof name->type, "%.*s", (int)sizeof type - 1, (const char *)type);
}

void call_begin(struct call *call, struct worker *worker)
{
    call->outer = call_innermost;
    call_innermost = call;
    if (worker != NULL) {
        call->started = worker->call_ended != 0 ? worker->call_ended : clock_coarse();
        watch_set(worker, call);
    } else if (is_listed(call)) {
        pool_add(call);
    }
}

static void tell_slow(struct call *call, uint64_t took, uint32_t limit)
{
    atomic_fetch_add(&call->mount->slow_callbacks, 1);
    conn_log(call->conn, LOG_WARN, "callback.slow", LOG_STR("callback", call->callback),
             LOG_STRN("type", call->type.data, call->type.size), LOG_INT("ms", took),
             LOG_INT("limit", limit));
}

void call_end(struct call *call, struct worker *worker)
{
    call_innermost = call->outer;
    if (worker == NULL) {
        if (is_listed(call))
            pool_remove(call);
        return;
    }
    watch_set(worker, call->outer);
    uint64_t now = clock_coarse(), took = now - call->started;
    uint32_t limit = call->mount->config->limits.callback;
    if (worker->call_row)
        worker->call_ended = now;
    if (took >= limit && limit > 0)
        tell_slow(call, took, limit);
}

/* ---- Calls into a consumer, on whichever thread they belong to ------------------------------ */

static const struct sluice_consumer *consumer_of(const struct conn *conn)
{
    return generation_consumer(conn->generation);
}

static sluice_conn *public_of(struct conn *conn)
{
    return (sluice_conn *)conn;
}

static struct worker *watched_by(const struct conn *conn)
{
    return dispatch_blocking(conn) ? NULL : conn->worker;
}

static struct call call_of(struct conn *conn, const char *callback)
{
    return (struct call){.conn = conn,
                         .mount = conn->mount,
                         .callback = callback,
                         .on_pool = dispatch_blocking(conn)};
}

static void run_connect(struct conn *conn)
{
    struct call call = call_of(conn, "connect");

    if (consumer_of(conn)->connect == NULL) { /* it had one when this was to be called */
        operation_do(conn, &(struct operation){.kind = OPERATION_ACCEPT});
        return;
    }
    call_begin(&call, watched_by(conn));
    consumer_of(conn)->connect(public_of(conn));
    call_end(&call, watched_by(conn));
}

static void run_receive_json(struct conn *conn, const char *data, size_t size)
{
    struct json_object *content = NULL;
    struct call call = call_of(conn, "receive_json");

    call_begin(&call, watched_by(conn));
    if (json_parse(data, size, &content))
        consumer_of(conn)->receive_json(public_of(conn), content);
    else
        operation_do(conn, &(struct operation){.kind = OPERATION_CLOSE,
                                               .number = 1007,
                                               .first = SLICE("not JSON")});
    call_end(&call, watched_by(conn));
    json_object_put(content);
}

static void run_message(struct conn *conn, bool binary, const uint8_t *data, size_t size)
{
    const struct sluice_consumer *consumer = consumer_of(conn);

    if (!binary && consumer->receive_json != NULL) {
        run_receive_json(conn, (const char *)data, size);
    } else if (consumer->receive != NULL) {
        struct call call = call_of(conn, "receive");
        const sluice_message message = {(const char *)data, size, binary};

        if (!binary)
            call.received = (struct slice){message.data, size};
        call_begin(&call, watched_by(conn));
        consumer->receive(public_of(conn), &message);
        call_end(&call, watched_by(conn));
    }
}

static void run_disconnect(struct conn *conn)
{
    struct call call = call_of(conn, "disconnect");

    if (consumer_of(conn)->disconnect == NULL)
        return;
    call.ending = true;
    call_begin(&call, watched_by(conn));
    consumer_of(conn)->disconnect(public_of(conn), conn->code);
    call_end(&call, watched_by(conn));
}

static bool run_upgrade(struct conn *conn)
{
    const struct move *move = conn->moving;
    struct call call = call_of(conn, "upgrade");

    call.upgrading = true;
    call_begin(&call, watched_by(conn));
    bool done = consumer_of(conn)->upgrade(public_of(conn), move->before.state, move->state_size,
                                           move->state_version);
    call_end(&call, watched_by(conn));
    return done;
}

void dispatch_handler(struct conn *conn, const struct sluice_handler *handler, struct slice type,
                      struct json_object *content)
{
    struct call call = call_of(conn, handler->name);

    call.type = type;
    call_begin(&call, watched_by(conn));
    handler->run(public_of(conn), content);
    call_end(&call, watched_by(conn));
}

/* ---- Events --------------------------------------------------------------------------------- */

struct slice dispatch_type(struct json_object *content)
{
    struct json_object *type;

    if (!json_object_is_type(content, json_type_object) ||
        !json_object_object_get_ex(content, "type", &type) ||
        !json_object_is_type(type, json_type_string) || value_is_bytes(type))
        return (struct slice){0};
    return (struct slice){json_object_get_string(type), (size_t)json_object_get_string_len(type)};
}

void dispatch_drop(struct conn *conn, enum drop drop, struct slice type)
{
    if (mount_drop(conn->mount, drop, type))
        conn_log(conn, LOG_WARN, "event.dropped", LOG_STR("why", drop_name(drop)),
                 LOG_STRN("type", type.data, type.size),
                 LOG_STR("consumer", generation_name(conn->generation)));
}

const struct sluice_handler *dispatch_find(struct conn *conn, struct slice type, bool runtime)
{
    const struct sluice_handler *handler = NULL;
    enum handler_result result = HANDLER_BAD_TYPE;

    if (type.data != NULL && (runtime || !handler_type_reserved(type)))
        result = handler_find(conn->generation, type, &handler);
    if (result == HANDLER_FOUND)
        return handler;
    dispatch_drop(conn, result == HANDLER_NONE ? DROP_NO_HANDLER : DROP_BAD_TYPE, type);
    return NULL;
}

static void run_event(struct conn *conn, const struct layer_event *event)
{
    struct json_object *content = NULL;

    if (!msgpack_decode(event->body, event->size, &content)) {
        dispatch_drop(conn, DROP_BAD_EVENT, (struct slice){0});
        return;
    }
    struct slice type = dispatch_type(content);
    const struct sluice_handler *handler = dispatch_find(conn, type, event->runtime);
    if (handler != NULL && handler->broadcast)
        fanout_broadcast(conn, handler, content);
    else if (handler != NULL)
        dispatch_handler(conn, handler, type, content);
    json_object_put(content);
}

/* ---- From the connection -------------------------------------------------------------------- */

void dispatch_task(struct task *task)
{
    switch (task->kind) {
    case TASK_CONNECT:
        run_connect(task->conn);
        break;
    case TASK_MESSAGE:
        run_message(task->conn, task->binary, task->data, task->size);
        break;
    case TASK_EVENT:
        run_event(task->conn, task->event);
        break;
    case TASK_UPGRADE:
        task->done_well = run_upgrade(task->conn);
        break;
    case TASK_DISCONNECT:
        run_disconnect(task->conn);
        break;
    }
}

void dispatch_connect(struct conn *conn)
{
    if (consumer_of(conn)->connect == NULL) {
        operation_do(conn, &(struct operation){.kind = OPERATION_ACCEPT});
    } else if (!dispatch_blocking(conn)) {
        run_connect(conn);
    } else {
        struct task *task = task_new(conn, TASK_CONNECT, NULL, 0);

        if (task != NULL)
            task_add(conn, task);
        else
            conn_cut(conn, "no memory");
    }
}

static __attribute__((noinline)) void task_message(struct conn *conn, bool binary,
                                                   const uint8_t *data, size_t size)
{
    struct task *task = task_new(conn, TASK_MESSAGE, data, size);

    if (task == NULL) {
        conn_cut(conn, "no memory");
        return;
    }
    task->binary = binary;
    task_add(conn, task);
}

void dispatch_message(struct conn *conn, bool binary, const uint8_t *data, size_t size)
{
    if (move_due(conn))
        move_conn(conn);
    if (dispatch_blocking(conn))
        task_message(conn, binary, data, size);
    else
        run_message(conn, binary, data, size);
}

void dispatch_event(struct conn *conn, struct layer_event *event)
{
    if (move_due(conn))
        move_conn(conn);
    if (!dispatch_open(conn)) {
        dispatch_drop(conn, DROP_CLOSED, (struct slice){0});
        return;
    }
    if (!dispatch_blocking(conn)) {
        run_event(conn, event);
        return;
    }
    struct task *task = task_new(conn, TASK_EVENT, NULL, 0);
    if (task == NULL) {
        dispatch_drop(conn, DROP_NO_MEMORY, (struct slice){0});
        return;
    }
    if (conn->task_events >= conn_limits(conn)->events)
        task_drop_events(conn, DROP_EVENTS_FULL, false);
    task->event = layer_event_ref(event);
    task_add(conn, task);
}

/* Whether there is one to call is known when it is its turn: the consumer may be another by then.
 */
void dispatch_disconnect(struct conn *conn)
{
    if (move_due(conn))
        move_conn(conn);
    bool none = consumer_of(conn)->disconnect == NULL && dispatch_idle(conn);
    if (none || !dispatch_blocking(conn)) {
        conn->parted = true;
        run_disconnect(conn);
        return;
    }
    task_add_last(conn);
}

void dispatch_upgrade(struct conn *conn)
{
    if (!dispatch_blocking(conn)) {
        move_upgraded(conn, run_upgrade(conn) ? NULL : MOVE_REFUSED);
        return;
    }
    struct task *task = task_new(conn, TASK_UPGRADE, NULL, 0);
    if (task == NULL) {
        move_upgraded(conn, MOVE_NO_MEMORY);
        return;
    }
    task_add_first(conn, task);
}
