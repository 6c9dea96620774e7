/*
 * server/conn_time: what a connection is not given for ever: timeouts, and the pings that show who
 * is still there.
 *
 * Nothing is set or rearmed while a connection works. It notes when things happened, and all
 * connections of a loop are looked at once a second, or more often where a limit is that short.
 */
#include "server/conn_parts.h"
#include "server/http.h"
#include "server/server.h"

enum { BYTES_LEAST = 1024 }; /* in a second: who takes what it is sent more slowly falls behind */

static bool overdue(uint64_t now, uint64_t since, uint32_t limit)
{
    return limit > 0 && now >= since && now - since >= limit;
}

void conn_progress(struct conn *conn, uint64_t bytes)
{
    uint64_t now = loop_now(conn->worker->loop), worth = bytes * 1000 / BYTES_LEAST;

    conn->since = now - conn->since > worth ? conn->since + worth : now;
}

static void sweep_open(struct conn *conn, const struct limits_config *limits, uint64_t now)
{
    if (conn->half && conn->reading && overdue(now, conn->since, limits->unfinished)) {
        conn_exceed(conn, LIMIT_UNFINISHED, 1008, "a message was not finished in time");
        return;
    }
    if (overdue(now, conn->message_last, limits->idle)) {
        limit_hit(&conn->mount->limits, LIMIT_IDLE);
        conn_close(conn, 1000, SLICE("idle"));
        return;
    }
    if (!conn->reading)
        conn->pinged = false;
    if (conn->pinged && overdue(now, conn->heard, limits->pong)) {
        conn_exceed(conn, LIMIT_PONG, 1011, "no answer to a ping");
    } else if (!conn->pinged && conn->reading && overdue(now, conn->heard, limits->ping)) {
        conn->pinged = true;
        conn->heard = now;
        conn_send(conn, FRAME_PING, (struct slice){0});
    }
}

static void sweep_request(struct conn *conn, uint64_t now)
{
    const struct server_config *server = &conn->worker->routing->config->server;
    bool waiting = conn->served && conn_held_size(conn) == 0 && !conn_has_body(conn);

    if (!overdue(now, conn->since, waiting ? server->keep_alive : server->handshake))
        return;
    if (waiting)
        conn_end(conn, false);
    else
        http_refuse(conn, NULL, 408, "the request did not come in time");
}

void conn_sweep(struct conn *conn, uint64_t now)
{
    switch (conn->state) {
    case CONN_REQUEST:
        sweep_request(conn, now);
        break;
    case CONN_REPLYING:
        if (overdue(now, conn->since, conn->worker->routing->config->server.keep_alive)) {
            limit_hit(&conn->worker->server->limits, LIMIT_DOWNLOAD);
            conn_cut(conn, "the answer was not read in time");
        }
        break;
    case CONN_CONNECTING:
        if (overdue(now, conn->since, conn_limits(conn)->answer)) {
            limit_hit(&conn->mount->limits, LIMIT_ANSWER);
            conn_log(conn, LOG_WARN, "answer.late",
                     LOG_STR("consumer", generation_name(conn->generation)));
            http_deny(conn, 503, SLICE("Not answered in time\n"));
        }
        break;
    case CONN_OPEN:
        sweep_open(conn, conn_limits(conn), now);
        break;
    case CONN_CLOSING:
    case CONN_ENDING:
        if (overdue(now, conn->since, conn_limits(conn)->closing)) {
            if (conn->mount != NULL)
                limit_hit(&conn->mount->limits, LIMIT_CLOSING);
            conn_cut(conn, "the peer did not close in time");
        }
        break;
    case CONN_GONE:
        break;
    }
}
