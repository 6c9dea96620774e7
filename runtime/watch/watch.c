/*
 * watch/watch: `sluice run --watch`: what its author changes is built, and loaded, as soon as it is
 * saved.
 *
 * Editors and linkers write in steps, so a change is waited out: until nothing has happened for a
 * moment, nobody has a file open that was written to, and no object is missing or empty. Then what
 * differs from what was acted upon last is acted upon: changed sources begin a build; once no build
 * is left to do and none has failed, changed objects and a changed routing.conf ask for a reload.
 *
 * The files themselves are the truth; what the kernel tells of them only says when to look.
 */
#include "watch/watch.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <string.h>

#include "base/mem.h"
#include "reload/reload.h"
#include "watch/build.h"
#include "watch/places.h"
#include "watch/plan.h"
#include "watch/tell.h"

enum {
    SETTLE_MS = 100,    /* without a change, and what changed is there */
    PATIENCE_MS = 5000, /* with who leaves a file open, or half there */
    POLL_MS = 1000,     /* between two looks where the system tells of nothing */
    AGAIN_MAX = 5,      /* builds in a row that change their own sources */
};

/* Owned by the process; the main thread's. */
struct watch {
    struct reloader *reloader;
    struct loop *loop;
    struct timers *timers;
    struct teller teller;

    struct plan plan;
    struct places *places; /* NULL: files are looked at each second */
    struct event *changes; /* of places */
    struct event *children;
    struct timer settle;
    bool settling;
    uint64_t since, last; /* of the changes that are waited out: the first, the latest */

    struct build build;
    struct work *running; /* whose build that is; NULL: none runs */
    bool built;           /* a build has ended well, and nothing was said of what it made */
    bool held;            /* a build that failed has made objects nevertheless */

    struct reload_wish wish;
    bool asked, asked_for_conf;
    bool stopped;
    struct text changed; /* the names that the reload under way is for */
};

/* ---- Looking -------------------------------------------------------------------------------- */

static void stop_watching(struct watch *watch)
{
    if (watch->changes != NULL)
        event_free(watch->changes);
    places_free(watch->places);
    watch->changes = NULL;
    watch->places = NULL;
}

/* From here on files are looked at each second. */
static void fall_back(struct watch *watch, int error)
{
    log_write(LOG_WARN, "watch.polls", LOG_STR("why", strerror(error)),
              LOG_STR("hint", error == ENOSPC   ? "sysctl fs.inotify.max_user_watches"
                              : error == EMFILE ? "sysctl fs.inotify.max_user_instances"
                                                : NULL));
    stop_watching(watch);
}

/* True: something is not as it was at the last look. */
static bool look(struct watch *watch)
{
    int error = watch->places != NULL ? plan_watch(&watch->plan, watch->places) : 0;

    if (error != 0)
        fall_back(watch, error);
    return plan_look(&watch->plan);
}

static void wait_for(struct watch *watch, uint64_t ms)
{
    if (timer_set(watch->timers, &watch->settle, loop_now(watch->loop) + ms))
        return;
    watch->settling = false; /* the next change tries again */
    teller_no_memory(&watch->teller);
}

/* Something has changed, or may have. */
static void stir(struct watch *watch)
{
    watch->last = loop_now(watch->loop);
    if (watch->stopped || watch->settling)
        return;
    watch->settling = true;
    watch->since = watch->last;
    look(watch);
    wait_for(watch, SETTLE_MS);
}

static void on_changes(evutil_socket_t fd, short what, void *context)
{
    (void)fd, (void)what;
    struct watch *watch = context;
    if (places_read(watch->places))
        stir(watch);
}

static bool is_half_there(const struct watch *watch)
{
    return (watch->places != NULL && places_busy(watch->places)) ||
           files_unfinished(&watch->plan.objects, true) ||
           files_unfinished(&watch->plan.conf, false);
}

/* ---- Reloading ------------------------------------------------------------------------------ */

static void on_told(struct reload_wish *wish, const struct reload_report *report)
{
    struct watch *watch = (struct watch *)((char *)wish - offsetof(struct watch, wish));
    struct text became = {0};

    watch->asked = false;
    if (watch->stopped)
        return;
    describe_reload(report, watch->asked_for_conf, &became);
    teller_say(&watch->teller, report->done,
               watch->changed.failed ? "what was saved" : watch->changed.data, "%s",
               became.failed ? "no memory" : became.data);
    text_free(&became);
    stir(watch); /* for what has changed meanwhile */
}

static void ask(struct watch *watch)
{
    struct plan *plan = &watch->plan;

    text_free(&watch->changed);
    if (!describe_changed(&plan->conf, &plan->objects, &watch->changed))
        text_add_str(&watch->changed, "what was built before");
    watch->asked_for_conf = files_changed(&plan->conf);
    files_accept(&plan->conf);
    files_accept(&plan->objects);
    watch->held = false;
    watch->built = false;
    watch->asked = true;
    reloader_ask(watch->reloader, &watch->wish);
}

/* ---- Building ------------------------------------------------------------------------------- */

/* What it has made, or half made, is not to be loaded; but with what the next one makes it is. */
static void note_failure(struct watch *watch)
{
    look(watch);
    watch->held |= files_changed(&watch->plan.objects);
    files_accept(&watch->plan.objects);
}

static void begin(struct watch *watch, struct work *work)
{
    const struct teller *teller = &watch->teller;
    const char *command = work_command(work), *directory = work_directory(work);
    struct text what = {0};

    if (describe_changed(&work->sources, NULL, &what))
        teller_say(teller, true, what.data, "%s", command);
    text_free(&what);
    work->due = false;
    files_accept(&work->sources);
    files_read(&work->sources);
    if (build_start(&watch->build, loop_base(watch->loop), directory, command,
                    teller->format == LOG_JSON)) {
        watch->running = work;
        return;
    }
    teller_say(teller, false, command, "can't be run in %s: %s", directory, strerror(errno));
    note_failure(watch);
}

/* Begins the next build that is due. False: none is, or it can't be begun. */
static bool begin_next(struct watch *watch)
{
    for (struct work *work = watch->plan.works; work != NULL && watch->running == NULL;
         work = work->next) {
        if (work->due)
            begin(watch, work);
    }
    return watch->running != NULL;
}

/* Were its sources changed while it ran? What a build writes anew as it was is no change; and one
 * that makes other sources each time is not run for ever. */
static void look_again(struct watch *watch, struct work *work)
{
    struct text what = {0};

    if (!files_differ(&work->sources)) {
        files_accept(&work->sources);
        work->again = 0;
        return;
    }
    if (work->again < AGAIN_MAX) {
        work->due = true;
        work->again++;
        return;
    }
    work->again = 0;
    if (describe_changed(&work->sources, NULL, &what))
        teller_say(&watch->teller, true, what.data, "in each of %d builds, so it begins no other",
                   AGAIN_MAX + 1);
    text_free(&what);
    files_accept(&work->sources);
}

static void say_failed(const struct watch *watch, const struct work *work, int status)
{
    struct text became = {0};

    describe_failure(status, &became);
    teller_say(&watch->teller, false, work_command(work), "%s",
               became.failed ? "no memory" : became.data);
    text_free(&became);
}

static void on_child(evutil_socket_t signal, short what, void *context)
{
    (void)signal, (void)what;
    struct watch *watch = context;
    struct work *work = watch->running;
    int status;

    if (watch->running == NULL || !build_ended(&watch->build, &status))
        return;
    watch->running = NULL;
    if (watch->stopped)
        return;
    if (watch->places != NULL)
        places_read(watch->places);
    look(watch);
    look_again(watch, work);
    watch->built = status == 0;
    if (status != 0) {
        say_failed(watch, work, status);
        note_failure(watch);
    }
    watch->settling = false; /* what it has made stands still from now on, or not */
    stir(watch);
}

/* ---- Acting --------------------------------------------------------------------------------- */

/* Things stand still: is there something to do? */
static void act(struct watch *watch)
{
    struct plan *plan = &watch->plan;

    if (watch->running != NULL || watch->asked)
        return; /* its end looks again */
    if (files_changed(&plan->conf) || files_changed(&plan->makefiles)) {
        if (!plan_read(plan))
            teller_no_memory(&watch->teller);
        look(watch);
        files_accept(&plan->makefiles);
    }
    for (struct work *work = plan->works; work != NULL; work = work->next)
        work->due |= files_changed(&work->sources);
    if (begin_next(watch))
        return;
    if (files_changed(&plan->conf) || files_changed(&plan->objects) ||
        (watch->held && watch->built))
        ask(watch);
    else if (watch->built)
        teller_say(&watch->teller, true, "built", "nothing new to load");
    watch->built = false;
}

static void settle_run(struct loop *loop, struct timer *timer)
{
    struct watch *watch = (struct watch *)((char *)timer - offsetof(struct watch, settle));
    uint64_t now = loop_now(loop);
    bool moved = look(watch);

    if (watch->stopped)
        return;
    if (!watch->settling && moved)
        stir(watch);
    else if (watch->settling && now - watch->since < PATIENCE_MS &&
             (moved || now - watch->last < SETTLE_MS || is_half_there(watch)))
        wait_for(watch, SETTLE_MS);
    else if (watch->settling) {
        watch->settling = false;
        act(watch);
    }
    if (watch->places == NULL && !watch->settling)
        wait_for(watch, POLL_MS);
}

/* ---- The whole ------------------------------------------------------------------------------ */

/* An error's number where the system tells of no changes. */
static int begin_watching(struct watch *watch)
{
    watch->places = places_new();
    if (watch->places == NULL)
        return errno;
    watch->changes = event_new(loop_base(watch->loop), places_fd(watch->places),
                               EV_READ | EV_PERSIST, on_changes, watch);
    if (watch->changes == NULL || event_add(watch->changes, NULL) != 0)
        return ENOMEM;
    return 0;
}

struct watch *watch_new(struct reloader *reloader, struct loop *loop, struct timers *timers,
                        const char *file, enum log_format format)
{
    struct watch *watch = mem_zalloc(sizeof *watch);

    if (watch == NULL)
        return NULL;
    *watch = (struct watch){.reloader = reloader,
                            .loop = loop,
                            .timers = timers,
                            .teller = teller_of(format),
                            .plan = {.file = file},
                            .settle = {.run = settle_run},
                            .wish = {.told = on_told}};
    watch->children = evsignal_new(loop_base(loop), SIGCHLD, on_child, watch);
    if (watch->children == NULL || event_add(watch->children, NULL) != 0 ||
        !plan_read(&watch->plan)) {
        watch_free(watch);
        return NULL;
    }
    int error = begin_watching(watch);
    if (error != 0)
        fall_back(watch, error);
    look(watch);
    files_accept(&watch->plan.conf);
    files_accept(&watch->plan.objects);
    files_accept(&watch->plan.makefiles);
    if (watch->places == NULL)
        wait_for(watch, POLL_MS);
    return watch;
}

void watch_stop(struct watch *watch)
{
    if (watch == NULL)
        return;
    if (watch->stopped) {
        build_kill(&watch->build);
        return;
    }
    watch->stopped = true;
    stop_watching(watch);
    timer_unset(watch->timers, &watch->settle);
    build_stop(&watch->build);
}

void watch_free(struct watch *watch)
{
    if (watch == NULL)
        return;
    watch_stop(watch);
    watch_stop(watch);
    if (watch->children != NULL)
        event_free(watch->children);
    plan_free(&watch->plan);
    text_free(&watch->changed);
    mem_free(watch);
}
