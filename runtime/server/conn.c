/*
 * server/conn: the life of one connection, from accept(2) to its last callback.
 *
 * Whatever ends a connection only marks it; the turn's end does the rest, when no callback of it
 * is under way. So nothing here or above has to ask after each call whether it is still there.
 */
#include "server/conn_parts.h"

#include <event2/event.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "server/dispatch.h"
#include "server/drain.h"
#include "server/files_parts.h"
#include "server/group.h"
#include "server/http.h"
#include "server/http_body.h"
#include "server/later.h"
#include "server/move.h"
#include "server/scope.h"
#include "server/server.h"
#include "server/task.h"

enum { GREEDY_MICROS = 2000 }; /* of a turn, for those who want more than their share */

static void conn_event(evutil_socket_t fd, short what, void *context);

/* ---- Beginning and end ---------------------------------------------------------------------- */

static void http_close_file(struct conn_http *http)
{
    if (http->file >= 0)
        close(http->file);
    http->file = -1;
    files_parts_free(http->parts);
    http->parts = NULL;
}

/* Twice: once. */
static void http_free(struct conn *conn)
{
    struct conn_http *http = conn->http;

    if (http == NULL)
        return;
    http_close_file(http);
    http_body_free(http->body);
    text_free(&http->response);
    mem_free(http);
    conn->http = NULL;
}

struct conn_http *conn_need_http(struct conn *conn)
{
    if (conn->http == NULL) {
        conn->http = mem_zalloc(sizeof *conn->http);
        if (conn->http != NULL)
            conn->http->file = -1;
        else
            conn_cut(conn, "no memory");
    }
    return conn->http;
}

static struct conn *conn_new(struct worker *worker, int fd)
{
    struct conn *conn = mem_zalloc(sizeof *conn);

    if (conn == NULL)
        return NULL;
    conn->worker = worker;
    conn->fd = fd;
    conn->epoch = worker->epoch;
    conn->code = 1006;
    conn->opened = conn->since = conn->heard = conn->message_last = loop_now(worker->loop);
    STAILQ_INIT(&conn->tasks);
    LIST_INIT(&conn->memberships);
    LIST_INIT(&conn->alarms);
    if (event_assign(&conn->event, loop_base(worker->loop), fd, EV_READ | EV_PERSIST, conn_event,
                     conn) == 0 &&
        event_add(&conn->event, NULL) == 0) {
        conn->reading = true;
        return conn;
    }
    mem_free(conn);
    return NULL;
}

/* Its place in what the server counts. */
static void give_up_place(struct server *server, struct address_entry *address)
{
    address_leave(server->addresses, address);
    server_leave(server);
}

void conn_accept(struct worker *worker, int fd, const struct sockaddr *peer,
                 struct address_entry *address)
{
    struct conn *conn = conn_new(worker, fd);

    if (conn == NULL) {
        log_write(LOG_ERROR, "conn.refused", LOG_STR("why", "no memory"));
        close(fd);
        give_up_place(worker->server, address);
        return;
    }
    conn->address = address;
    if (!conn_is_unix(conn)) {
        int on = 1;

        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        memcpy(&conn->peer, peer,
               peer->sa_family == AF_INET ? sizeof conn->peer.v4 : sizeof conn->peer.v6);
    }
    TAILQ_INSERT_TAIL(&worker->conns, conn, link);
    worker->conn_count++;
    atomic_fetch_add_explicit(&worker->server->accepted, 1, memory_order_relaxed);
}

static void conn_log_end(const struct conn *conn)
{
    if (conn->mount == NULL)
        return;
    conn_log(conn, LOG_INFO, "conn.close", LOG_INT("code", conn->code),
             LOG_INT("ms", loop_now(conn->worker->loop) - conn->opened),
             LOG_INT("messages_in", conn->messages_in), LOG_INT("messages_out", conn->messages_out),
             LOG_INT("bytes_in", conn->bytes_in), LOG_INT("bytes_out", conn->bytes_out));
}

static void conn_free(struct conn *conn)
{
    struct worker *worker = conn->worker;

    conn_log_end(conn);
    move_forget(conn);
    TAILQ_REMOVE(&worker->conns, conn, link);
    task_discard(conn);
    scope_free(conn->scope);
    mem_free(conn->state_bytes);
    mem_free(conn->channel);
    mem_free(conn->reason);
    mem_free(conn->rates);
    if (conn->generation != NULL)
        generation_unref(conn->generation);
    if (conn->mount != NULL)
        mount_leave(conn->mount);
    if (conn->routing != NULL)
        routing_unref(conn->routing);
    give_up_place(worker->server, conn->address);
    mem_free(conn);
    worker_conn_left(worker);
}

/* The descriptor is closed, and what waited to be written is freed. The rest follows when the turn
 * ends: the callback that sent to a line that is cut may still read the message it was called for.
 */
void conn_gone(struct conn *conn)
{
    if (conn->state == CONN_GONE)
        return;
    event_del(&conn->event);
    close(conn->fd);
    conn->fd = -1;
    if (conn->http != NULL)
        http_close_file(conn->http);
    outbox_free(&conn->outbox, &conn->worker->pool);
    atomic_store_explicit(&conn->backlog, 0, memory_order_relaxed);
    conn_set_state(conn, CONN_GONE);
    conn_ready(conn);
}

/* What a stop closes with: is there a server to come back to? */
static uint16_t stop_code(const struct conn *conn)
{
    return conn->worker->routing->config->server.restarts ? 1012 : 1001;
}

/* Nothing goes in or out any more: disconnect, once. The line may still be there, for the peer to
 * read our last words, and a peer that takes its time with that keeps nobody waiting. */
static void conn_leave(struct conn *conn)
{
    if (conn->disconnected)
        return;
    conn->disconnected = true;
    if (conn->stopping && conn->code == 1006)
        conn->code = stop_code(conn);
    group_leave_all(conn);
    alarm_remove_all(conn);
    drain_end(conn);
    task_drop_events(conn, DROP_CLOSED, true);
    http_free(conn);
    conn_forget_held(conn);
    message_reader_free(&conn->reader);
    conn_account(conn);
    if (conn->connected)
        dispatch_disconnect(conn);
}

/* What a connection that is gone still owes: disconnect, and then its memory. Where a list still
 * has it, it is looked at once more. */
static void conn_finish(struct conn *conn)
{
    conn_leave(conn);
    if (dispatch_idle(conn) && conn->pins == 0 && !conn->ready && !conn->greedy)
        conn_free(conn);
}

void conn_set_state(struct conn *conn, enum conn_state state)
{
    conn->state = state;
    conn->since = loop_now(conn->worker->loop);
}

/* ---- Closing -------------------------------------------------------------------------------- */

static void send_close(struct conn *conn, unsigned code, struct slice reason)
{
    uint8_t payload[FRAME_CONTROL_MAX] = {(uint8_t)(code >> 8), (uint8_t)code};
    size_t cut = utf8_cut(reason.data, reason.size, sizeof payload - 2);

    if (cut > 0)
        memcpy(payload + 2, reason.data, cut);
    conn->sent_code = (uint16_t)code;
    conn_send(conn, FRAME_CLOSE, (struct slice){(const char *)payload, 2 + cut});
}

void conn_close(struct conn *conn, unsigned code, struct slice reason)
{
    if (conn->state == CONN_CONNECTING) {
        http_deny(conn, 403, SLICE("Access denied\n"));
        return;
    }
    if (conn->state != CONN_OPEN)
        return;
    send_close(conn, code, reason);
    if (conn->state == CONN_OPEN)
        conn_set_state(conn, CONN_CLOSING);
    conn_ready(conn);
}

void conn_fail(struct conn *conn, unsigned code, const char *why)
{
    if (conn->state != CONN_OPEN && conn->state != CONN_CLOSING)
        return;
    conn_log(conn, LOG_INFO, "conn.failed", LOG_INT("code", code), LOG_STR("why", why));
    if (conn->state == CONN_OPEN)
        send_close(conn, code, slice_of(why));
    conn_end(conn, true);
}

void conn_end(struct conn *conn, bool linger)
{
    if (conn->state == CONN_GONE)
        return;
    conn->linger = linger;
    conn_set_state(conn, CONN_ENDING);
    conn_ready(conn);
}

void conn_stop(struct conn *conn, bool now)
{
    if (conn->state < CONN_ENDING) /* what has ended already ended for another reason */
        conn->stopping = true;
    if (now || conn->shut)
        conn_cut(conn, "the server stops");
    else if (conn->state == CONN_REQUEST)
        conn_end(conn, false);
    else if (conn->state == CONN_REPLYING)
        conn->keep_alive = false;
    else if (conn->state == CONN_CONNECTING)
        http_deny(conn, 503, SLICE("The server stops\n"));
    else
        conn_close(conn, stop_code(conn), SLICE("the server stops"));
}

void conn_cut(struct conn *conn, const char *why)
{
    if (conn->state == CONN_GONE)
        return;
    conn_log(conn, LOG_DEBUG, "conn.cut", LOG_STR("why", why));
    conn_gone(conn);
}

void conn_open(struct conn *conn, struct slice head)
{
    conn_send_bytes(conn, head);
    if (conn->state == CONN_GONE)
        return;
    if (!conn_rates_begin(conn)) {
        conn_cut(conn, "no memory");
        return;
    }
    http_free(conn);
    conn_set_state(conn, CONN_OPEN);
    conn->message_last = conn->since;
    conn_log(conn, LOG_INFO, "conn.open", LOG_STR("path", scope_path(conn->scope)));
}

/* ---- The turn ------------------------------------------------------------------------------- */

void conn_ready(struct conn *conn)
{
    if (conn->ready)
        return;
    conn->ready = true;
    STAILQ_INSERT_TAIL(&conn->worker->ready, conn, ready_link);
}

void conn_put_off(struct conn *conn)
{
    conn_ready(conn); /* for what it has been answered */
    if (conn->greedy)
        return;
    conn->greedy = true;
    STAILQ_INSERT_TAIL(&conn->worker->greedy, conn, greedy_link);
}

/* Everything is written: what comes next? */
static void conn_written(struct conn *conn)
{
    if (conn->state == CONN_REPLYING) {
        if (!conn->keep_alive || conn->peer_done) {
            conn_end(conn, true);
            return;
        }
        conn_set_state(conn, CONN_REQUEST);
        conn->more =
            conn_held_size(conn) > 0; /* read on, or see its end, when these are answered */
        conn_ready(conn);
    } else if (conn->state == CONN_ENDING) {
        if (!conn->linger || conn->peer_done) {
            conn_gone(conn);
        } else if (!conn->shut) {
            conn->shut = true;
            shutdown(conn->fd, SHUT_WR);
            conn_leave(conn);
        }
    }
}

/* The event waits for what the connection now waits for. */
static void conn_watch(struct conn *conn)
{
    bool reads = conn_wants_bytes(conn), writes = conn->want_write;
    short wanted = (short)((reads ? EV_READ : 0) | (writes ? EV_WRITE : 0));

    if (reads == conn->reading && writes == conn->writing)
        return;
    if (reads && !conn->reading) { /* silence while nobody listened is none */
        conn->heard = loop_now(conn->worker->loop);
        conn->pinged = false;
    }
    conn->reading = reads;
    conn->writing = writes;
    event_del(&conn->event);
    if (wanted == 0)
        return;
    if (event_assign(&conn->event, loop_base(conn->worker->loop), conn->fd,
                     (short)(wanted | EV_PERSIST), conn_event, conn) != 0 ||
        event_add(&conn->event, NULL) != 0)
        conn_cut(conn, "no memory");
}

static void conn_look(struct conn *conn)
{
    if (conn->state != CONN_GONE && conn->held != NULL && !conn->greedy && conn_hears(conn)) {
        conn_take_held(conn);
        conn_account(conn);
    }
    if (conn->state != CONN_GONE && !conn->want_write)
        conn_flush(conn);
    if (conn->state != CONN_GONE && conn->outbox.size == 0 && !conn_has_file(conn))
        conn_written(conn);
    if (conn->state != CONN_GONE)
        conn_watch(conn);
    else
        conn_finish(conn);
}

static void serve_ready(struct worker *worker)
{
    struct conn_queue queue = STAILQ_HEAD_INITIALIZER(queue);

    STAILQ_CONCAT(&queue, &worker->ready);
    struct conn *conn;
    while ((conn = STAILQ_FIRST(&queue)) != NULL) {
        STAILQ_REMOVE_HEAD(&queue, ready_link);
        conn->ready = false;
        conn_look(conn);
    }
}

/* One share for each of those that want more than one, as far as the time goes. Where there are
 * many, a whole round of them would keep everybody else waiting who sends now and then. */
static void serve_greedy(struct worker *worker)
{
    struct conn_queue queue = STAILQ_HEAD_INITIALIZER(queue);

    if (STAILQ_EMPTY(&worker->greedy))
        return;
    STAILQ_CONCAT(&queue, &worker->greedy);
    uint64_t until = clock_fine() + GREEDY_MICROS;
    do {
        struct conn *conn = STAILQ_FIRST(&queue);

        STAILQ_REMOVE_HEAD(&queue, greedy_link);
        conn->greedy = false;
        conn_look(conn);
    } while (!STAILQ_EMPTY(&queue) && clock_fine() < until);
    STAILQ_CONCAT(&queue, &worker->greedy); /* those that were put off again come last */
    STAILQ_CONCAT(&worker->greedy, &queue);
}

bool conn_turn(struct worker *worker)
{
    serve_ready(worker);
    serve_greedy(worker);
    return !STAILQ_EMPTY(&worker->ready) || !STAILQ_EMPTY(&worker->greedy);
}

static void conn_event(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    struct conn *conn = context;
    if (what & EV_WRITE) {
        conn->want_write = false;
        conn_ready(conn);
    }
    if (what & EV_READ)
        conn_read(conn);
    if (!conn->ready && (conn->state == CONN_GONE || conn->reading != conn_wants_bytes(conn)))
        conn_ready(conn);
}

/* ---- Who it is ------------------------------------------------------------------------------ */

const struct limits_config conn_limits_before = {.closing = 5000};

const char *conn_peer(const struct conn *conn, char text[CONN_PEER_SIZE])
{
    if (conn_is_unix(conn))
        return "unix";
    address_text(&conn->peer.any, text);
    return text;
}
