/*
 * server/conn_bound: how much a peer may send: messages and bytes in a time, and the memory that
 * its half messages hold, which all connections share.
 *
 * Who is within these bounds pays next to nothing: a connection of a mount that sets no rate has no
 * buckets, and the server's one count is touched only when the memory of a connection has changed.
 */
#include "base/mem.h"
#include "server/conn_parts.h"
#include "server/http.h"
#include "server/server.h"

struct conn_rates {
    struct bucket messages, bytes;
};

void conn_exceed(struct conn *conn, enum limit limit, unsigned code, const char *why)
{
    if (conn->state != CONN_OPEN && conn->state != CONN_CLOSING)
        return;
    limit_hit(&conn->mount->limits, limit);
    conn_fail(conn, code, why);
}

/* ---- Rates ---------------------------------------------------------------------------------- */

static bool is_rated(const struct limits_config *limits)
{
    return limits->rate.count > 0 || limits->bytes.count > 0;
}

bool conn_rates_begin(struct conn *conn)
{
    const struct limits_config *limits = conn_limits(conn);

    if (!is_rated(limits))
        return true;
    conn->rates = mem_zalloc(sizeof *conn->rates);
    if (conn->rates == NULL)
        return false;
    /* What came before the answer counts. It never is too much: the bucket is full. */
    bucket_take(&conn->rates->bytes, &limits->bytes, conn_held_size(conn),
                loop_now(conn->worker->loop));
    return true;
}

bool conn_rates_prepare(struct conn *conn, const struct limits_config *next)
{
    bool needed = conn->state == CONN_OPEN && conn->rates == NULL && is_rated(next);

    if (needed)
        conn->rates = mem_zalloc(sizeof *conn->rates);
    return !needed || conn->rates != NULL;
}

static bool is_same(const struct rate *a, const struct rate *b)
{
    return a->count == b->count && a->ms == b->ms;
}

void conn_rates_change(struct conn *conn, const struct limits_config *before,
                       const struct limits_config *now)
{
    if (conn->rates == NULL)
        return;
    if (!is_same(&before->rate, &now->rate))
        conn->rates->messages = (struct bucket){0};
    if (!is_same(&before->bytes, &now->bytes))
        conn->rates->bytes = (struct bucket){0};
}

size_t conn_rates_room(const struct conn *conn, size_t room)
{
    uint64_t most = conn_limits(conn)->bytes.count;

    return most > 0 && most < room ? (size_t)most : room;
}

bool conn_rates_bytes(struct conn *conn, size_t size)
{
    const struct rate *rate = &conn_limits(conn)->bytes;

    if (rate->count == 0 ||
        bucket_take(&conn->rates->bytes, rate, size, loop_now(conn->worker->loop)))
        return true;
    conn_exceed(conn, LIMIT_BYTES, 1008, "too many bytes");
    return false;
}

bool conn_rates_message(struct conn *conn)
{
    const struct rate *rate = &conn_limits(conn)->rate;

    if (rate->count == 0 ||
        bucket_take(&conn->rates->messages, rate, 1, loop_now(conn->worker->loop)))
        return true;
    conn_exceed(conn, LIMIT_RATE, 1008, "too many messages");
    return false;
}

/* ---- Memory --------------------------------------------------------------------------------- */

/* No callback of it is on the stack. */
static void shed(struct conn *conn)
{
    static const char why[] = "half messages of all connections hold too much";
    struct server *server = conn->worker->server;

    if (limit_hit(&server->limits, LIMIT_HELD))
        log_write(LOG_WARN, "memory.bounded", LOG_STR("why", why),
                  LOG_INT("bytes", atomic_load(&server->held)),
                  LOG_INT("limit", conn->worker->routing->config->server.unfinished),
                  LOG_INT("count", limit_hits(&server->limits, LIMIT_HELD)));
    switch (conn->state) {
    case CONN_REQUEST:
        http_refuse(conn, NULL, 503, why);
        break;
    case CONN_CONNECTING:
        http_deny(conn, 503, SLICE("Too busy\n"));
        break;
    case CONN_OPEN:
    case CONN_CLOSING:
        conn_fail(conn, 1013, why);
        break;
    default:
        conn_cut(conn, why);
    }
    conn_forget_held(conn);
    message_reader_free(&conn->reader);
    conn_account(conn);
}

static __attribute__((noinline)) void account(struct conn *conn, size_t before, size_t now)
{
    atomic_size_t *held = &conn->worker->server->held;

    conn->accounted = now;
    if (now < before) {
        atomic_fetch_sub_explicit(held, before - now, memory_order_relaxed);
        return;
    }
    size_t more = now - before;
    size_t all = atomic_fetch_add_explicit(held, more, memory_order_relaxed) + more;
    if (all > conn->worker->routing->config->server.unfinished)
        shed(conn);
}

void conn_account(struct conn *conn)
{
    size_t before = conn->accounted, now = 0;

    if (conn->reader.partial != NULL)
        now += message_held(&conn->reader);
    if (conn->held != NULL)
        now += conn->held->bytes.room;
    if (now != before)
        account(conn, before, now);
}
