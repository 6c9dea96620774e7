/*
 * server/later: what a connection has asked for and comes back to it: timers and jobs.
 */
#include "server/later.h"

#include <json-c/json.h>

#include "base/mem.h"
#include "layer/msgpack.h"
#include "loop/jobs.h"
#include "server/dispatch.h"
#include "server/event.h"
#include "server/server.h"

/* ---- Timers --------------------------------------------------------------------------------- */

/* A pending sluice_after. Owned by its connection. */
struct alarm {
    struct timer timer; /* first: what the loop's timers know */
    LIST_ENTRY(alarm) link;
    uint64_t id;
    struct conn *conn;
    struct layer_event *event; /* a reference */
};

static void alarm_free(struct alarm *alarm)
{
    timer_unset(alarm->conn->worker->timers, &alarm->timer);
    LIST_REMOVE(alarm, link);
    layer_event_unref(alarm->event);
    mem_free(alarm);
}

static void alarm_run(struct loop *loop, struct timer *timer)
{
    (void)loop;
    struct alarm *alarm = (struct alarm *)timer;
    struct conn *conn = alarm->conn;
    struct layer_event *event = layer_event_ref(alarm->event);
    alarm_free(alarm); /* first: the handler may set another, or close */
    dispatch_event(conn, event);
    layer_event_unref(event);
    conn_ready(conn);
}

void alarm_add(struct conn *conn, uint64_t id, uint32_t ms, struct layer_event *event)
{
    struct alarm *alarm = conn_left(conn) ? NULL : mem_zalloc(sizeof *alarm);

    if (alarm == NULL) {
        layer_event_unref(event);
        if (!conn_left(conn))
            conn_cut(conn, "no memory");
        return;
    }
    *alarm = (struct alarm){.timer = {.run = alarm_run}, .id = id, .conn = conn, .event = event};
    LIST_INSERT_HEAD(&conn->alarms, alarm, link);
    if (timer_set(conn->worker->timers, &alarm->timer, loop_now(conn->worker->loop) + ms))
        return;
    alarm_free(alarm);
    conn_cut(conn, "no memory");
}

void alarm_remove(struct conn *conn, uint64_t id)
{
    struct alarm *alarm;

    LIST_FOREACH (alarm, &conn->alarms, link) {
        if (alarm->id == id) {
            alarm_free(alarm);
            return;
        }
    }
}

void alarm_remove_all(struct conn *conn)
{
    while (!LIST_EMPTY(&conn->alarms))
        alarm_free(LIST_FIRST(&conn->alarms));
}

/* ---- Jobs ----------------------------------------------------------------------------------- */

/* A sluice_defer under way: to the pool, and back to the connection, which it pins. */
struct deferred {
    struct job job;           /* first: the pool's handle */
    struct loop_message back; /* the way back */
    struct conn *conn;
    struct mount *mount;
    struct routing *routing;       /* references: its connection may move meanwhile, but the... */
    struct generation *generation; /* ...mount and the code stay until it returns */
    sluice_job *run;
    struct layer_event *result; /* NULL: nothing to deliver */
    struct text argument;
};

static void deferred_free(struct deferred *deferred)
{
    if (deferred->result != NULL)
        layer_event_unref(deferred->result);
    generation_unref(deferred->generation);
    routing_unref(deferred->routing);
    text_free(&deferred->argument);
    mem_free(deferred);
}

static void deferred_back(struct loop *loop, struct loop_message *message)
{
    (void)loop;
    struct deferred *deferred =
        (struct deferred *)((char *)message - offsetof(struct deferred, back));
    struct conn *conn = deferred->conn;
    conn->pins--;
    if (deferred->result != NULL)
        dispatch_event(conn, deferred->result);
    deferred_free(deferred);
    conn_ready(conn);
}

/* The event that a job returned. It goes to its connection directly, so it has no address. */
static struct layer_event *result_event(struct deferred *deferred, struct json_object *value)
{
    struct text body = {0};
    struct layer_event *event = NULL;

    if (!msgpack_encode(value, &body))
        event_refuse(deferred->mount, DROP_BAD_EVENT, (struct slice){0},
                     "what the job returned is no event");
    else
        event = event_compose(LAYER_CHANNEL, SLICE("job"), (struct slice){body.data, body.size},
                              NULL, deferred->mount);
    text_free(&body);
    return event;
}

static void deferred_run(struct job *job)
{
    struct deferred *deferred = (struct deferred *)job;
    struct json_object *argument = NULL;
    struct call call = {.mount = deferred->mount, .callback = "job", .on_pool = true};

    if (msgpack_decode(deferred->argument.data, deferred->argument.size, &argument)) {
        call_begin(&call, NULL);
        struct json_object *result = deferred->run(argument);
        call_end(&call, NULL);
        if (result != NULL)
            deferred->result = result_event(deferred, result);
        json_object_put(result);
    }
    loop_post(deferred->conn->worker->loop, &deferred->back);
}

void later_defer(struct conn *conn, sluice_job *job, struct generation *generation,
                 struct slice argument)
{
    struct deferred *deferred = conn_left(conn) ? NULL : mem_zalloc(sizeof *deferred);

    if (deferred == NULL) {
        if (!conn_left(conn))
            conn_cut(conn, "no memory");
        return;
    }
    deferred->job.run = deferred_run;
    deferred->back.run = deferred_back;
    deferred->conn = conn;
    deferred->mount = conn->mount;
    deferred->routing = routing_ref(conn->routing);
    deferred->generation = generation_ref(generation);
    deferred->run = job;
    text_add(&deferred->argument, argument.data, argument.size);
    if (!deferred->argument.failed && jobs_submit(conn->worker->server->jobs, &deferred->job)) {
        conn->pins++;
        return;
    }
    if (mount_drop(conn->mount, DROP_JOB, (struct slice){0}))
        conn_log(conn, LOG_WARN, "job.dropped", LOG_STR("why", "the pool's queue is full"));
    deferred_free(deferred);
}
