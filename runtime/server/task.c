/*
 * server/task: the callbacks of a blocking consumer, on their way to the pool and back.
 */
#include "server/task.h"

#include <string.h>

#include "base/mem.h"
#include "server/dispatch.h"
#include "server/group.h"
#include "server/move.h"
#include "server/server.h"

/* ---- The queue ------------------------------------------------------------------------------ */

static void task_run(struct job *job);
static void task_done(struct loop *loop, struct loop_message *message);

struct task *task_new(struct conn *conn, enum task_kind kind, const uint8_t *data, size_t size)
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

void task_add(struct conn *conn, struct task *task)
{
    STAILQ_INSERT_TAIL(&conn->tasks, task, link);
    conn->task_events += task->kind == TASK_EVENT;
    task_start(conn);
}

void task_add_first(struct conn *conn, struct task *task)
{
    STAILQ_INSERT_HEAD(&conn->tasks, task, link);
    task_submit(conn);
}

void task_add_last(struct conn *conn)
{
    struct task *task = conn->last_task;

    conn->last_task = NULL;
    task_add(conn, task);
}

/* On the pool. No task runs when a routing is changed, so either all of it is done in the old code
 * or nothing is. */
static void task_run(struct job *job)
{
    struct task *task = (struct task *)job;

    task->put_back = task->kind != TASK_UPGRADE && move_due(task->conn);
    if (!task->put_back)
        dispatch_task(task);
    loop_post(task->conn->worker->loop, &task->done);
}

static void task_ended(struct conn *conn, struct task *task)
{
    enum task_kind kind = task->kind;
    bool done_well = task->done_well;

    task_free(task);
    if (kind == TASK_UPGRADE)
        move_upgraded(conn, done_well ? NULL : MOVE_REFUSED);
    conn->parted = conn->parted || kind == TASK_DISCONNECT;
}

static void task_done(struct loop *loop, struct loop_message *message)
{
    (void)loop;
    struct task *task = (struct task *)((char *)message - offsetof(struct task, done));
    struct conn *conn = task->conn;
    conn->busy = false;
    if (task->put_back) {
        STAILQ_INSERT_HEAD(&conn->tasks, task, link);
        conn->task_events += task->kind == TASK_EVENT;
    } else {
        task_ended(conn, task);
    }
    if (atomic_exchange(&conn->starved, false))
        conn_cut(conn, "no memory");
    task_start(conn);
    conn_ready(conn);
}

void task_drop_events(struct conn *conn, enum drop drop, bool all)
{
    struct task *task, *next;

    for (task = STAILQ_FIRST(&conn->tasks); task != NULL; task = next) {
        next = STAILQ_NEXT(task, link);
        if (task->kind != TASK_EVENT)
            continue;
        STAILQ_REMOVE(&conn->tasks, task, task, link);
        conn->task_events--;
        task_free(task);
        dispatch_drop(conn, drop, (struct slice){0});
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

void task_catch_up(struct conn *conn)
{
    if (dispatch_blocking(conn))
        return;
    task_unstall(conn);
    while (!STAILQ_EMPTY(&conn->tasks)) {
        struct task *task = task_take(conn);

        conn->parted = conn->parted || task->kind == TASK_DISCONNECT;
        dispatch_task(task);
        task_free(task);
        conn_ready(conn);
    }
}

bool task_unmet(const struct conn *conn)
{
    const struct task *task = STAILQ_FIRST(&conn->tasks);

    return task != NULL && task->kind == TASK_CONNECT;
}

void task_resume(struct worker *worker)
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

/* ---- Before the first, and after the last --------------------------------------------------- */

bool task_prepare(struct conn *conn, bool blocking)
{
    if (!blocking)
        return true;
    if (conn->last_task == NULL)
        conn->last_task = task_new(conn, TASK_DISCONNECT, NULL, 0);
    /* A callback on the pool can't make the name then, since it stands in the loop's table. */
    return conn->last_task != NULL && channel_name(conn) != NULL;
}

void task_discard(struct conn *conn)
{
    task_unstall(conn); /* it waited with events that were dropped since */
    if (conn->last_task != NULL)
        task_free(conn->last_task);
    conn->last_task = NULL;
}
