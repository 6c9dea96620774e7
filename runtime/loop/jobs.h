/*
 * loop/jobs: the thread pool, for what may block.
 *
 * One bounded queue, first come first served. What a job finds out goes back through a loop's
 * mailbox; the pool knows nothing of it.
 */
#ifndef LOOP_JOBS_H
#define LOOP_JOBS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct jobs;

/* Embedded in what the job works on. Owned by the sender until submitted, then by the pool, whose
 * thread calls `run`, which frees it. */
struct job {
    struct job *next;
    void (*run)(struct job *job);
    bool holds;     /* does not start while the pool is held: see jobs_hold */
    uint64_t order; /* the pool's own: which came first */
};

/* NULL: no memory, or no thread could be started. `end` is called by each thread as its last act
 * (to free what it keeps); may be NULL. */
struct jobs *jobs_new(unsigned threads, unsigned queue, void (*end)(void));

/* False: the queue is full, or the pool is stopping; the job is still the caller's. Any thread. */
bool jobs_submit(struct jobs *jobs, struct job *job);
/* Told, on a pool thread, when a queue that had refused a job has room again. Set before use. */
void jobs_on_room(struct jobs *jobs, void (*wake)(void *context), void *context);

unsigned jobs_waiting(struct jobs *jobs); /* any thread */

/* Until jobs_let_go no job that `holds` starts; the others go on, and whoever submits notices
 * nothing. `quiet` is called when none of them runs any more, on whichever thread finds it so: at
 * once, on this one, if none runs now. One thread holds at a time. */
void jobs_hold(struct jobs *jobs, void (*quiet)(void *context), void *context);
void jobs_let_go(struct jobs *jobs); /* `quiet` is not called any more; not held: nothing */
bool jobs_quiet(struct jobs *jobs);  /* held, and none of those runs */

/* Takes no more, runs what waits, joins the threads. Threads that do not end within `patience` ms
 * (0: wait for ever) are left behind: then false, and the pool's memory is not freed. */
bool jobs_free(struct jobs *jobs, unsigned patience);

#endif
