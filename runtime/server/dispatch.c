/*
 * server/dispatch: an event of a connection becomes a call into its consumer.
 *
 * The run_ functions make the calls, on whichever thread they belong to. What a blocking consumer
 * is called with becomes a task first, which goes to the pool and comes back to the loop when it is
 * done; so a connection's tasks are the loop's to order, and the pool only runs them.
 */
#include "server/dispatch.h"

#include <json-c/json.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/template.h"
#include "layer/msgpack.h"
#include "loop/jobs.h"
#include "server/fanout.h"
#include "server/group.h"
#include "server/move.h"
#include "server/operation.h"
#include "server/server.h"

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

static void drop_event(struct conn *conn, enum drop drop, struct slice type)
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
    drop_event(conn, result == HANDLER_NONE ? DROP_NO_HANDLER : DROP_BAD_TYPE, type);
    return NULL;
}

static void run_event(struct conn *conn, const struct layer_event *event)
{
    struct json_object *content = NULL;

    if (!msgpack_decode(event->body, event->size, &content)) {
        drop_event(conn, DROP_BAD_EVENT, (struct slice){0});
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

/* ---- Tasks: the calls of a blocking consumer ------------------------------------------------ */

enum task_kind { TASK_CONNECT, TASK_MESSAGE, TASK_EVENT, TASK_UPGRADE, TASK_DISCONNECT };

/* One call. Owned by its connection while it waits, by the pool while it runs, and then freed on
 * the loop. */
struct task {
    struct job job;           /* first: the pool's handle */
    struct loop_message done; /* the way back */
    STAILQ_ENTRY(task) link;
    struct conn *conn;
    enum task_kind kind;
    bool binary;
    bool done_well;            /* what upgrade gave */
    struct layer_event *event; /* a reference */
    size_t size;
    uint8_t data[]; /* of a message, a zero byte behind it */
};

static void task_run(struct job *job);
static void task_done(struct loop *loop, struct loop_message *message);

static struct task *task_new(struct conn *conn, enum task_kind kind, const uint8_t *data,
                             size_t size)
{
    struct task *task = mem_alloc(sizeof *task + size + 1);

    if (task == NULL)
        return NULL;
    *task = (struct task){.job = {.run = task_run, .holds = true},
                          .done = {.run = task_done},
                          .conn = conn,
                          .kind = kind,
                          .size = size};
    if (size > 0)
        memcpy(task->data, data, size);
    task->data[size] = 0;
    return task;
}

static void task_free(struct task *task)
{
    if (task->event != NULL)
        layer_event_unref(task->event);
    mem_free(task);
}

static struct task *task_take(struct conn *conn)
{
    struct task *task = STAILQ_FIRST(&conn->tasks);

    STAILQ_REMOVE_HEAD(&conn->tasks, link);
    conn->task_events -= task->kind == TASK_EVENT;
    conn->parted = conn->parted || task->kind == TASK_DISCONNECT;
    return task;
}

/* The next task goes to the pool, if none is there. */
static void task_submit(struct conn *conn)
{
    struct task *task = STAILQ_FIRST(&conn->tasks);

    if (conn->busy || conn->stalled || task == NULL)
        return;
    if (jobs_submit(conn->worker->server->jobs, &task->job)) {
        task_take(conn);
        conn->busy = true;
        return;
    }
    conn->stalled = true;
    TAILQ_INSERT_TAIL(&conn->worker->stalled, conn, stalled_link);
}

/* The same, in the code that is to run it; which may have work of its own for the pool first. */
static void task_start(struct conn *conn)
{
    if (conn->busy || conn->stalled)
        return;
    if (move_due(conn))
        move_conn(conn);
    task_submit(conn);
}

static void task_add(struct conn *conn, struct task *task)
{
    STAILQ_INSERT_TAIL(&conn->tasks, task, link);
    conn->task_events += task->kind == TASK_EVENT;
    task_start(conn);
}

static void task_call(struct task *task)
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

/* On the pool. */
static void task_run(struct job *job)
{
    struct task *task = (struct task *)job;

    task_call(task);
    loop_post(task->conn->worker->loop, &task->done);
}

static void task_done(struct loop *loop, struct loop_message *message)
{
    (void)loop;
    struct task *task = (struct task *)((char *)message - offsetof(struct task, done));
    struct conn *conn = task->conn;
    bool upgrade = task->kind == TASK_UPGRADE, done_well = task->done_well;
    task_free(task);
    conn->busy = false;
    if (upgrade)
        move_upgraded(conn, done_well ? NULL : MOVE_REFUSED);
    if (atomic_exchange(&conn->starved, false))
        conn_cut(conn, "no memory");
    task_start(conn);
    conn_ready(conn);
}

/* Takes the event that has waited longest out of the queue; or all, where `all`. */
static void task_drop_events(struct conn *conn, enum drop drop, bool all)
{
    struct task *task, *next;

    for (task = STAILQ_FIRST(&conn->tasks); task != NULL; task = next) {
        next = STAILQ_NEXT(task, link);
        if (task->kind != TASK_EVENT)
            continue;
        STAILQ_REMOVE(&conn->tasks, task, task, link);
        conn->task_events--;
        task_free(task);
        drop_event(conn, drop, (struct slice){0});
        if (!all)
            return;
    }
}

/* No more room is waited for: its tasks start, or are gone. */
static void task_unstall(struct conn *conn)
{
    if (conn->stalled)
        TAILQ_REMOVE(&conn->worker->stalled, conn, stalled_link);
    conn->stalled = false;
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
    STAILQ_INSERT_HEAD(&conn->tasks, task, link);
    task_submit(conn);
}

void dispatch_catch_up(struct conn *conn)
{
    if (dispatch_blocking(conn))
        return;
    task_unstall(conn);
    while (!STAILQ_EMPTY(&conn->tasks)) {
        struct task *task = task_take(conn);

        task_call(task);
        task_free(task);
        conn_ready(conn);
    }
}

bool dispatch_unmet(const struct conn *conn)
{
    const struct task *task = STAILQ_FIRST(&conn->tasks);

    return task != NULL && task->kind == TASK_CONNECT;
}

void dispatch_resume(struct worker *worker)
{
    struct conn_list list = TAILQ_HEAD_INITIALIZER(list);

    TAILQ_CONCAT(&list, &worker->stalled, stalled_link);
    struct conn *conn;
    while ((conn = TAILQ_FIRST(&list)) != NULL) {
        TAILQ_REMOVE(&list, conn, stalled_link);
        conn->stalled = false;
        task_start(conn);
    }
}

/* ---- From the connection -------------------------------------------------------------------- */

bool dispatch_prepare(struct conn *conn, bool blocking)
{
    if (!blocking)
        return true;
    if (conn->last_task == NULL)
        conn->last_task = task_new(conn, TASK_DISCONNECT, NULL, 0);
    /* A callback on the pool can't make the name then, since it stands in the loop's table. */
    return conn->last_task != NULL && channel_name(conn) != NULL;
}

void dispatch_discard(struct conn *conn)
{
    task_unstall(conn); /* it waited with events that were dropped since */
    if (conn->last_task != NULL)
        task_free(conn->last_task);
    conn->last_task = NULL;
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
        drop_event(conn, DROP_CLOSED, (struct slice){0});
        return;
    }
    if (!dispatch_blocking(conn)) {
        run_event(conn, event);
        return;
    }
    struct task *task = task_new(conn, TASK_EVENT, NULL, 0);
    if (task == NULL) {
        drop_event(conn, DROP_NO_MEMORY, (struct slice){0});
        return;
    }
    if (conn->task_events >= conn_limits(conn)->events)
        task_drop_events(conn, DROP_EVENTS_FULL, false);
    task->event = layer_event_ref(event);
    task_add(conn, task);
}

void dispatch_drop_events(struct conn *conn)
{
    task_drop_events(conn, DROP_CLOSED, true);
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
    struct task *task = conn->last_task;
    conn->last_task = NULL;
    task_add(conn, task);
}
