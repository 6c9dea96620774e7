/*
 * server/pause: nothing of any consumer runs but jobs: for as long as a reload takes to hand over.
 *
 * Each loop is sent a message, its station. While the pause does not hold, it just passes through;
 * while it does, it stays inside until it is let go. A station is one message, so none is sent
 * again before the last has come out of its loop. What the main thread has to do comes to it as
 * messages, too, so it is never held up itself.
 */
#include "server/pause.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "base/mem.h"
#include "loop/jobs.h"
#include "server/dispatch.h"
#include "server/server.h"

enum { HOLD_MS = 8 }; /* that loops stand and wait for others, at the first try */

/* Of one loop. What changes is behind the pause's lock. */
struct station {
    struct loop_message message; /* first */
    struct pause *pause;
    bool out; /* on its way through the loop */
};

enum pause_stage {
    PAUSE_OFF,
    PAUSE_POOL,  /* callbacks on the pool are to end */
    PAUSE_CALL,  /* every loop is to pass its station, once */
    PAUSE_HOLD,  /* every loop is to come to its station */
    PAUSE_STILL, /* and all are there */
};

/* Owned by the reloader; the main thread's, but for what the lock guards. */
struct pause {
    struct server *server;
    struct loop *loop; /* the main thread's */
    struct timers *timers;
    struct timer deadline, hold_ends;
    enum pause_stage stage;
    uint32_t hold_ms; /* of this try */
    void (*told)(void *context, const struct pause_late *late);
    void *context;

    struct loop_message news; /* for the main thread: look at how things stand */
    atomic_flag news_sent;

    pthread_mutex_t lock;
    pthread_cond_t go;
    bool holds;      /* who comes to its station stays there */
    unsigned inside; /* stations that stay */
    unsigned out;    /* stations on their way */
    unsigned count;  /* of stations: one for each loop that has a thread */
    struct station stations[];
};

/* Any thread. */
static void send_news(struct pause *pause)
{
    if (!atomic_flag_test_and_set(&pause->news_sent))
        loop_post(pause->loop, &pause->news);
}

static void pool_is_quiet(void *context)
{
    send_news(context);
}

/* ---- On the loops --------------------------------------------------------------------------- */

static void station_run(struct loop *loop, struct loop_message *message)
{
    (void)loop;
    struct station *station = (struct station *)message;
    struct pause *pause = station->pause;

    pthread_mutex_lock(&pause->lock);
    if (pause->holds) {
        if (++pause->inside == pause->count)
            send_news(pause);
        while (pause->holds)
            pthread_cond_wait(&pause->go, &pause->lock);
        pause->inside--;
    }
    station->out = false;
    if (--pause->out == 0)
        send_news(pause);
    pthread_mutex_unlock(&pause->lock);
}

/* ---- On the main thread --------------------------------------------------------------------- */

static void let_go(struct pause *pause)
{
    pthread_mutex_lock(&pause->lock);
    pause->holds = false;
    pthread_cond_broadcast(&pause->go);
    pthread_mutex_unlock(&pause->lock);
}

/* All stations are in: sends them out again. */
static void send_stations(struct pause *pause, bool holds)
{
    pthread_mutex_lock(&pause->lock);
    pause->holds = holds;
    pause->out = pause->count;
    for (unsigned i = 0; i < pause->count; i++)
        pause->stations[i].out = true;
    pthread_mutex_unlock(&pause->lock);
    for (unsigned i = 0; i < pause->count; i++)
        loop_post(pause->server->workers[i]->loop, &pause->stations[i].message);
    if (pause->count == 0) /* loops that this thread turns by hand: they stand still as it is */
        send_news(pause);
}

static void call_roll(struct pause *pause)
{
    pause->stage = PAUSE_CALL;
    pause->hold_ms = HOLD_MS;
    send_stations(pause, false);
}

static void hold(struct pause *pause)
{
    pause->stage = PAUSE_HOLD;
    timer_set(pause->timers, &pause->hold_ends, clock_now() + pause->hold_ms);
    pause->hold_ms *= 2;
    send_stations(pause, true);
}

static void stop(struct pause *pause)
{
    timer_unset(pause->timers, &pause->deadline);
    timer_unset(pause->timers, &pause->hold_ends);
    pause->stage = PAUSE_OFF;
    jobs_let_go(pause->server->jobs);
    let_go(pause);
}

static void stand(struct pause *pause)
{
    timer_unset(pause->timers, &pause->deadline);
    timer_unset(pause->timers, &pause->hold_ends);
    pause->stage = PAUSE_STILL;
    pause->told(pause->context, NULL);
}

static void hear_news(struct loop *loop, struct loop_message *message)
{
    (void)loop;
    struct pause *pause = (struct pause *)((char *)message - offsetof(struct pause, news));

    atomic_flag_clear(&pause->news_sent);
    pthread_mutex_lock(&pause->lock);
    bool all_in = pause->out == 0;
    bool all_inside = pause->holds && pause->inside == pause->count;
    pthread_mutex_unlock(&pause->lock);
    switch (pause->stage) {
    case PAUSE_POOL:
        if (all_in && jobs_quiet(pause->server->jobs)) /* some may be out of an earlier pause */
            call_roll(pause);
        break;
    case PAUSE_CALL:
        if (all_in)
            hold(pause);
        break;
    case PAUSE_HOLD:
        if (all_inside)
            stand(pause);
        else if (all_in) /* those that came did not wait any longer for the last one */
            hold(pause);
        break;
    case PAUSE_OFF:
    case PAUSE_STILL:
        break;
    }
}

static void hold_over(struct loop *loop, struct timer *timer)
{
    (void)loop;
    let_go((struct pause *)((char *)timer - offsetof(struct pause, hold_ends)));
}

/* ---- Who is late ---------------------------------------------------------------------------- */

static void find_late(struct pause *pause, struct pause_late *late)
{
    *late = (struct pause_late){.loop = -1};
    if (pause->stage == PAUSE_POOL && !jobs_quiet(pause->server->jobs)) {
        call_on_pool(&late->call);
        return;
    }
    pthread_mutex_lock(&pause->lock);
    for (unsigned i = 0; i < pause->count && late->loop < 0; i++)
        if (pause->stations[i].out)
            late->loop = (int)i;
    pthread_mutex_unlock(&pause->lock);
    if (late->loop >= 0)
        call_on_loop(pause->server->workers[late->loop], &late->call);
}

static void too_late(struct loop *loop, struct timer *timer)
{
    (void)loop;
    struct pause *pause = (struct pause *)((char *)timer - offsetof(struct pause, deadline));
    struct pause_late late;

    find_late(pause, &late);
    stop(pause);
    pause->told(pause->context, &late);
}

void pause_describe(const struct pause_late *late, struct text *out)
{
    if (late->call.mount[0] != '\0')
        text_addf(out, "%s of %s", late->call.callback, late->call.mount);
    else if (late->loop >= 0)
        text_addf(out, "loop-%d", late->loop);
    else
        text_add_str(out, "the thread pool");
    if (late->call.type[0] != '\0')
        text_addf(out, " (event %s)", late->call.type);
}

/* ---- Beginning and end ---------------------------------------------------------------------- */

struct pause *pause_new(struct server *server, struct loop *loop)
{
    unsigned count = server->worker_count;
    struct pause *pause = mem_zalloc(sizeof *pause + count * sizeof pause->stations[0]);

    if (pause == NULL)
        return NULL;
    pause->timers = timers_new(loop);
    if (pause->timers == NULL) {
        mem_free(pause);
        return NULL;
    }
    pause->server = server;
    pause->loop = loop;
    pause->deadline.run = too_late;
    pause->hold_ends.run = hold_over;
    pause->news.run = hear_news;
    for (unsigned i = 0; i < count; i++)
        pause->stations[i] = (struct station){.message = {.run = station_run}, .pause = pause};
    pthread_mutex_init(&pause->lock, NULL);
    pthread_cond_init(&pause->go, NULL);
    return pause;
}

void pause_free(struct pause *pause)
{
    if (pause == NULL)
        return;
    timers_free(pause->timers);
    pthread_cond_destroy(&pause->go);
    pthread_mutex_destroy(&pause->lock);
    mem_free(pause);
}

void pause_begin(struct pause *pause, uint32_t ms,
                 void (*told)(void *context, const struct pause_late *late), void *context)
{
    pause->told = told;
    pause->context = context;
    pause->stage = PAUSE_POOL;
    pause->count = pause->server->started;
    timer_set(pause->timers, &pause->deadline, clock_now() + ms);
    jobs_hold(pause->server->jobs, pool_is_quiet, pause);
}

void pause_end(struct pause *pause)
{
    if (pause->stage != PAUSE_OFF)
        stop(pause);
}
