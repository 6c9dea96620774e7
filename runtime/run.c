/*
 * run: `sluice run`: the process that serves.
 *
 * The main thread has a loop of its own, for signals, the watchdog and the reaping of what nobody
 * uses any more; connections are the business of the server's loops. So a reload, which may take
 * its time over files, holds nobody up.
 */
#include "run.h"

#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "api.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/self.h"
#include "control/control.h"
#include "loop/loop.h"
#include "loop/timer.h"
#include "plugin/consumer.h"
#include "plugin/snapshot.h"
#include "reload/reload.h"
#include "reload/trial.h"
#include "server/handover.h"
#include "server/server.h"
#include "supervise/crash.h"
#include "supervise/supervised.h"
#include "supervise/supervisor.h"
#include "watch/watch.h"

enum {
    WATCH_MS = 100,   /* between two looks at callbacks that hold a loop, and at memory */
    HURRY_MS = 500,   /* SIGINT: what is left to closing handshakes */
    UNLOAD_MS = 1000, /* and to the last unload and destructors, at the end of all */
};

/* The process. On the stack of run_serve; the main thread's. */
struct process {
    const struct cli *cli;
    struct loop *loop;
    struct timers *timers;
    struct timer watch, hurry, give_up;
    struct plugin_cache *cache;
    struct server *server;
    struct reloader *reloader;
    struct control *control; /* NULL: there is none */
    struct watch *author;    /* NULL: without --watch */
    struct event *signals[3];
    struct loop_message reap, stopped;
    atomic_flag reap_posted;
    char since[16];            /* when the routing that serves was loaded: "18:26:04" */
    struct snapshot *snapshot; /* what it starts from; NULL: from what is there */
    bool stopping;
    bool orphan; /* its supervisor is gone */
    uint32_t stop_ms;
    uint64_t stop_at; /* when the process is to be gone */
};

/* ---- Reloading ------------------------------------------------------------------------------ */

static void note_time(struct process *process)
{
    time_t now = time(NULL);
    struct tm local;

    strftime(process->since, sizeof process->since, "%H:%M:%S", localtime_r(&now, &local));
}

/* Whoever asked for it. */
static void reload_ended(void *context, const struct reload_report *report)
{
    struct process *process = context;
    const struct diag *diag = report->diag;
    char then[64] = "";

    if (report->done)
        note_time(process);
    else
        snprintf(then, sizeof then, "; still serving the routing loaded at %s", process->since);
    if (diag->errors + diag->warnings > 0)
        cli_print_diag(process->cli, diag, then);
    log_write(report->done ? LOG_INFO : LOG_ERROR, report->done ? "reload.done" : "reload.refused",
              LOG_STR("file", process->cli->file), LOG_INT("errors", diag->errors),
              LOG_INT("warnings", diag->warnings), LOG_INT("ms", report->ms),
              LOG_INT("load_ms", report->load_ms), LOG_INT("pause_ms", report->pause_ms),
              LOG_INT("move_ms", report->move_ms),
              LOG_INT("mounts", process->server->routing->mount_count));
}

static void reap_run(struct loop *loop, struct loop_message *message)
{
    (void)loop;
    struct process *process = (struct process *)((char *)message - offsetof(struct process, reap));
    atomic_flag_clear(&process->reap_posted);
    if (process->reloader != NULL && process->cache != NULL) /* else the end reaps, or has */
        reloader_reap(process->reloader);
}

/* Any thread. */
static void wake_reaper(void *context)
{
    struct process *process = context;

    if (!atomic_flag_test_and_set(&process->reap_posted))
        loop_post(process->loop, &process->reap);
}

/* ---- Stopping ------------------------------------------------------------------------------- */

static void stopped_run(struct loop *loop, struct loop_message *message)
{
    (void)message;
    loop_stop(loop);
}

/* A worker's thread: all connections are gone. */
static void on_stopped(void *context)
{
    struct process *process = context;

    loop_post(process->loop, &process->stopped);
}

static void hurry_run(struct loop *loop, struct timer *timer)
{
    (void)loop;
    struct process *process = (struct process *)((char *)timer - offsetof(struct process, hurry));
    server_cut(process->server);
}

/* What still runs is a callback that does not end. */
static void give_up_run(struct loop *loop, struct timer *timer)
{
    (void)timer;
    loop_stop(loop);
}

/* `grace`: ms until lines are cut; over `pace` of them the closing of connections is spread. */
static void stop(struct process *process, const char *why, uint32_t grace, uint32_t pace)
{
    uint64_t now = loop_now(process->loop);

    if (process->stopping) { /* a second signal hurries it */
        server_cut(process->server);
        return;
    }
    process->stopping = true;
    reloader_stop(process->reloader);
    watch_stop(process->author);
    process->stop_at = now + process->stop_ms;
    log_write(LOG_INFO, "server.stopping", LOG_STR("why", why),
              LOG_INT("connections", atomic_load(&process->server->open)));
    timer_set(process->timers, &process->hurry, now + grace);
    timer_set(process->timers, &process->give_up, process->stop_at);
    server_stop(process->server, pace);
}

/* Those that are closed last have time for their closing handshake, too. */
static uint32_t pace_of(const struct process *process)
{
    uint32_t pace = process->server->routing->config->server.pace, most = process->stop_ms / 2;

    return pace < most ? pace : most;
}

/* The supervisor is gone, killed by somebody: nobody is left to start the server again, or to send
 * it a signal. */
static void on_gone(void *context)
{
    struct process *process = context;

    process->orphan = true;
    if (!process->stopping)
        stop(process, "its supervisor is gone", HURRY_MS, 0);
}

static void on_signal(evutil_socket_t signal, short what, void *context)
{
    (void)what;
    struct process *process = context;
    uint32_t most = process->stop_ms - process->stop_ms / 5; /* the rest is for cutting lines */
    uint32_t pace = pace_of(process);
    if (signal == SIGHUP && !process->stopping)
        reloader_ask(process->reloader, NULL);
    else if (signal == SIGTERM)
        stop(process, "SIGTERM", most, pace);
    else if (signal == SIGINT)
        stop(process, "SIGINT", most < HURRY_MS ? most : HURRY_MS, 0);
}

/* ---- The whole ------------------------------------------------------------------------------ */

static void watch_run(struct loop *loop, struct timer *timer)
{
    struct process *process = (struct process *)((char *)timer - offsetof(struct process, watch));

    server_watch(process->server);
    mem_trim();
    timer_set(process->timers, timer, loop_now(loop) + WATCH_MS);
}

static bool add_signals(struct process *process)
{
    static const int numbers[] = {SIGHUP, SIGTERM, SIGINT};

    for (unsigned i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        process->signals[i] =
            evsignal_new(loop_base(process->loop), numbers[i], on_signal, process);
        if (process->signals[i] == NULL || event_add(process->signals[i], NULL) != 0)
            return false;
    }
    return true;
}

static bool prepare_loop(struct process *process)
{
    process->loop = loop_new(0, "main");
    process->timers = process->loop != NULL ? timers_new(process->loop) : NULL;
    if (process->timers == NULL || !add_signals(process) ||
        !supervised_watch(process->loop, on_gone, process)) {
        fprintf(stderr, "sluice: no memory\n");
        return false;
    }
    process->reap.run = reap_run;
    process->stopped.run = stopped_run;
    process->watch.run = watch_run;
    process->hurry.run = hurry_run;
    process->give_up.run = give_up_run;
    routing_on_idle(wake_reaper, process);
    return true;
}

/* What served last and did well, where the server goes on for one that crashed; else what is there.
 */
static struct config *read_config(struct process *process, struct diag *diag)
{
    const char *path = supervised_snapshot();

    process->snapshot = path != NULL ? snapshot_read(path) : NULL;
    if (process->snapshot != NULL)
        return config_read_from(process->snapshot->text, process->cli->file, diag);
    if (path != NULL)
        log_write(LOG_WARN, "snapshot.lost", LOG_STR("path", path));
    return config_read(process->cli->file, diag);
}

static bool prepare_cache(struct process *process, const struct config *config, struct diag *diag)
{
    process->stop_ms = config->server.stop;
    process->cache = reload_cache(config, diag);
    if (process->cache == NULL)
        return false;
    generation_on_idle(process->cache, wake_reaper, process);
    snapshot_use(process->cache, process->snapshot);
    return true;
}

static bool make_reloader(struct process *process)
{
    process->reloader =
        reloader_new(process->server, process->loop, process->cli->file, reload_ended, process);
    return process->reloader != NULL;
}

static bool prepare_server(struct process *process, struct config *config, struct diag *diag)
{
    struct routing *routing = routing_new(config, process->cache, NULL, diag);

    if (routing == NULL)
        return false;
    process->server = server_new(process->cache, routing, diag);
    if (process->server != NULL) {
        api_serve(process->server);
        process->server->on_stopped = on_stopped;
        process->server->context = process;
    }
    struct handover handover = {.next = routing, .diag = diag};
    bool done = process->server != NULL && make_reloader(process) &&
                (process->snapshot != NULL || trial_begin(process->cache, routing, NULL, diag)) &&
                handover_run(&handover) && server_start(process->server);
    if (done) {
        trial_serve();
        supervised_serves(process->stop_ms);
    } else {
        trial_drop();
    }
    routing_unref(routing);
    return done;
}

static void open_control(struct process *process)
{
    struct tell_process tells = {
        .file = process->cli->file,
        .started = clock_wall(),
        .began = clock_now(),
        .supervisor = supervised_by(),
        .restarted = supervised_again(),
        .server = process->server,
    };

    process->control = control_open(&tells, process->reloader, process->server->config,
                                    process->loop, process->timers);
}

/* Without the memory for it the server serves all the same. */
static void open_watch(struct process *process)
{
    const struct cli *cli = process->cli;

    if (!cli->watch)
        return;
    process->author =
        watch_new(process->reloader, process->loop, process->timers, cli->file, cli->log_format);
    if (process->author == NULL)
        log_write(LOG_ERROR, "watch.failed", LOG_STR("why", "no memory"));
}

/* A server that goes on for one that crashed has nothing new to tell on the terminal. */
static void print_routing(const struct process *process, const struct diag *diag)
{
    const struct server *server = process->server;
    struct text out = {0}, counts = {0};

    cli_counts(server->routing, &counts);
    if (diag->warnings > 0)
        cli_print_diag(process->cli, diag, "");
    else
        text_addf(&out, "sluice: no issues (%s)\n", counts.data != NULL ? counts.data : "");
    cli_mounts(server->routing, &out);
    for (unsigned i = 0; i < server_address_count(server); i++)
        text_addf(&out, "serving on %s\n", server_address(server, i));
    if (out.data != NULL)
        fputs(out.data, stdout);
    fflush(stdout);
    text_free(&out);
    text_free(&counts);
}

static void announce(const struct process *process, const struct diag *diag)
{
    const struct server *server = process->server;

    if (!supervised_again())
        print_routing(process, diag);
    for (unsigned i = 0; i < server_address_count(server); i++)
        log_write(LOG_INFO, "server.started", LOG_STR("address", server_address(server, i)),
                  LOG_STR("version", PACKAGE_VERSION), LOG_INT("pid", getpid()),
                  LOG_INT("loops", server->worker_count),
                  LOG_INT("connections", server->connection_limit));
}

/* Whatever is left of the time to stop. */
static unsigned patience_of(const struct process *process)
{
    uint64_t now = clock_now();

    if (!process->stopping)
        return 1000;
    return process->stop_at > now ? (unsigned)(process->stop_at - now) : 1;
}

static void end_server(struct process *process)
{
    unsigned long accepted = atomic_load(&process->server->accepted);

    api_shut();
    if (!reloader_wait(process->reloader, patience_of(process)) ||
        !server_free(process->server, patience_of(process))) {
        routing_tell(process->server->routing); /* which will never be freed */
        log_write(LOG_ERROR, "server.stopped", LOG_STR("why", "a callback does not end"));
        _exit(CLI_DONE);
    }
    api_serve(NULL);
    if (process->stopping)
        log_write(LOG_INFO, "server.stopped", LOG_INT("connections_served", accepted));
}

/* Frees everything; where a callback does not end, its memory can't be, and the process just goes.
 */
static void clean_up(struct process *process)
{
    control_close(process->control);
    if (process->stopping)
        supervised_say(TETHER_LEAVES, NULL, 0, -1);
    watch_stop(process->author);
    if (process->server != NULL)
        end_server(process);
    watch_free(process->author);
    if (process->cache != NULL) {
        if (process->reloader == NULL)
            reload_reap(process->cache);
        else if (!reloader_reap_last(process->reloader, UNLOAD_MS))
            _exit(CLI_DONE);
        if (process->orphan) /* nobody else is left to remove what was kept */
            plugin_cache_clean(process->cache);
        plugin_cache_close(process->cache);
        process->cache = NULL;
    }
    for (unsigned i = 0; i < sizeof process->signals / sizeof *process->signals; i++) {
        if (process->signals[i] != NULL)
            event_free(process->signals[i]);
    }
    supervised_end();
    trial_forget();
    timers_free(process->timers);
    if (process->loop != NULL)
        loop_free(process->loop);
    reloader_free(process->reloader); /* what is left in the loop's mailbox may use it */
}

static enum cli_status serve(const struct cli *cli)
{
    struct process process = {.cli = cli};
    struct diag diag = {0};

    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a file that can't grow any more is an error like others */
    mem_setup();
    loop_setup_libevent();
    self_raise_file_limit();
    note_time(&process);
    struct config *config = read_config(&process, &diag);
    bool serves = config != NULL && prepare_loop(&process) &&
                  prepare_cache(&process, config, &diag) && prepare_server(&process, config, &diag);
    config_unref(config);
    if (process.cache != NULL)
        snapshot_use(process.cache, NULL);
    snapshot_free(process.snapshot);
    if (serves) {
        open_control(&process);
        open_watch(&process);
        announce(&process, &diag);
        timer_set(process.timers, &process.watch, loop_now(process.loop) + WATCH_MS);
        loop_run(process.loop);
    } else if (diag.errors > 0) {
        cli_print_diag(cli, &diag, "");
    }
    diag_free(&diag);
    clean_up(&process);
    return serves ? CLI_DONE : CLI_FAILED;
}

int run_serve(const struct cli *cli)
{
    log_set_format(cli->log_format);
    if (!cli->supervise)
        crash_setup(NULL);
    else if (supervised_is())
        supervised_begin(trial_remember);
    else
        return supervisor_run(cli->words);
    return serve(cli);
}
