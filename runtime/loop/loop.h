/*
 * loop/loop: a thread with an event_base of its own, and the mailbox through which others reach it.
 *
 * A loop shares nothing. Another thread hands it a message: an intrusive node pushed on a stack
 * (one compare-and-swap), and an eventfd that is written only when the stack was empty. The loop
 * takes the whole stack at once, turns it round, and runs the messages in order, so what one thread
 * posts arrives in the order in which it was posted.
 *
 * A turn of the loop is: wait, run what is ready, drain the mailbox, call the turn hooks. Hooks are
 * where output collected during the turn is written.
 */
#ifndef LOOP_LOOP_H
#define LOOP_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct event_base;
struct loop;

/* Embedded as the first member of what is sent. Owned by the sender until posted, then by the loop,
 * whose thread calls `run`, which frees it. */
struct loop_message {
    struct loop_message *next;
    void (*run)(struct loop *loop, struct loop_message *message);
};

/* Called at the end of each turn, in the order in which they were added. True: there is more to
 * do, so the next turn does not wait. */
struct loop_hook {
    struct loop_hook *next;
    bool (*run)(struct loop *loop, void *context);
    void *context;
};

/* NULL without memory or descriptors. `index` from 0; `name` names the thread ("loop-0"), at most
 * 15 bytes. Not running yet. */
struct loop *loop_new(unsigned index, const char *name);

/* Starts the thread; false: the system has none. `begin` and `end` are called on it, first and
 * last; either may be NULL. */
bool loop_start(struct loop *loop, void (*begin)(struct loop *, void *context),
                void (*end)(struct loop *, void *context), void *context);
/* Or: run it on this thread until loop_stop. Once stopped, a call is one turn that does not wait.
 */
void loop_run(struct loop *loop);
/* Or, turn by turn, for who has more than this loop to look after: one turn on this thread, which
 * waits for at most `patience` ms (0: it does not wait). True: the next one has something to do. */
bool loop_turn(struct loop *loop, unsigned patience);

/* Any thread: the loop ends after the present turn or the next. What was posted before is run. */
void loop_stop(struct loop *loop);
void loop_join(struct loop *loop); /* waits for the thread, if there is one */
/* After join. Messages still in the mailbox are run, so that they free what they hold: loop_over is
 * then true, and they do no more than that. NULL: nothing. */
void loop_free(struct loop *loop);
bool loop_over(const struct loop *loop); /* for a message: its loop is being freed */

/* For what has an event of its own in the base, and may be freed after the loop: the base stays
 * until then. Not while the thread runs. */
struct loop *loop_ref(struct loop *loop);
void loop_unref(struct loop *loop);

/* Any thread, also before start. Never fails, never blocks. */
void loop_post(struct loop *loop, struct loop_message *message);

/* On the loop's thread, or before it starts. */
void loop_add_hook(struct loop *loop, struct loop_hook *hook);
struct event_base *loop_base(struct loop *loop);
uint64_t loop_now(const struct loop *loop); /* clock_now, taken once a turn */
void loop_again(struct loop *loop);         /* the next turn does not wait */

/* Any thread. */
unsigned loop_index(const struct loop *loop);
struct loop *loop_current(void);                   /* the loop whose thread this is, or NULL */
void loop_set_data(struct loop *loop, void *data); /* before start: whatever the server keeps */
void *loop_data(const struct loop *loop);

/* Before anything of libevent is used: its allocations come from base/mem, its log goes to ours. */
void loop_setup_libevent(void);

#endif
