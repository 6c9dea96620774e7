/*
 * server/task: the callbacks of a blocking consumer, on their way to the pool and back.
 *
 * A connection's tasks wait in its queue, and one at a time is with the pool. So the queue is the
 * loop's to order, and the pool only runs what it is given: what is asked of the loop meanwhile,
 * moving to new code for one, is done between two of them. A task that a new routing finds with the
 * pool comes back as it was, so that nothing more is called in old code, whose save was called.
 */
#ifndef SERVER_TASK_H
#define SERVER_TASK_H

#include "layer/layer.h"
#include "loop/jobs.h"
#include "server/conn.h"

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
    bool put_back;             /* it was not run */
    struct layer_event *event; /* a reference */
    size_t size;
    uint8_t data[]; /* of a message, a zero byte behind it */
};

/* What a connection needs before its first call by a consumer that blocks or not. False: no memory.
 */
bool task_prepare(struct conn *conn, bool blocking);
/* And what is left of it after the last one. */
void task_discard(struct conn *conn);

/* `data` is copied. NULL without memory. */
struct task *task_new(struct conn *conn, enum task_kind kind, const uint8_t *data, size_t size);
/* Behind those that wait, before them, and the one for disconnect. */
void task_add(struct conn *conn, struct task *task);
void task_add_first(struct conn *conn, struct task *task);
void task_add_last(struct conn *conn);

/* Takes the event that has waited longest out of the queue, or all of them: dropped, and counted.
 */
void task_drop_events(struct conn *conn, enum drop drop, bool all);
/* Does connect still wait for the pool? Then nothing has been called. */
bool task_unmet(const struct conn *conn);
/* Its consumer may have been a blocking one before, and is none now: what waited for the pool is
 * called here. */
void task_catch_up(struct conn *conn);
/* The pool has room again. */
void task_resume(struct worker *worker);

#endif
