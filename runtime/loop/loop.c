/*
 * loop/loop: a thread with an event_base of its own, and the mailbox through which others reach it.
 *
 * The mailbox wakes the loop only where it could sleep. Before it waits, the loop looks whether its
 * mailbox is empty; so whoever posts needs to ring only if it was the first on an empty stack, and
 * the loop's own thread, which looks before it sleeps, never rings at all.
 */
#include "loop/loop.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "loop/slots.h"
#include "loop/thread.h"

#define CACHE_LINE 64

/* Owned by the server. All but what is atomic or constant belongs to the loop's thread, and before
 * it starts to who made it. */
struct loop {
    unsigned index;
    char name[16];
    struct event_base *base;
    struct event *bell_event;
    int bell; /* an eventfd */
    void *data;

    struct loop_hook *hooks;
    struct loop_hook **hooks_end;
    uint64_t now;
    bool now_known; /* in this turn */
    bool again;
    bool over;
    unsigned references; /* loop_free gives one back; who has events in the base keeps others */

    pthread_t thread;
    bool started; /* and not joined: of who made the loop */
    void (*begin)(struct loop *, void *);
    void (*end)(struct loop *, void *);
    void *context; /* of begin and end */

    char gap[CACHE_LINE];                   /* what follows is written by other threads */
    _Atomic(struct loop_message *) mailbox; /* newest first */
    atomic_bool stopping;
};

static _Thread_local struct loop *current;

/* Making a base without descriptors to spare, libevent does not fail but exits. So the descriptors
 * it will take (epoll, a pair for signals, one more) are taken here first, and given back. */
static bool descriptors_to_spare(int any)
{
    int spare[4];
    size_t count = 0;
    bool enough;

    while (count < 4 && (spare[count] = fcntl(any, F_DUPFD_CLOEXEC, 0)) >= 0)
        count++;
    enough = count == 4;
    while (count > 0)
        close(spare[--count]);
    return enough;
}

/* One thread a base: it needs no lock. The environment has no say in how the server works. */
static struct event_base *base_new(void)
{
    struct event_config *config = event_config_new();
    struct event_base *base = NULL;

    if (config == NULL)
        return NULL;
    if (event_config_require_features(config, EV_FEATURE_ET | EV_FEATURE_O1) == 0 &&
        event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK | EVENT_BASE_FLAG_IGNORE_ENV) == 0)
        base = event_base_new_with_config(config);
    event_config_free(config);
    return base;
}

/* Nothing to do: the turn that the bell has begun will empty the mailbox. */
static void bell_rang(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    (void)context;
}

/* Edge-triggered, so that each write wakes the loop and nobody needs to read: the counter would
 * take centuries to run over. */
static bool bell_hang(struct loop *loop)
{
    loop->bell_event =
        event_new(loop->base, loop->bell, EV_READ | EV_PERSIST | EV_ET, bell_rang, NULL);
    return loop->bell_event != NULL && event_add(loop->bell_event, NULL) == 0;
}

static void bell_ring(struct loop *loop)
{
    eventfd_write(loop->bell, 1);
}

struct loop *loop_ref(struct loop *loop)
{
    loop->references++;
    return loop;
}

void loop_unref(struct loop *loop)
{
    if (--loop->references > 0)
        return;
    if (loop->bell_event != NULL)
        event_free(loop->bell_event);
    if (loop->base != NULL)
        event_base_free(loop->base);
    if (loop->bell >= 0)
        close(loop->bell);
    mem_free(loop);
}

struct loop *loop_new(unsigned index, const char *name)
{
    struct loop *loop = mem_zalloc(sizeof *loop);

    if (loop == NULL)
        return NULL;
    loop->index = index;
    loop->references = 1;
    snprintf(loop->name, sizeof loop->name, "%.15s", name);
    loop->hooks_end = &loop->hooks;
    loop->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (loop->bell < 0 || !descriptors_to_spare(loop->bell))
        goto fail;
    loop->base = base_new();
    if (loop->base == NULL || !bell_hang(loop))
        goto fail;
    return loop;
fail:
    loop_unref(loop);
    return NULL;
}

/* Takes the whole stack and turns it round, so that the oldest message comes first. What is posted
 * meanwhile waits for the next turn: a message that posts another can't keep sockets waiting. */
static void drain(struct loop *loop)
{
    struct loop_message *stack =
        atomic_exchange_explicit(&loop->mailbox, NULL, memory_order_acquire);
    struct loop_message *oldest = NULL;

    while (stack != NULL) {
        struct loop_message *next = stack->next;

        stack->next = oldest;
        oldest = stack;
        stack = next;
    }
    while (oldest != NULL) {
        struct loop_message *next = oldest->next; /* run frees the message */

        oldest->run(loop, oldest);
        oldest = next;
    }
}

static void run_hooks(struct loop *loop)
{
    for (struct loop_hook *hook = loop->hooks; hook != NULL; hook = hook->next)
        if (hook->run(loop, hook->context))
            loop->again = true;
}

static bool mailbox_empty(struct loop *loop)
{
    return atomic_load_explicit(&loop->mailbox, memory_order_relaxed) == NULL;
}

static bool stopping(struct loop *loop)
{
    return atomic_load_explicit(&loop->stopping, memory_order_acquire);
}

static void wait_and_run(struct loop *loop)
{
    int how = EVLOOP_ONCE;

    if (loop->again || !mailbox_empty(loop) || stopping(loop))
        how |= EVLOOP_NONBLOCK;
    loop->again = false;
    loop->now_known = false;
    if (event_base_loop(loop->base, how) < 0) {
        log_write(LOG_ERROR, "loop.wait_failed", LOG_STR("loop", loop->name));
        abort(); /* without waiting, it would burn a core and serve nobody */
    }
}

/* False: that was the last turn. Asked before the mailbox is drained, so that whatever was posted
 * before loop_stop is run. */
static bool turn(struct loop *loop)
{
    wait_and_run(loop);

    bool last = stopping(loop);

    drain(loop);
    run_hooks(loop);
    return !last;
}

void loop_run(struct loop *loop)
{
    struct loop *before = current;

    current = loop;
    while (turn(loop))
        continue;
    current = before;
}

/* Nothing to do: it has ended the wait. */
static void patience_over(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    (void)context;
}

bool loop_turn(struct loop *loop, unsigned patience)
{
    struct timeval longest = {.tv_sec = patience / 1000, .tv_usec = patience % 1000 * 1000L};
    struct loop *before = current;
    struct event over;

    current = loop;
    evtimer_assign(&over, loop->base, patience_over, NULL);
    if (patience == 0 || event_add(&over, &longest) != 0)
        loop->again = true;
    turn(loop);
    event_del(&over);
    current = before;
    return loop->again || !mailbox_empty(loop);
}

static void *thread_main(void *argument)
{
    struct loop *loop = argument;

    current = loop;
    if (loop->begin != NULL)
        loop->begin(loop, loop->context);
    loop_run(loop);
    if (loop->end != NULL)
        loop->end(loop, loop->context);
    current = NULL;
    return NULL;
}

bool loop_start(struct loop *loop, void (*begin)(struct loop *, void *context),
                void (*end)(struct loop *, void *context), void *context)
{
    loop->begin = begin;
    loop->end = end;
    loop->context = context;
    loop->started = thread_start(&loop->thread, loop->name, thread_main, loop);
    return loop->started;
}

void loop_stop(struct loop *loop)
{
    atomic_store_explicit(&loop->stopping, true, memory_order_release);
    bell_ring(loop);
}

void loop_join(struct loop *loop)
{
    if (loop->started)
        pthread_join(loop->thread, NULL);
    loop->started = false;
}

void loop_free(struct loop *loop)
{
    struct loop *before = current;

    if (loop == NULL)
        return;
    loop->over = true;
    current = loop; /* so that what a message posts to this loop is not rung for */
    while (!mailbox_empty(loop))
        drain(loop);
    current = before;
    loop_unref(loop);
}

void loop_post(struct loop *loop, struct loop_message *message)
{
    struct loop_message *top = atomic_load_explicit(&loop->mailbox, memory_order_relaxed);

    do
        message->next = top;
    while (!atomic_compare_exchange_weak_explicit(&loop->mailbox, &top, message,
                                                  memory_order_release, memory_order_relaxed));
    if (top == NULL && current != loop)
        bell_ring(loop);
}

void loop_add_hook(struct loop *loop, struct loop_hook *hook)
{
    hook->next = NULL;
    *loop->hooks_end = hook;
    loop->hooks_end = &hook->next;
}

struct event_base *loop_base(struct loop *loop)
{
    return loop->base;
}

/* Taken where it is first asked for in a turn, which is after the wait; a turn in which nobody asks
 * pays nothing. To the caller the loop is as const as it was. */
uint64_t loop_now(const struct loop *loop)
{
    struct loop *own = (struct loop *)loop;

    if (!own->now_known) {
        own->now = clock_now();
        own->now_known = true;
    }
    return own->now;
}

void loop_again(struct loop *loop)
{
    loop->again = true;
}

bool loop_over(const struct loop *loop)
{
    return loop->over;
}

unsigned loop_index(const struct loop *loop)
{
    return loop->index;
}

struct loop *loop_current(void)
{
    return current;
}

void loop_set_data(struct loop *loop, void *data)
{
    loop->data = data;
}

void *loop_data(const struct loop *loop)
{
    return loop->data;
}

static void log_libevent(int severity, const char *text)
{
    static const enum log_level levels[] = {
        [EVENT_LOG_DEBUG] = LOG_DEBUG,
        [EVENT_LOG_MSG] = LOG_INFO,
        [EVENT_LOG_WARN] = LOG_WARN,
        [EVENT_LOG_ERR] = LOG_ERROR,
    };

    if (severity < EVENT_LOG_DEBUG || severity > EVENT_LOG_ERR)
        severity = EVENT_LOG_ERR;
    log_write(levels[severity], "libevent", LOG_STR("text", text));
}

/* Libevent would exit(1), as if nothing had happened. */
static void die(int code)
{
    log_write(LOG_ERROR, "libevent.fatal", LOG_INT("code", code));
    abort();
}

void loop_setup_libevent(void)
{
    event_set_mem_functions(slots_alloc, slots_realloc, slots_free);
    event_set_log_callback(log_libevent);
    event_set_fatal_callback(die);
}
