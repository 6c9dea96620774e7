/*
 * server/move: a live connection goes on in the code and the mount that serve now.
 *
 * All that can fail is done before the connection stands on anything new. Then it changes its
 * footing in one step; and where upgrade says no, back again.
 */
#include "server/move.h"

#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "server/conn_parts.h"
#include "server/dispatch.h"
#include "server/drain.h"
#include "server/scope.h"
#include "server/server.h"
#include "server/task.h"

enum {
    SLICE_MICROS = 500, /* of a turn, for the sweep */
    LOOK_EVERY = 8,     /* connections, of which most cost little more than asking the clock */
    PATIENCE_MS = 1000, /* after the sweep, for those whose callbacks are under way */
};

/* ---- The sweep's end ------------------------------------------------------------------------ */

static void moves_tell(struct worker *worker)
{
    timer_unset(worker->timers, &worker->moves.patience);
    worker->moves.told = true;
    server_worker_moved(worker->server);
}

static void moves_tell_if_done(struct worker *worker)
{
    const struct worker_moves *moves = &worker->moves;

    if (!moves->told && !moves->sweeping && moves->waiting == 0)
        moves_tell(worker);
}

static void impatient(struct loop *loop, struct timer *timer)
{
    struct worker *worker = loop_data(loop);

    (void)timer;
    if (worker->moves.sweeping)
        return;
    log_write(LOG_WARN, "move.waits", LOG_STR("why", "callbacks on the pool have not ended"),
              LOG_INT("connections", worker->moves.waiting), LOG_INT("ms", PATIENCE_MS));
    moves_tell(worker);
}

static void await(struct conn *conn)
{
    if (conn->awaited)
        return;
    conn->awaited = true;
    conn->worker->moves.waiting++;
}

static void await_no_more(struct conn *conn)
{
    if (!conn->awaited)
        return;
    conn->awaited = false;
    conn->worker->moves.waiting--;
    moves_tell_if_done(conn->worker);
}

/* It has moved, or stays; unless a newer routing has come meanwhile. */
static void settle(struct conn *conn)
{
    if (!move_due(conn))
        await_no_more(conn);
}

void move_forget(struct conn *conn)
{
    struct worker_moves *moves = &conn->worker->moves;

    if (moves->next == conn)
        moves->next = TAILQ_NEXT(conn, link);
    await_no_more(conn);
}

/* ---- Which way ------------------------------------------------------------------------------ */

/* Where a connection would go. */
struct way {
    struct mount *mount; /* NULL: its own is gone for it */
    const char *why_not; /* NULL: it can go there */
    struct pattern_capture captures[PATTERN_CAPTURES_MAX];
};

static bool is_same_consumer(const struct mount *a, const struct mount *b)
{
    return strcmp(a->config->file, b->config->file) == 0;
}

/* Patterns that leave many choices need memory, and may take no path for the lack of it. */
static bool has_same_route(const struct routing *routing, const struct mount *mount)
{
    for (unsigned i = 0; i < routing->mount_count; i++)
        if (routing->mounts[i].generation != NULL &&
            strcmp(routing->mounts[i].config->route, mount->config->route) == 0)
            return true;
    return false;
}

static void find_mount(const struct conn *conn, struct way *way)
{
    const struct routing *routing = conn->worker->routing;
    struct slice rest;
    const struct mount_config *found =
        config_route(routing->config, true, scope_whole_path(conn->scope), &rest, way->captures);
    struct mount *mount = found != NULL ? routing_mount(routing, found) : NULL;

    if (mount != NULL && is_same_consumer(mount, conn->mount))
        way->mount = mount;
    else if (mount != NULL)
        way->why_not = "its path leads to another consumer";
    else if (has_same_route(routing, conn->mount))
        way->why_not = MOVE_NO_MEMORY;
    else
        way->why_not = "no mount takes its path";
}

static bool has_same_state(const struct generation *a, const struct generation *b)
{
    const struct sluice_consumer *one = generation_consumer(a), *other = generation_consumer(b);

    return a == b ||
           (one->state_size == other->state_size && one->state_version == other->state_version);
}

/* Whoever has not met the old code has no state of it. */
static bool takes_state_along(const struct conn *conn, const struct mount *mount)
{
    return has_same_state(conn->generation, mount->generation) && !task_unmet(conn);
}

static void judge(const struct conn *conn, struct way *way)
{
    const struct generation *next = way->mount->generation;

    if (next == conn->generation)
        return; /* the mount alone is new */
    if (task_unmet(conn))
        return;
    if (way->mount->config->reload.stay)
        way->why_not = "reload move=off";
    else if (!has_same_state(conn->generation, next) && generation_consumer(next)->upgrade == NULL)
        way->why_not = "its state is another, and there is no upgrade";
}

/* ---- Footing -------------------------------------------------------------------------------- */

static struct footing footing_of(const struct conn *conn)
{
    return (struct footing){.mount = conn->mount,
                            .routing = conn->routing,
                            .generation = conn->generation,
                            .state = conn->state_bytes,
                            .captured = scope_captured(conn->scope)};
}

static void stand_on(struct conn *conn, const struct footing *footing)
{
    const struct limits_config *before = conn_limits(conn);

    mount_leave(conn->mount);
    mount_enter(footing->mount);
    conn->mount = footing->mount;
    conn->routing = footing->routing;
    conn->generation = footing->generation;
    conn->state_bytes = footing->state;
    conn->blocking = generation_consumer(footing->generation)->blocking;
    scope_use(conn->scope, footing->captured);
    conn_rates_change(conn, before, conn_limits(conn));
}

static void footing_free(struct footing *footing)
{
    mem_free(footing->state);
    generation_unref(footing->generation);
    routing_unref(footing->routing);
}

static bool captures_same(const struct mount *a, const struct mount *b)
{
    return strcmp(a->config->route, b->config->route) == 0;
}

/* False, and nothing is held or changed, without memory. State that is taken along is not made. */
static bool footing_make(struct conn *conn, const struct way *way, struct footing *footing)
{
    const struct sluice_consumer *consumer = generation_consumer(way->mount->generation);
    struct scope *scope = conn->scope;
    void *state = conn->state_bytes;
    const struct captured *captured =
        captures_same(conn->mount, way->mount)
            ? scope_captured(scope)
            : scope_capture(scope, way->mount->config->pattern, way->captures);

    if (captured == NULL || !task_prepare(conn, consumer->blocking) ||
        !conn_rates_prepare(conn, &way->mount->config->limits))
        return false;
    if (!takes_state_along(conn, way->mount))
        state = mem_zalloc(consumer->state_size > 0 ? consumer->state_size : 1);
    if (state == NULL)
        return false;
    *footing = (struct footing){.mount = way->mount,
                                .routing = routing_ref(way->mount->routing),
                                .generation = generation_ref(way->mount->generation),
                                .state = state,
                                .captured = captured};
    return true;
}

/* ---- Staying -------------------------------------------------------------------------------- */

/* Those that came after its own count, and the one that serves among them. */
static bool is_too_old(const struct conn *conn, const struct mount *mount)
{
    unsigned now = generation_sequence(mount->generation);
    unsigned then = generation_sequence(conn->generation);

    return now > then && now - then >= mount->config->reload.keep;
}

/* How soon it is to be closed; 0: it is not. */
static uint32_t drain_of(const struct conn *conn, const struct way *way)
{
    if (strcmp(way->why_not, MOVE_NO_MEMORY) == 0 && way->mount == NULL)
        return 0; /* nobody knows whether its mount is gone */
    if (way->mount == NULL)
        return conn->mount->config->reload.drain;
    return is_too_old(conn, way->mount) ? way->mount->config->reload.drain : 0;
}

/* Each reload asks anew who should move. Who was left behind is left behind once. */
static void count_stay(struct conn *conn, const struct way *way, bool drains)
{
    struct mount *mount = way->mount != NULL ? way->mount : conn->mount;
    bool left = way->mount == NULL;

    if (left && conn->left)
        return;
    conn->left = left;
    atomic_fetch_add_explicit(left ? &mount->left : &mount->stayed, 1, memory_order_relaxed);
    if (drains)
        atomic_fetch_add_explicit(left ? &mount->left_draining : &mount->draining, 1,
                                  memory_order_relaxed);
}

static void stay(struct conn *conn, const struct way *way)
{
    uint32_t drain = drain_of(conn, way);

    count_stay(conn, way, drain > 0);
    if (mount_says(conn->mount, way->why_not))
        conn_log(conn, LOG_WARN, "conn.stays", LOG_STR("why", way->why_not),
                 LOG_STR("consumer", generation_name(conn->generation)),
                 LOG_INT("generation", generation_number(conn->generation)),
                 LOG_INT("closed_within_ms", drain));
    if (drain == 0)
        drain_end(conn);
    else
        drain_begin(conn, drain);
    settle(conn);
}

/* ---- Going ---------------------------------------------------------------------------------- */

static void arrive(struct conn *conn, atomic_ulong *count)
{
    atomic_fetch_add_explicit(count, 1, memory_order_relaxed);
    conn->left = false;
    drain_end(conn);
    settle(conn);
}

/* Its old footing is let go of, but for the state that it takes along. */
static void go_as_it_is(struct conn *conn, const struct footing *next)
{
    struct footing before = footing_of(conn);

    stand_on(conn, next);
    if (before.state == next->state)
        before.state = NULL;
    footing_free(&before);
    arrive(conn, &conn->mount->moved);
}

static void go_through_upgrade(struct conn *conn, const struct footing *next, struct move *move)
{
    const struct sluice_consumer *old = generation_consumer(conn->generation);

    *move = (struct move){.before = footing_of(conn),
                          .state_size = old->state_size,
                          .state_version = old->state_version};
    conn->moving = move;
    stand_on(conn, next);
    dispatch_upgrade(conn);
}

void move_upgraded(struct conn *conn, const char *why_not)
{
    struct move *move = conn->moving;

    conn->moving = NULL;
    if (why_not == NULL) {
        footing_free(&move->before);
        arrive(conn, &conn->mount->upgraded);
    } else {
        struct footing next = footing_of(conn);

        stand_on(conn, &move->before);
        stay(conn, &(struct way){.mount = next.mount, .why_not = why_not});
        footing_free(&next);
    }
    mem_free(move);
    task_catch_up(conn);
}

static void go(struct conn *conn, struct way *way)
{
    bool as_it_is = has_same_state(conn->generation, way->mount->generation) || task_unmet(conn);
    struct move *move = as_it_is ? NULL : mem_alloc(sizeof *move);
    struct footing next;

    if ((move == NULL && !as_it_is) || !footing_make(conn, way, &next)) {
        mem_free(move);
        way->why_not = MOVE_NO_MEMORY;
        stay(conn, way);
    } else if (move != NULL) {
        go_through_upgrade(conn, &next, move);
    } else {
        go_as_it_is(conn, &next);
        task_catch_up(conn);
    }
}

/* Nothing of it will ever be called any more; or nothing yet, since it is no websocket. */
static bool has_no_code(const struct conn *conn)
{
    return conn->mount == NULL || conn->parted;
}

void move_conn(struct conn *conn)
{
    struct way way = {.mount = NULL};

    if (!has_no_code(conn) && (conn->busy || conn->moving != NULL))
        return;
    conn->epoch = conn->worker->epoch;
    if (has_no_code(conn)) {
        settle(conn);
        return;
    }
    find_mount(conn, &way);
    if (way.mount != NULL)
        judge(conn, &way);
    if (way.why_not == NULL)
        go(conn, &way);
    else
        stay(conn, &way);
}

/* ---- The sweep ------------------------------------------------------------------------------ */

void move_prepare(struct worker *worker)
{
    worker->moves.told = true;
    worker->moves.patience.run = impatient;
}

void move_begin(struct worker *worker, struct routing *routing)
{
    if (!worker->moves.told)
        server_worker_moved(worker->server); /* of the older one, that this one overtakes */
    routing_unref(worker->routing);
    worker->routing = routing;
    worker->epoch++;
    worker->moves.told = false;
    worker->moves.begun = worker->moves.sweeping = true;
    loop_again(worker->loop);
}

static void sweep_begin(struct worker *worker)
{
    worker->moves.begun = false;
    worker->moves.next = TAILQ_FIRST(&worker->conns);
    timer_unset(worker->timers, &worker->moves.patience);
    timer_set(worker->timers, &worker->sweep, loop_now(worker->loop)); /* limits may be shorter */
}

/* False: the turn has no more time for it. */
static bool sweep_some(struct worker *worker)
{
    struct worker_moves *moves = &worker->moves;
    uint64_t until = clock_fine() + SLICE_MICROS;

    for (unsigned count = 1; moves->next != NULL; count++) {
        struct conn *conn = moves->next;

        moves->next = TAILQ_NEXT(conn, link);
        if (move_due(conn))
            move_conn(conn);
        if (move_due(conn) || conn->moving != NULL)
            await(conn);
        if (count % LOOK_EVERY == 0 && clock_fine() >= until)
            return moves->next == NULL;
    }
    return true;
}

bool move_turn(struct worker *worker)
{
    struct worker_moves *moves = &worker->moves;

    if (moves->begun)
        sweep_begin(worker);
    if (!moves->sweeping)
        return false;
    if (!sweep_some(worker))
        return true;
    moves->sweeping = false;
    moves_tell_if_done(worker);
    if (!moves->told &&
        !timer_set(worker->timers, &moves->patience, loop_now(worker->loop) + PATIENCE_MS))
        moves_tell(worker);
    return false;
}
