/*
 * server/drain: a connection that can't go on for ever is closed in time, with 1012.
 */
#include "server/drain.h"

#include "base/mem.h"
#include "server/http.h"

#define WHY "the code behind this has changed"

/* Owned by its connection. */
struct drain {
    struct timer timer; /* first: what the loop's timers know */
    struct conn *conn;
};

/* What is closing already has its own time for that. */
static void drain_close(struct conn *conn)
{
    if (conn->state == CONN_CONNECTING)
        http_deny(conn, 503, SLICE("Come back: " WHY "\n"));
    else
        conn_close(conn, 1012, SLICE(WHY));
}

static void drain_run(struct loop *loop, struct timer *timer)
{
    (void)loop;
    struct conn *conn = ((struct drain *)timer)->conn;
    drain_end(conn);
    drain_close(conn);
}

/* How much earlier than the last: each of a loop has another part of `server pace`, which many of
 * them fill evenly, however many there will be (a multiple of the golden ratio, without its whole
 * part). At most half of the time is given away for that. */
static uint64_t spread(struct worker *worker, uint32_t ms)
{
    uint32_t pace = worker->routing->config->server.pace;
    uint32_t part = worker->moves.drained++ * 2654435769u;

    if (pace > ms / 2)
        pace = ms / 2;
    return (uint64_t)pace * part >> 32;
}

void drain_begin(struct conn *conn, uint32_t ms)
{
    struct worker *worker = conn->worker;
    struct drain *drain;

    if (conn->drain != NULL || (conn->state != CONN_OPEN && conn->state != CONN_CONNECTING))
        return;
    drain = conn->drain = mem_alloc(sizeof *drain);
    if (drain != NULL) {
        *drain = (struct drain){.timer = {.run = drain_run}, .conn = conn};
        if (timer_set(worker->timers, &drain->timer,
                      loop_now(worker->loop) + ms - spread(worker, ms)))
            return;
        drain_end(conn);
    }
    drain_close(conn); /* what can't be done later is done now */
}

void drain_end(struct conn *conn)
{
    if (conn->drain == NULL)
        return;
    timer_unset(conn->worker->timers, &conn->drain->timer);
    mem_free(conn->drain);
    conn->drain = NULL;
}
