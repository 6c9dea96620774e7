/*
 * server/server: the loops, the layer and the pool that serve one routing.conf.
 *
 * Made whole before anything serves, so that what can't be had is an error at start; then the loops
 * run, and all that is left to do is to hand them a new routing, to watch them, and to stop them.
 */
#include "server/server.h"

#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "layer/local.h"
#include "loop/jobs.h"
#include "server/acceptor.h"
#include "server/fanout.h"
#include "server/listener.h"
#include "server/move.h"

enum { RESERVED_FILES = 64 }; /* descriptors that are not connections: logs, files, loops, copies */

/* ---- Making --------------------------------------------------------------------------------- */

static unsigned loop_count_of(const struct config *config)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);

    if (config->loops > 0)
        return config->loops;
    return cores > 0 ? (unsigned)cores : 1;
}

/* `server connections=auto`: what the limit of open files leaves. */
static unsigned connection_limit_of(const struct config *config)
{
    struct rlimit files;

    if (config->server.connections > 0)
        return config->server.connections;
    if (getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur <= 2 * RESERVED_FILES)
        return RESERVED_FILES;
    rlim_t left = files.rlim_cur - RESERVED_FILES;
    return left > UINT32_MAX ? UINT32_MAX : (unsigned)left;
}

static void wake_workers(void *context)
{
    struct server *server = context;

    for (unsigned i = 0; i < server->worker_count; i++)
        worker_pool_has_room(server->workers[i]);
}

static bool make_workers(struct server *server, unsigned count)
{
    server->workers = mem_zalloc(count * sizeof(struct worker *));
    server->loops = mem_zalloc(count * sizeof(struct loop *));
    server->changes = mem_zalloc(count * sizeof(struct acceptor_change *));
    if (server->workers == NULL || server->loops == NULL || server->changes == NULL)
        return false;
    for (; server->worker_count < count; server->worker_count++) {
        struct worker *worker = worker_new(server, server->worker_count, server->routing);

        if (worker == NULL)
            return false;
        server->workers[server->worker_count] = worker;
        server->loops[server->worker_count] = worker->loop;
    }
    return true;
}

static bool make_parts(struct server *server, const struct config *config)
{
    if (!make_workers(server, loop_count_of(config)))
        return false;
    server->layer = layer_local_new(server->loops, server->worker_count, fanout_deliver, server);
    server->jobs = jobs_new(config->pool_threads, config->pool_queue, NULL);
    server->addresses = address_table_new();
    if (server->layer == NULL || server->jobs == NULL || server->addresses == NULL)
        return false;
    jobs_on_room(server->jobs, wake_workers, server);
    return true;
}

struct server *server_new(struct plugin_cache *cache, struct routing *routing, struct diag *diag)
{
    struct server *server = mem_zalloc(sizeof *server);
    const struct config *config = routing->config;

    if (server != NULL) {
        server->cache = cache;
        server->routing = routing_ref(routing);
        server->config = config_ref(routing->config);
        server->connection_limit = connection_limit_of(config);
        if (make_parts(server, config)) {
            server->listeners = listeners_open(config, server->worker_count, NULL, diag);
            if (server->listeners != NULL)
                return server;
        } else {
            diag_add(diag, DIAG_ERROR, &config->source, (struct place){0}, NULL,
                     "cannot start: no memory, threads or descriptors");
        }
        server_free(server, 0);
        return NULL;
    }
    diag_add(diag, DIAG_ERROR, &config->source, (struct place){0}, NULL, "cannot start: no memory");
    return NULL;
}

bool server_start(struct server *server)
{
    for (unsigned i = 0; i < server->worker_count; i++) {
        if (!worker_start(server->workers[i]))
            return false;
        server->started++;
    }
    return true;
}

/* ---- Changing ------------------------------------------------------------------------------- */

void server_set_routing(struct server *server, struct routing *routing)
{
    atomic_fetch_add(&server->workers_moving, server->worker_count);
    for (unsigned i = 0; i < server->worker_count; i++)
        move_begin(server->workers[i], routing_ref(routing));
    routing_unref(server->routing);
    server->routing = routing_ref(routing);
}

void server_worker_moved(struct server *server)
{
    atomic_fetch_sub(&server->workers_moving, 1);
}

bool server_prepare_listeners(struct server *server, const struct config *config, struct diag *diag)
{
    bool done = true;

    server->next_listeners = listeners_open(config, server->worker_count, server->listeners, diag);
    if (server->next_listeners == NULL)
        return false;
    for (unsigned i = 0; i < server->worker_count && done; i++) {
        server->changes[i] =
            acceptor_change_new(server->workers[i], server->next_listeners, server->listeners);
        done = server->changes[i] != NULL;
    }
    if (done)
        return true;
    diag_add(diag, DIAG_ERROR, &config->source, (struct place){0}, NULL, "no memory");
    server_take_back_listeners(server);
    return false;
}

void server_take_back_listeners(struct server *server)
{
    for (unsigned i = 0; server->next_listeners != NULL && i < server->worker_count; i++) {
        acceptor_change_free(server->changes[i]);
        server->changes[i] = NULL;
    }
    listeners_close(server->next_listeners);
    server->next_listeners = NULL;
}

void server_switch_listeners(struct server *server)
{
    unsigned gone = listeners_replace(server->next_listeners, server->listeners);

    atomic_fetch_add(&server->retiring, gone * server->worker_count);
    for (unsigned i = 0; i < server->worker_count; i++) {
        acceptor_change_post(server->changes[i]);
        server->changes[i] = NULL;
    }
    listeners_close(server->listeners); /* acceptors have references of their own */
    server->listeners = server->next_listeners;
    server->next_listeners = NULL;
}

bool server_settled(const struct server *server)
{
    return atomic_load(&server->workers_moving) == 0 && atomic_load(&server->retiring) == 0;
}

/* ---- Counting ------------------------------------------------------------------------------- */

bool server_admit(struct server *server)
{
    if (atomic_fetch_add(&server->open, 1) < server->connection_limit)
        return true;
    atomic_fetch_sub(&server->open, 1);
    return false;
}

void server_leave(struct server *server)
{
    atomic_fetch_sub(&server->open, 1);
}

/* ---- Watching ------------------------------------------------------------------------------- */

/* A callback that was under way at the last look, and is the same one still. */
static void watch_worker(struct worker *worker, uint64_t now)
{
    struct worker_watch *watch = &worker->watch;
    unsigned long calls = atomic_load_explicit(&watch->calls, memory_order_acquire);
    const char *callback = atomic_load_explicit(&watch->callback, memory_order_relaxed);
    const struct mount *mount = atomic_load_explicit(&watch->mount, memory_order_relaxed);

    if (callback == NULL || mount == NULL ||
        calls != worker->seen_calls) { /* one may end as we look */
        worker->seen_calls = calls;
        worker->seen_at = now;
        worker->seen_told = false;
        return;
    }
    /* Routings are freed by this thread, so the mount is there even if the callback just ended.
     * What ends is told when it does, so this is for what may never end. */
    uint32_t limit = mount->config->limits.callback;
    if (limit == 0 || now - worker->seen_at < 10 * (uint64_t)limit || worker->seen_told)
        return;
    worker->seen_told = true;
    uint64_t type[WORKER_TYPE_WORDS];
    for (unsigned i = 0; i < WORKER_TYPE_WORDS; i++)
        type[i] = atomic_load_explicit(&watch->type[i], memory_order_relaxed);
    const char *text = (const char *)type;
    log_write(LOG_WARN, "callback.stuck", LOG_STR("mount", mount->config->route),
              LOG_STR("callback", callback),
              LOG_STRN("type", *text != '\0' ? text : NULL, strnlen(text, sizeof type)),
              LOG_INT("ms", now - worker->seen_at), LOG_INT("limit", limit),
              LOG_INT("loop", loop_index(worker->loop)));
}

void server_watch(struct server *server)
{
    uint64_t now = clock_coarse();

    for (unsigned i = 0; i < server->worker_count; i++)
        watch_worker(server->workers[i], now);
}

/* ---- Stopping ------------------------------------------------------------------------------- */

static void note_stopping(struct server *server)
{
    if (!server->stopping)
        atomic_store(&server->workers_left, server->worker_count);
    server->stopping = true;
}

void server_stop(struct server *server, uint32_t pace)
{
    note_stopping(server);
    for (unsigned i = 0; i < server->worker_count; i++)
        worker_stop(server->workers[i], pace);
}

void server_cut(struct server *server)
{
    note_stopping(server);
    for (unsigned i = 0; i < server->worker_count; i++)
        worker_cut(server->workers[i]);
}

void server_worker_stopped(struct server *server)
{
    if (atomic_fetch_sub(&server->workers_left, 1) == 1 && server->on_stopped != NULL)
        server->on_stopped(server->context);
}

bool server_free(struct server *server, unsigned patience)
{
    /* A connection that is left is one whose callback does not end: its loop would not either. */
    if (server->stopping && atomic_load(&server->workers_left) > 0)
        return false;
    /* The pool first: its callbacks post to the loops. */
    if (server->jobs != NULL && !jobs_free(server->jobs, patience))
        return false;
    for (unsigned i = 0; i < server->started; i++)
        loop_stop(server->workers[i]->loop);
    for (unsigned i = 0; i < server->started; i++)
        loop_join(server->workers[i]->loop);
    for (unsigned i = 0; i < server->worker_count; i++)
        worker_free(server->workers[i]);
    if (server->layer != NULL)
        layer_free(server->layer);
    server_take_back_listeners(server);
    listeners_close(server->listeners);
    limit_tell(&server->limits, NULL);
    address_table_free(server->addresses);
    routing_unref(server->routing);
    config_unref(server->config);
    mem_free(server->workers);
    mem_free(server->loops);
    mem_free(server->changes);
    mem_free(server);
    return true;
}

unsigned server_address_count(const struct server *server)
{
    return listeners_count(server->listeners);
}

const char *server_address(const struct server *server, unsigned index)
{
    return listeners_address(server->listeners, index);
}
