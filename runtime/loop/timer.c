/*
 * loop/timer: moments at which a loop calls a function, thousands of them at the price of one
 * libevent timer.
 *
 * Libevent's timer stands at or before the earliest of ours. It is set anew only where an earlier
 * one comes; where the earliest is unset it is left alone, for to wake once in vain is cheaper than
 * to re-arm each time.
 */
#include "loop/timer.h"

#include <event2/event.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#define ROOM_AT_FIRST 64
#define NEVER         UINT64_MAX
#define WAIT_MAX      86400000 /* ms: a day. Further away, it wakes in between */

/* Owned by who made it, touched by the loop's thread. */
struct timers {
    struct loop *loop;
    struct event *event;
    struct timer **heap; /* from 1: the parent of n is n / 2 */
    size_t count;
    size_t room;
    uint64_t order; /* of the timer set last */
    uint64_t ran;   /* clock_now at which timers were run last */
    uint64_t armed; /* clock_now at which libevent will call, or NEVER */
};

static bool before(const struct timer *a, const struct timer *b)
{
    return a->at != b->at ? a->at < b->at : a->order < b->order;
}

static void put(struct timers *timers, struct timer *timer, size_t place)
{
    timers->heap[place] = timer;
    timer->place = place;
}

static void sift_up(struct timers *timers, struct timer *timer, size_t place)
{
    for (; place > 1 && before(timer, timers->heap[place / 2]); place /= 2)
        put(timers, timers->heap[place / 2], place);
    put(timers, timer, place);
}

static void sift_down(struct timers *timers, struct timer *timer, size_t place)
{
    for (;;) {
        size_t child = place * 2;

        if (child < timers->count && before(timers->heap[child + 1], timers->heap[child]))
            child++;
        if (child > timers->count || !before(timers->heap[child], timer))
            break;
        put(timers, timers->heap[child], place);
        place = child;
    }
    put(timers, timer, place);
}

/* To where it belongs from `place`, whichever way that is. */
static void sift(struct timers *timers, struct timer *timer, size_t place)
{
    if (place > 1 && before(timer, timers->heap[place / 2]))
        sift_up(timers, timer, place);
    else
        sift_down(timers, timer, place);
}

static bool grow(struct timers *timers)
{
    size_t room = timers->room > 0 ? timers->room * 2 : ROOM_AT_FIRST;
    struct timer **heap = mem_realloc(timers->heap, (room + 1) * sizeof *heap);

    if (heap == NULL)
        return false;
    timers->heap = heap;
    timers->room = room;
    return true;
}

/* Libevent keeps places for eight timers once it has one, and nothing else of a loop uses them: so
 * after timers_new has armed it, this fails no more. Should it fail, the next timer_set tries
 * again. */
static bool arm(struct timers *timers, uint64_t at)
{
    uint64_t now = clock_now();
    uint64_t wait = at > now ? at - now : 0;

    if (wait > WAIT_MAX)
        wait = WAIT_MAX;

    struct timeval left = {.tv_sec = (time_t)(wait / 1000),
                           .tv_usec = (suseconds_t)(wait % 1000 * 1000)};

    if (event_add(timers->event, &left) != 0)
        return false;
    timers->armed = at;
    return true;
}

static void due(evutil_socket_t fd, short what, void *context)
{
    struct timers *timers = context;

    (void)fd;
    (void)what;
    timers->armed = 0; /* so that timer_set arms nothing meanwhile: it is done below, once */
    timers_run(timers);
    timers->armed = NEVER;
    if (timers->count > 0 && !arm(timers, timers->heap[1]->at))
        log_write(LOG_ERROR, "timer.no_memory", LOG_INT("loop", loop_index(timers->loop)));
}

struct timers *timers_new(struct loop *loop)
{
    struct timers *timers = mem_zalloc(sizeof *timers);

    if (timers == NULL)
        return NULL;
    timers->loop = loop_ref(loop);
    timers->event = evtimer_new(loop_base(loop), due, timers);
    if (timers->event == NULL || !grow(timers) || !arm(timers, NEVER)) {
        timers_free(timers);
        return NULL;
    }
    return timers;
}

void timers_free(struct timers *timers)
{
    if (timers == NULL)
        return;
    for (size_t i = 1; i <= timers->count; i++)
        timers->heap[i]->place = 0;
    if (timers->event != NULL)
        event_free(timers->event);
    loop_unref(timers->loop);
    mem_free(timers->heap);
    mem_free(timers);
}

bool timer_set(struct timers *timers, struct timer *timer, uint64_t at)
{
    if (timer->place == 0 && timers->count == timers->room && !grow(timers))
        return false;
    if (at < timers->armed && !arm(timers, at))
        return false;
    if (timer->place == 0)
        timer->place = ++timers->count;
    /* Never before those that were due when timers were run last: one that sets itself anew to a
     * moment in the past would keep them from their turn. */
    timer->at = at > timers->ran ? at : timers->ran;
    timer->order = ++timers->order;
    sift(timers, timer, timer->place);
    return true;
}

void timer_unset(struct timers *timers, struct timer *timer)
{
    size_t place = timer->place;

    if (place == 0)
        return;

    struct timer *last = timers->heap[timers->count--];

    timer->place = 0;
    if (last != timer)
        sift(timers, last, place);
}

uint64_t timers_next(const struct timers *timers)
{
    return timers->count > 0 ? timers->heap[1]->at : NEVER;
}

/* Those that are set meanwhile have a higher order, and wait for the next turn. */
void timers_run(struct timers *timers)
{
    uint64_t order = timers->order;

    timers->ran = clock_now();
    while (timers->count > 0) {
        struct timer *first = timers->heap[1];

        if (first->at > timers->ran || first->order > order)
            break;
        timer_unset(timers, first);
        first->run(timers->loop, first);
    }
}
