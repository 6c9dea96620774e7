/*
 * reload/reload: from routing.conf to something that serves, and from a changed one to the next:
 * all of it, or nothing.
 *
 * Everything that can fail comes before the one step that changes what is served. What may take its
 * time (reading files, probing and opening consumers, their save and load) is done by a thread that
 * lives only for that, the loader; the main thread waits for none of it, and hears signals and
 * answers whoever asks meanwhile. Each stage ends with a message or a timer of the main thread's
 * loop, which begins the next one.
 */
#include "reload/reload.h"

#include <pthread.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/self.h"
#include "loop/loop.h"
#include "loop/thread.h"
#include "loop/timer.h"
#include "reload/report.h"
#include "reload/trial.h"
#include "server/handover.h"
#include "server/pause.h"
#include "server/server.h"

enum {
    STOP_MS = 500,  /* that a consumer's load may still take when the server stops */
    LOOK_MS = 5,    /* between two looks whether all have moved */
    MOVE_MS = 5000, /* after which it is told that they have, though a callback holds their loop */
};

enum stage {
    STAGE_IDLE,
    STAGE_OPENING, /* the loader opens what the file says */
    STAGE_PAUSING, /* running callbacks come to an end */
    STAGE_HANDING, /* nothing runs; the loader is in save and load */
    STAGE_MOVING,  /* it is done; live connections move, and sockets are closed */
    STAGE_REAPING, /* that reload is over; the loader is in unload and destructors */
    STAGE_LATE,    /* it did not come back from a consumer; that reload is over */
};

/* Owned by the process; the main thread's, but for what the loader is told to use. */
struct reloader {
    struct server *server;
    struct plugin_cache *cache; /* outlives the server */
    struct loop *loop;
    struct timers *timers;
    const char *file;
    struct config *(*read)(void *context, struct diag *diag); /* NULL: of the file */
    void *read_context;
    struct pause *pause;
    void (*ended)(void *context, const struct reload_report *report);
    void *context;
    enum stage stage;
    bool stopping;

    bool reap_again; /* something more has become idle while it reaped */

    bool again; /* somebody has asked since the one under way began... */
    struct reload_wish *waiting, **waiting_end; /* ...and these want to be told */
    struct reload_wish *served;                 /* of the one under way */

    /* The one under way. */
    struct routing *now, *next; /* references; NULL: there is none (yet) */
    struct diag diag;           /* the loader's while it works */
    struct handover handover;
    struct timer deadline, look;
    uint64_t began, opened, paused, resumed;

    /* The loader. */
    pthread_t thread;
    bool threaded; /* it has a thread, which is not joined */
    void (*work)(struct reloader *reloader);
    void (*then)(struct reloader *reloader); /* on the main thread; NULL: nothing is under way */
    struct loop_message done;
};

/* ---- Parts ---------------------------------------------------------------------------------- */

struct plugin_cache *reload_cache(const struct config *config, struct diag *diag)
{
    struct plugin_fault fault = {.message = ""};
    struct plugin_cache *cache = plugin_cache_open(config->cache, &fault);

    if (cache == NULL)
        diag_add(diag, DIAG_ERROR, &config->source, config->cache_place,
                 fault.hint[0] ? fault.hint : NULL, "%s", fault.message);
    else
        plugin_cache_probe_by(cache, self_program(), config->reload.probe);
    return cache;
}

static bool loader_works; /* in this process; the main thread's */

static void reap_all(struct plugin_cache *cache)
{
    /* A routing that goes may let go of the last reference to its generations. */
    while (routing_reap() > 0 || generation_reap(cache) > 0)
        continue;
}

void reload_reap(struct plugin_cache *cache)
{
    if (!loader_works)
        reap_all(cache);
}

/* ---- The loader ----------------------------------------------------------------------------- */

static void *loader_main(void *argument)
{
    struct reloader *reloader = argument;

    reloader->work(reloader);
    loop_post(reloader->loop, &reloader->done);
    return NULL;
}

static void loader_end(struct reloader *reloader)
{
    if (reloader->threaded)
        pthread_join(reloader->thread, NULL);
    reloader->threaded = false;
    reloader->then = NULL;
    loader_works = false;
}

static void loader_done(struct loop *loop, struct loop_message *message)
{
    struct reloader *reloader =
        (struct reloader *)((char *)message - offsetof(struct reloader, done));
    void (*then)(struct reloader *) = reloader->then;

    if (then == NULL || loop_over(loop))
        return; /* it was waited for at the end */
    loader_end(reloader);
    then(reloader);
}

/* `work` on a thread of its own, `then` on this one. Where there is no thread to be had, it holds
 * this one up. */
static void loader_run(struct reloader *reloader, void (*work)(struct reloader *reloader),
                       void (*then)(struct reloader *reloader))
{
    loader_works = true;
    reloader->work = work;
    reloader->then = then;
    reloader->threaded = thread_start(&reloader->thread, "loader", loader_main, reloader);
    if (!reloader->threaded)
        loader_main(reloader);
}

/* ---- The end of one ------------------------------------------------------------------------- */

static void begin(struct reloader *reloader);

/* Whatever was prepared and is not served. */
static void drop(struct reloader *reloader)
{
    trial_drop();
    server_take_back_listeners(reloader->server);
    routing_unref(reloader->next);
    routing_unref(reloader->now);
    reloader->next = reloader->now = NULL;
    diag_free(&reloader->diag);
    reloader->diag = (struct diag){0};
}

static void tell(struct reloader *reloader, bool done, const struct diag *diag)
{
    uint64_t ended = clock_now();
    struct reload_report report = {.done = done, .diag = diag, .ms = ended - reloader->began};
    struct reload_wish *wish;

    report.load_ms = reloader->opened - reloader->began;
    report.pause_ms = reloader->resumed - reloader->paused;
    if (done) {
        report.move_ms = ended - reloader->resumed;
        report_fill(&report, reloader->now, reloader->next);
    }
    reloader->ended(reloader->context, &report);
    while ((wish = reloader->served) != NULL) {
        reloader->served = wish->next;
        wish->told(wish, &report);
    }
    report_clear(&report);
}

static void begin_again(struct reloader *reloader)
{
    reloader->stage = STAGE_IDLE;
    if (reloader->again && !reloader->stopping)
        begin(reloader);
}

static void reap(struct reloader *reloader)
{
    reap_all(reloader->cache);
}

static void reap_begin(struct reloader *reloader);

static void reaped(struct reloader *reloader)
{
    timer_unset(reloader->timers, &reloader->deadline);
    begin_again(reloader);
    if (reloader->stage == STAGE_IDLE && reloader->reap_again)
        reap_begin(reloader);
}

/* An unload may not come back either, so it is not the main thread that waits for it. */
static void reap_begin(struct reloader *reloader)
{
    reloader->reap_again = false;
    if (reloader->stopping)
        return;
    if (reloader->read != NULL) { /* one thread does it all */
        reload_reap(reloader->cache);
        begin_again(reloader);
        return;
    }
    reloader->stage = STAGE_REAPING;
    timer_set(reloader->timers, &reloader->deadline,
              clock_now() + reloader->server->routing->config->reload.pause);
    loader_run(reloader, reap, reaped);
}

void reloader_reap(struct reloader *reloader)
{
    reloader->reap_again = true;
    if (reloader->stage == STAGE_IDLE)
        reap_begin(reloader);
}

static void go_on(struct reloader *reloader)
{
    reloader->stage = STAGE_IDLE;
    reap_begin(reloader);
}

static void end(struct reloader *reloader, bool done)
{
    tell(reloader, done, &reloader->diag);
    drop(reloader);
    go_on(reloader);
}

/* ---- Handing over --------------------------------------------------------------------------- */

static void resume(struct reloader *reloader)
{
    reloader->resumed = clock_now();
    pause_end(reloader->pause);
}

static void moving(struct loop *loop, struct timer *timer)
{
    (void)loop;
    struct reloader *reloader =
        (struct reloader *)((char *)timer - offsetof(struct reloader, look));

    if (server_settled(reloader->server) || clock_now() - reloader->resumed >= MOVE_MS)
        end(reloader, true);
    else
        timer_set(reloader->timers, timer, clock_now() + LOOK_MS);
}

void reloader_look(struct reloader *reloader)
{
    if (reloader->stage != STAGE_MOVING)
        return;
    timer_unset(reloader->timers, &reloader->look);
    moving(reloader->loop, &reloader->look);
}

static void hand_over(struct reloader *reloader)
{
    handover_run(&reloader->handover);
}

static void handed_over(struct reloader *reloader)
{
    timer_unset(reloader->timers, &reloader->deadline);
    if (reloader->stage == STAGE_LATE) { /* all were told long ago */
        drop(reloader);
        go_on(reloader);
        return;
    }
    bool done = reloader->handover.done;
    if (done) {
        server_set_routing(reloader->server, reloader->next);
        server_switch_listeners(reloader->server);
        trial_serve();
    }
    resume(reloader);
    if (!done) {
        end(reloader, false);
        return;
    }
    reloader->stage = STAGE_MOVING;
    moving(reloader->loop, &reloader->look);
}

static uint32_t pause_of(const struct reloader *reloader)
{
    return reloader->now->config->reload.pause;
}

static void refuse_waiting(struct reloader *reloader, const char *why);

#define NOT_ENDED "the load(), save() or unload() that an earlier reload called has not ended"

static void say_unload_late(struct reloader *reloader)
{
    struct text name = {0};

    plugin_cache_going(reloader->cache, &name);
    log_write(LOG_ERROR, "unload.late", LOG_STR("consumer", name.failed ? "?" : name.data),
              LOG_STR("why", "its unload() or a destructor does not end"));
    text_free(&name);
}

static void reap_late(struct reloader *reloader)
{
    say_unload_late(reloader);
    reloader->stage = STAGE_LATE;
    if (reloader->again)
        refuse_waiting(reloader, NOT_ENDED);
}

/* The loader stays where it is, with what it uses; everybody else goes on. */
static void too_late(struct loop *loop, struct timer *timer)
{
    (void)loop;
    struct reloader *reloader =
        (struct reloader *)((char *)timer - offsetof(struct reloader, deadline));

    if (reloader->stage == STAGE_REAPING) {
        reap_late(reloader);
        return;
    }
    const char *consumer = atomic_load(&reloader->handover.consumer);
    const char *callback = atomic_load(&reloader->handover.callback);
    struct source source = {.name = reloader->file};
    struct diag diag = {0};

    diag_add(&diag, DIAG_ERROR, &source, (struct place){0},
             "nothing is reloaded until it ends; `reload pause` says how long it may take",
             "%s() of \"%s\" does not end: it had %u ms", callback != NULL ? callback : "load",
             consumer != NULL ? consumer : "?", pause_of(reloader));
    reloader->stage = STAGE_LATE;
    resume(reloader);
    tell(reloader, false, &diag);
    diag_free(&diag);
}

/* At the mount of the file as it is now that bears the pattern, if there is one. */
static void refuse_late(struct reloader *reloader, const struct pause_late *late)
{
    const struct config *config = reloader->next->config;
    struct source source = {.name = config->source.name};
    struct place place = {0};
    struct text name = {0};

    for (unsigned i = 0; i < config->mount_count; i++) {
        if (strcmp(config->mounts[i].route, late->call.mount) != 0)
            continue;
        place = config->mounts[i].place;
        source = config->source;
        break;
    }
    pause_describe(late, &name);
    diag_add(&reloader->diag, DIAG_ERROR, &source, place,
             "`reload pause` says how long running callbacks may take",
             "%s did not end within %u ms, so nothing was changed",
             name.failed ? "a callback" : name.data, pause_of(reloader));
    text_free(&name);
}

static bool has_new(const struct routing *routing)
{
    for (unsigned i = 0; i < routing->mount_count; i++)
        if (routing->mounts[i].generation != NULL &&
            !generation_loaded(routing->mounts[i].generation))
            return true;
    return false;
}

static void paused(void *context, const struct pause_late *late)
{
    struct reloader *reloader = context;

    reloader->paused = reloader->resumed = clock_now();
    if (late != NULL) {
        refuse_late(reloader, late);
        end(reloader, false);
        return;
    }
    reloader->stage = STAGE_HANDING;
    reloader->handover =
        (struct handover){.now = reloader->now, .next = reloader->next, .diag = &reloader->diag};
    if (!has_new(reloader->next)) {
        reloader->handover.done = true;
        handed_over(reloader);
        return;
    }
    timer_set(reloader->timers, &reloader->deadline, reloader->paused + pause_of(reloader));
    loader_run(reloader, hand_over, handed_over);
}

/* ---- Opening -------------------------------------------------------------------------------- */

/* A file that was cut, or that somebody is about to write: nobody means by it that nothing is to be
 * served any more. */
static bool is_empty(const struct config *config)
{
    struct slice text = {config->source.data, config->source.size};

    while (text.size > 0 && strchr(" \t\r\n", text.data[text.size - 1]) != NULL)
        text.size--;
    return text.size == 0;
}

static void refuse_empty(const struct config *now, const struct config *next, struct diag *diag)
{
    if (now->mount_count > 0 && is_empty(next))
        diag_add(diag, DIAG_ERROR, &next->source, (struct place){0},
                 "where nothing is to be served any more, let a comment say so",
                 "the file is empty");
}

static void open_next(struct reloader *reloader)
{
    struct diag *diag = &reloader->diag;
    struct config *config = reloader->read != NULL ? reloader->read(reloader->read_context, diag)
                                                   : config_read(reloader->file, diag);

    if (config == NULL)
        return;
    refuse_empty(reloader->now->config, config, diag);
    if (diag->errors == 0)
        config_compare(reloader->server->config, config, diag);
    if (reloader->read == NULL)
        plugin_cache_probe_by(reloader->server->cache, self_program(), config->reload.probe);
    struct routing *next = routing_new(config, reloader->server->cache, reloader->now, diag);
    config_unref(config); /* the routing holds its own */
    if (next != NULL && !trial_begin(reloader->server->cache, next, reloader->now, diag)) {
        routing_unref(next);
        next = NULL;
    }
    reloader->next = next;
}

static void opened(struct reloader *reloader)
{
    reloader->opened = reloader->paused = reloader->resumed = clock_now();
    if (reloader->stopping) { /* all were told */
        drop(reloader);
        go_on(reloader);
    } else if (reloader->next == NULL ||
               !server_prepare_listeners(reloader->server, reloader->next->config,
                                         &reloader->diag)) {
        end(reloader, false);
    } else {
        reloader->stage = STAGE_PAUSING;
        pause_begin(reloader->pause, pause_of(reloader), paused, reloader);
    }
}

static void begin(struct reloader *reloader)
{
    reloader->stage = STAGE_OPENING;
    reloader->again = false;
    reloader->served = reloader->waiting;
    reloader->waiting = NULL;
    reloader->waiting_end = &reloader->waiting;
    reloader->began = reloader->opened = reloader->paused = reloader->resumed = clock_now();
    reloader->now = routing_ref(reloader->server->routing);
    loader_run(reloader, open_next, opened);
}

/* ---- Asking --------------------------------------------------------------------------------- */

/* Of all who wait, with nothing under way that could serve them. */
static void refuse_waiting(struct reloader *reloader, const char *why)
{
    struct diag diag = {0};
    struct source source = {.name = reloader->file};

    reloader->again = false;
    reloader->served = reloader->waiting;
    reloader->waiting = NULL;
    reloader->waiting_end = &reloader->waiting;
    reloader->began = reloader->opened = reloader->paused = reloader->resumed = clock_now();
    diag_add(&diag, DIAG_ERROR, &source, (struct place){0}, NULL, "%s", why);
    tell(reloader, false, &diag);
    diag_free(&diag);
}

void reloader_ask(struct reloader *reloader, struct reload_wish *wish)
{
    reloader->again = true;
    if (wish != NULL) {
        wish->next = NULL;
        *reloader->waiting_end = wish;
        reloader->waiting_end = &wish->next;
    }
    if (reloader->stopping)
        refuse_waiting(reloader, "the server stops");
    else if (reloader->stage == STAGE_IDLE)
        begin(reloader);
    else if (reloader->stage == STAGE_LATE)
        refuse_waiting(reloader, NOT_ENDED);
}

/* ---- Beginning and end ---------------------------------------------------------------------- */

struct reloader *reloader_new(struct server *server, struct loop *loop, const char *file,
                              void (*ended)(void *context, const struct reload_report *report),
                              void *context)
{
    struct reloader *reloader = mem_zalloc(sizeof *reloader);

    if (reloader == NULL)
        return NULL;
    *reloader = (struct reloader){.server = server,
                                  .cache = server->cache,
                                  .loop = loop,
                                  .file = file,
                                  .ended = ended,
                                  .context = context,
                                  .deadline = {.run = too_late},
                                  .look = {.run = moving},
                                  .done = {.run = loader_done}};
    reloader->waiting_end = &reloader->waiting;
    reloader->timers = timers_new(loop);
    reloader->pause = pause_new(server, loop);
    if (reloader->timers != NULL && reloader->pause != NULL)
        return reloader;
    reloader_free(reloader);
    return NULL;
}

void reloader_read_by(struct reloader *reloader,
                      struct config *(*read)(void *context, struct diag *diag), void *context)
{
    reloader->read = read;
    reloader->read_context = context;
}

static void refuse_served(struct reloader *reloader)
{
    struct diag diag = {0};
    struct source source = {.name = reloader->file};

    diag_add(&diag, DIAG_ERROR, &source, (struct place){0}, NULL, "the server stops");
    tell(reloader, false, &diag);
    diag_free(&diag);
}

void reloader_stop(struct reloader *reloader)
{
    if (reloader == NULL || reloader->stopping)
        return;
    reloader->stopping = true;
    plugin_cache_give_up(reloader->server->cache);
    switch (reloader->stage) {
    case STAGE_OPENING:
        refuse_served(reloader);
        break;
    case STAGE_PAUSING:
        pause_end(reloader->pause);
        refuse_served(reloader);
        drop(reloader);
        reloader->stage = STAGE_IDLE;
        break;
    case STAGE_HANDING: /* save must not run beside callbacks: it has a moment to end */
        if (reloader->deadline.at > clock_now() + STOP_MS)
            timer_set(reloader->timers, &reloader->deadline, clock_now() + STOP_MS);
        break;
    case STAGE_MOVING: /* it is done */
        timer_unset(reloader->timers, &reloader->look);
        tell(reloader, true, &reloader->diag);
        drop(reloader);
        reloader->stage = STAGE_IDLE;
        break;
    case STAGE_IDLE:
    case STAGE_REAPING:
    case STAGE_LATE:
        break;
    }
    if (reloader->again)
        refuse_waiting(reloader, "the server stops");
}

static bool joined(struct reloader *reloader, unsigned patience)
{
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += patience / 1000;
    until.tv_nsec += patience % 1000 * 1000000L;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000L;
    }
    return pthread_timedjoin_np(reloader->thread, NULL, &until) == 0;
}

bool reloader_wait(struct reloader *reloader, unsigned patience)
{
    if (reloader == NULL)
        return true;
    reloader_stop(reloader);
    if (reloader->threaded) {
        if (!joined(reloader, patience))
            return false;
        reloader->threaded = false;
    }
    loader_end(reloader);
    pause_end(reloader->pause);
    if (reloader->stage == STAGE_HANDING)
        refuse_served(reloader);
    drop(reloader);
    reloader->stage = STAGE_IDLE;
    return true;
}

static void *reap_main(void *reloader)
{
    reap(reloader);
    return NULL;
}

bool reloader_reap_last(struct reloader *reloader, unsigned patience)
{
    if (!thread_start(&reloader->thread, "loader", reap_main, reloader)) {
        reap(reloader);
        return true;
    }
    if (joined(reloader, patience) && generation_count(reloader->cache) == 0)
        return true; /* and the thread has not been ended from within an unload */
    say_unload_late(reloader);
    return false;
}

void reloader_free(struct reloader *reloader)
{
    if (reloader == NULL)
        return;
    pause_free(reloader->pause);
    timers_free(reloader->timers);
    mem_free(reloader);
}
