/*
 * server/worker: a loop and what the server keeps on it.
 *
 * The end of each turn is where work is done for everybody at once: events are handed out, then
 * what connections have queued is written.
 */
#include "server/worker.h"

#include <limits.h>
#include <stdio.h>

#include "base/mem.h"
#include "server/acceptor.h"
#include "server/compression.h"
#include "server/conn.h"
#include "server/dispatch.h"
#include "server/fanout.h"
#include "server/move.h"
#include "server/server.h"
#include "server/task.h"

enum {
    SWEEP_MOST_MS = 1000, /* between two looks at timeouts */
    SWEEP_LEAST_MS = 10,
    TRIM_MS = 10000, /* between two looks at memory that is not used any more */
    AT_ONCE = 64,    /* connections of a loop that a stop closes without pacing */
    SLICE_MS = 20,   /* between two slices of those that it paces */
};

/* ---- Turns ---------------------------------------------------------------------------------- */

/* Events first: what they send leaves with the rest. */
static bool worker_turn(struct loop *loop, void *context)
{
    (void)loop;
    struct worker *worker = context;
    bool more = fanout_turn(worker);
    more = move_turn(worker) || more;
    return conn_turn(worker) || more;
}

static uint32_t lesser(uint32_t ms, uint32_t limit)
{
    return limit > 0 && limit < ms ? limit : ms;
}

/* How often timeouts are looked at: a quarter of the shortest, so that none is overrun by much. */
static uint32_t sweep_ms_of(const struct config *config)
{
    uint32_t least = 4 * SWEEP_MOST_MS;

    least = lesser(lesser(least, config->server.handshake), config->server.keep_alive);
    for (unsigned i = 0; i < config->mount_count; i++) {
        const struct limits_config *limits = &config->mounts[i].limits;

        least = lesser(lesser(lesser(least, limits->answer), limits->unfinished), limits->closing);
        least = lesser(lesser(lesser(least, limits->ping), limits->pong), limits->idle);
    }
    return least / 4 > SWEEP_LEAST_MS ? least / 4 : SWEEP_LEAST_MS;
}

static void worker_sweep(struct loop *loop, struct timer *timer)
{
    struct worker *worker = (struct worker *)((char *)timer - offsetof(struct worker, sweep));
    uint64_t now = loop_now(loop);
    struct conn *conn;

    TAILQ_FOREACH (conn, &worker->conns, link) {
        conn_sweep(conn, now);
    }
    traffic_measure(&worker->traffic, now);
    if (now - worker->trimmed >= TRIM_MS) {
        worker->trimmed = now;
        compression_trim(worker->compression);
    }
    chunk_pool_trim(&worker->pool);
    mem_trim_own();
    timer_set(worker->timers, timer, now + sweep_ms_of(worker->routing->config));
}

/* The pool has room for a task that it had refused. */
static void worker_room(struct loop *loop, struct loop_message *message)
{
    (void)message;
    struct worker *worker = loop_data(loop);
    atomic_flag_clear(&worker->room_posted);
    task_resume(worker);
}

/* ---- Beginning and end ---------------------------------------------------------------------- */

struct worker *worker_new(struct server *server, unsigned index, struct routing *routing)
{
    char name[16];
    struct worker *worker = mem_zalloc(sizeof *worker);

    if (worker == NULL)
        return NULL;
    snprintf(name, sizeof name, "loop-%u", index);
    worker->server = server;
    worker->spare = -1;
    worker->routing = routing_ref(routing);
    TAILQ_INIT(&worker->conns);
    STAILQ_INIT(&worker->ready);
    STAILQ_INIT(&worker->greedy);
    TAILQ_INIT(&worker->stalled);
    worker->turn = (struct loop_hook){.run = worker_turn, .context = worker};
    worker->sweep.run = worker_sweep;
    move_prepare(worker);
    worker->room.run = worker_room;
    worker->receive = mem_alloc(WORKER_RECEIVE_SIZE + 1);
    worker->fanout = fanout_new();
    worker->compression = compression_new();
    worker->loop = loop_new(index, name);
    worker->timers = worker->loop != NULL ? timers_new(worker->loop) : NULL;
    if (worker->timers != NULL && worker->receive != NULL && worker->fanout != NULL &&
        worker->compression != NULL &&
        timer_set(worker->timers, &worker->sweep, loop_now(worker->loop))) {
        loop_set_data(worker->loop, worker);
        loop_add_hook(worker->loop, &worker->turn);
        return worker;
    }
    worker_free(worker);
    return NULL;
}

void worker_free(struct worker *worker)
{
    if (worker == NULL)
        return;
    acceptor_end(worker);
    if (worker->loop != NULL)
        loop_free(worker->loop); /* what its mailbox still holds may use all of the rest */
    fanout_free(worker->fanout);
    compression_free(worker->compression);
    chunk_pool_free(&worker->pool);
    timers_free(worker->timers);
    routing_unref(worker->routing);
    mem_free(worker->receive);
    mem_free(worker);
}

bool worker_start(struct worker *worker)
{
    struct acceptor_change *change = acceptor_change_new(worker, worker->server->listeners, NULL);

    if (change == NULL)
        return false;
    acceptor_prepare(worker);
    acceptor_change_post(change);
    return loop_start(worker->loop, NULL, NULL, worker);
}

void worker_pool_has_room(struct worker *worker)
{
    if (!atomic_flag_test_and_set(&worker->room_posted))
        loop_post(worker->loop, &worker->room);
}

/* ---- Stopping ------------------------------------------------------------------------------- */

static void say_if_empty(struct worker *worker)
{
    if (!worker->stopping || worker->conn_count > 0 || worker->stopped)
        return;
    worker->stopped = true;
    server_worker_stopped(worker->server);
}

void worker_conn_left(struct worker *worker)
{
    worker->conn_count--;
    acceptor_wake(worker);
    say_if_empty(worker);
}

/* Those that are told stand at the list's end, so the first one is still to be told, or all are. */
static bool stop_some(struct worker *worker, unsigned most)
{
    struct conn *conn;

    while ((conn = TAILQ_FIRST(&worker->conns)) != NULL && !conn->told) {
        if (most-- == 0)
            return false;
        TAILQ_REMOVE(&worker->conns, conn, link);
        TAILQ_INSERT_TAIL(&worker->conns, conn, link);
        conn->told = true;
        conn_stop(conn, false);
    }
    return true;
}

static void stop_slice(struct loop *loop, struct timer *timer)
{
    struct worker *worker = (struct worker *)((char *)timer - offsetof(struct worker, slice));

    (void)loop;
    worker->slice_at += SLICE_MS;
    if (!stop_some(worker, worker->slice_size) &&
        !timer_set(worker->timers, timer, worker->slice_at))
        stop_some(worker, UINT_MAX);
}

static void stop_run(struct loop *loop, struct loop_message *message)
{
    (void)message;
    struct worker *worker = loop_data(loop);
    unsigned slices = worker->conn_count > AT_ONCE ? worker->pace / SLICE_MS : 0;

    acceptor_end(worker);
    worker->stopping = true;
    worker->slice_size = slices > 0 ? (worker->conn_count + slices - 1) / slices : UINT_MAX;
    worker->slice_at = loop_now(loop);
    worker->slice.run = stop_slice;
    stop_slice(loop, &worker->slice);
    say_if_empty(worker);
}

static void cut_run(struct loop *loop, struct loop_message *message)
{
    (void)message;
    struct worker *worker = loop_data(loop);
    struct conn *conn;

    acceptor_end(worker);
    worker->stopping = true;
    timer_unset(worker->timers, &worker->slice);
    TAILQ_FOREACH (conn, &worker->conns, link) {
        conn_stop(conn, true);
    }
    say_if_empty(worker);
}

static void post_once(struct worker *worker, struct loop_message *message,
                      void (*run)(struct loop *loop, struct loop_message *message))
{
    if (message->run != NULL)
        return; /* is said already */
    message->run = run;
    loop_post(worker->loop, message);
}

void worker_stop(struct worker *worker, uint32_t pace)
{
    if (worker->stop.run == NULL)
        worker->pace = pace;
    post_once(worker, &worker->stop, stop_run);
}

void worker_cut(struct worker *worker)
{
    post_once(worker, &worker->cut, cut_run);
}
