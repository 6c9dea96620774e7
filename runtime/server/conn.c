#include "server/conn.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/log.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "server/dispatch.h"
#include "server/group.h"
#include "server/http.h"
#include "server/later.h"
#include "server/scope.h"
#include "server/server.h"

enum {
    TURN_MESSAGES = 256,   /* taken from one connection in a turn, to be fair to the others */
    EARLY_MAX = 64 * 1024, /* bytes kept that a client sends before the handshake's answer */
    FLUSH_AT = 64 * 1024,  /* queued bytes from which a turn's output is not collected further */
    SENDFILE_MOST = 256 * 1024, /* bytes of a file in one turn */
};

static void conn_event(evutil_socket_t fd, short what, void *context);
static void conn_gone(struct conn *conn);

/* ---- Beginning and end ---------------------------------------------------------------------- */

static struct conn *conn_new(struct worker *worker, int fd)
{
    struct conn *conn = mem_zalloc(sizeof *conn);
    if (!conn)
        return NULL;
    conn->worker = worker;
    conn->fd = fd;
    conn->file = -1;
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

void conn_accept(struct worker *worker, int fd, const struct sockaddr *peer, bool is_unix)
{
    struct conn *conn = conn_new(worker, fd);
    if (!conn) {
        log_write(LOG_ERROR, "conn.refused", LOG_STR("why", "no memory"));
        close(fd);
        server_leave(worker->server);
        return;
    }
    conn->is_unix = is_unix;
    if (!is_unix) {
        int on = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        memcpy(&conn->peer, peer,
               peer->sa_family == AF_INET ? sizeof conn->peer.v4 : sizeof conn->peer.v6);
    }
    TAILQ_INSERT_TAIL(&worker->conns, conn, link);
    worker->conn_count++;
}

static void conn_log_end(const struct conn *conn)
{
    if (!conn->mount)
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
    if (conn->ready)
        TAILQ_REMOVE(&worker->ready, conn, ready_link);
    TAILQ_REMOVE(&worker->conns, conn, link);
    dispatch_discard(conn);
    scope_free(conn->scope);
    mem_free(conn->state_bytes);
    mem_free(conn->channel);
    mem_free(conn->reason);
    text_free(&conn->response);
    if (conn->generation)
        generation_unref(conn->generation);
    if (conn->routing)
        routing_unref(conn->routing);
    mem_free(conn);
    server_leave(worker->server);
    worker_conn_left(worker);
}

/* The descriptor is closed, and what waited to be written is freed. The rest follows when the turn
 * ends: the callback that sent to a line that is cut may still read the message it was called for.
 */
static void conn_gone(struct conn *conn)
{
    if (conn->state == CONN_GONE)
        return;
    event_del(&conn->event);
    close(conn->fd);
    conn->fd = -1;
    if (conn->file >= 0)
        close(conn->file);
    conn->file = -1;
    outbox_free(&conn->outbox, &conn->worker->pool);
    atomic_store_explicit(&conn->backlog, 0, memory_order_relaxed);
    conn_set_state(conn, CONN_GONE);
    conn_ready(conn);
}

/* What a connection that is gone still owes: disconnect, once, and then its memory. */
static void conn_finish(struct conn *conn)
{
    if (!conn->disconnected) {
        conn->disconnected = true;
        if (conn->stopping && conn->code == 1006)
            conn->code = 1001;
        group_leave_all(conn);
        alarm_remove_all(conn);
        dispatch_drop_events(conn);
        text_free(&conn->held);
        message_reader_free(&conn->reader);
        if (conn->connected)
            dispatch_disconnect(conn);
    }
    if (dispatch_idle(conn) && conn->pins == 0)
        conn_free(conn);
}

void conn_set_state(struct conn *conn, enum conn_state state)
{
    conn->state = state;
    conn->since = loop_now(conn->worker->loop);
}

/* ---- Reading -------------------------------------------------------------------------------- */

bool conn_hears(const struct conn *conn)
{
    switch (conn->state) {
    case CONN_REQUEST:
        return true;
    case CONN_OPEN:
    case CONN_CLOSING:
        return dispatch_idle(conn);
    default:
        return false;
    }
}

static bool wants_bytes(const struct conn *conn)
{
    switch (conn->state) {
    case CONN_CONNECTING:
        return conn->held.size - conn->held_at < EARLY_MAX;
    case CONN_ENDING:
        return conn->linger && !conn->peer_done;
    default:
        return conn_hears(conn) && !conn->more;
    }
}

/* The event waits for what the connection now waits for. */
static void conn_watch(struct conn *conn)
{
    bool reads = wants_bytes(conn);
    bool writes = conn->want_write;
    short wanted = (short)((reads ? EV_READ : 0) | (writes ? EV_WRITE : 0));
    short present = (short)(event_get_events(&conn->event) & (EV_READ | EV_WRITE));
    bool added = event_pending(&conn->event, EV_READ | EV_WRITE, NULL) != 0;
    if (reads && !conn->reading)
        conn->heard = loop_now(conn->worker->loop); /* silence while nobody listened is none */
    conn->reading = reads;
    if (added ? wanted == present : wanted == 0)
        return;
    event_del(&conn->event);
    if (wanted == 0)
        return;
    if (event_assign(&conn->event, loop_base(conn->worker->loop), conn->fd,
                     (short)(wanted | EV_PERSIST), conn_event, conn) != 0 ||
        event_add(&conn->event, NULL) != 0)
        conn_cut(conn, "no memory");
}

static void peer_closed(struct conn *conn, const struct message *message)
{
    conn->peer_closed = true;
    if (message->size > 0)
        conn->reason = mem_strndup((const char *)message->data, message->size);
    if (conn->state == CONN_CLOSING) {
        conn->code = conn->sent_code;
        conn_end(conn, false);
        return;
    }
    conn->code = message->code;
    uint8_t echo[2] = {(uint8_t)(message->code >> 8), (uint8_t)message->code};
    conn_send(conn, FRAME_CLOSE,
              (struct slice){(const char *)echo, message->code == 1005 ? 0 : sizeof echo});
    conn_end(conn, false);
}

/* True: something was taken. */
static bool take_message(struct conn *conn, uint8_t **data, size_t *size)
{
    const struct limits_config *limits = conn_limits(conn);
    const struct message_limits bounds = {limits->message, limits->fragments};
    struct message message;
    enum message_result result = message_next(&conn->reader, &bounds, data, size, &message);
    uint64_t now = loop_now(conn->worker->loop);
    switch (result) {
    case MESSAGE_MORE:
        if (!message_unfinished(&conn->reader))
            conn->message_since = 0;
        else if (conn->message_since == 0)
            conn->message_since = now;
        return false;
    case MESSAGE_TEXT:
    case MESSAGE_BINARY:
        conn->message_since = 0;
        conn->message_last = now;
        conn->messages_in++;
        if (conn->state == CONN_OPEN)
            dispatch_message(conn, result == MESSAGE_BINARY, message.data, message.size);
        return true;
    case MESSAGE_PING:
        if (conn->state == CONN_OPEN)
            conn_send(conn, FRAME_PONG, (struct slice){(const char *)message.data, message.size});
        return true;
    case MESSAGE_PONG:
        return true;
    case MESSAGE_CLOSE:
        peer_closed(conn, &message);
        return false;
    case MESSAGE_FAULT:
        conn_fail(conn, message.code, message.why);
        return false;
    }
    return false;
}

static bool take_request(struct conn *conn, uint8_t **data, size_t *size)
{
    const struct server_config *server = &conn->worker->routing->config->server;
    const struct http_limits limits = {server->request_line, server->headers, server->header_count};
    struct http_request request;
    switch (http_parse((const char *)*data, *size, &limits, &conn->scan, &request)) {
    case HTTP_MORE:
        return false;
    case HTTP_REFUSED:
        http_refuse(conn, NULL, request.status, request.why);
        return false;
    case HTTP_DONE:
        break;
    }
    *data += request.size;
    *size -= request.size;
    conn->scan = (struct http_scan){0};
    http_serve(conn, &request);
    conn->served = true;
    return true;
}

/* Takes what can be taken now; what is left over stays with the caller. */
static void conn_take(struct conn *conn, uint8_t **data, size_t *size)
{
    conn->more = false;
    for (unsigned taken = 0; conn_hears(conn); taken++) {
        if (taken == TURN_MESSAGES) {
            conn->more = true;
            conn_ready(conn);
            return;
        }
        bool took = conn->state == CONN_REQUEST ? take_request(conn, data, size)
                                                : take_message(conn, data, size);
        if (!took)
            return;
    }
}

static void take_held(struct conn *conn)
{
    uint8_t *data = (uint8_t *)conn->held.data + conn->held_at;
    size_t size = conn->held.size - conn->held_at;
    conn_take(conn, &data, &size);
    if (conn->state == CONN_GONE)
        return;
    conn->held_at = conn->held.size - size;
    if (size == 0 || conn->state == CONN_ENDING) {
        text_free(&conn->held);
        conn->held_at = 0;
    }
}

static void hold(struct conn *conn, const uint8_t *data, size_t size)
{
    if (conn->state == CONN_REQUEST && conn->held.size == 0 && conn->served)
        conn->since = loop_now(conn->worker->loop);
    text_add(&conn->held, data, size);
    if (conn->held.failed)
        conn_cut(conn, "no memory");
}

/* Bytes have come: at `data`, with a byte to spare behind them. */
static void conn_input(struct conn *conn, uint8_t *data, size_t size)
{
    if (conn->state == CONN_ENDING)
        return;
    if (conn->held.size > 0) {
        hold(conn, data, size);
        if (conn->state != CONN_GONE)
            take_held(conn);
        return;
    }
    conn_take(conn, &data, &size);
    if (size > 0 && conn->state != CONN_GONE && conn->state != CONN_ENDING)
        hold(conn, data, size);
}

static void conn_peer_done(struct conn *conn)
{
    conn->peer_done = true;
    if (conn->state == CONN_ENDING || conn->state == CONN_REPLYING)
        conn_ready(conn);
    else
        conn_gone(conn);
}

static void conn_read(struct conn *conn)
{
    struct worker *worker = conn->worker;
    size_t room = WORKER_RECEIVE_SIZE;
    uint8_t *into = worker->receive;
    uint8_t *direct = NULL;
    size_t direct_room = 0;
    if (conn->held.size == 0 && (conn->state == CONN_OPEN || conn->state == CONN_CLOSING))
        direct = message_room(&conn->reader, &direct_room);
    if (direct) {
        into = direct;
        room = direct_room;
    }
    ssize_t count = recv(conn->fd, into, room, MSG_DONTWAIT);
    if (count < 0) {
        if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
            conn_cut(conn, "reset by the peer");
        return;
    }
    if (count == 0) {
        conn_peer_done(conn);
        return;
    }
    conn->heard = loop_now(worker->loop);
    conn->bytes_in += (uint64_t)count;
    if (direct)
        message_received(&conn->reader, (size_t)count);
    conn_input(conn, worker->receive, direct ? 0 : (size_t)count);
}

/* ---- Writing -------------------------------------------------------------------------------- */

/* A file's bytes go straight from the page cache, some in each turn. */
static void conn_write_file(struct conn *conn)
{
    size_t most = conn->file_left < SENDFILE_MOST ? (size_t)conn->file_left : SENDFILE_MOST;
    off_t offset = (off_t)conn->file_offset;
    ssize_t sent = sendfile(conn->fd, conn->file, &offset, most);
    if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
        conn->want_write = true;
        return;
    }
    if (sent <= 0) { /* the line is cut, or the file was cut short after its length was told */
        conn_cut(conn, sent == 0 ? "the file has become shorter" : "reset by the peer");
        return;
    }
    conn->file_offset += (uint64_t)sent;
    conn->file_left -= (uint64_t)sent;
    conn->bytes_out += (uint64_t)sent;
    conn->since = loop_now(conn->worker->loop);
    if (conn->file_left > 0) {
        conn_ready(conn);
        return;
    }
    close(conn->file);
    conn->file = -1;
}

static void conn_wrote(struct conn *conn, enum outbox_result result)
{
    atomic_store_explicit(&conn->backlog, conn->outbox.size, memory_order_relaxed);
    conn->want_write = result == OUTBOX_WAITING;
    if (result == OUTBOX_BROKEN)
        conn_cut(conn, "reset by the peer");
}

static void conn_flush(struct conn *conn)
{
    size_t before = conn->outbox.size;
    conn_wrote(conn, outbox_write(&conn->outbox, &conn->worker->pool, conn->fd));
    /* A peer that still takes what it is sent is given time to take all of it. */
    if (conn->outbox.size < before && conn->state >= CONN_CLOSING)
        conn->since = loop_now(conn->worker->loop);
    if (conn->state != CONN_GONE && conn->file >= 0 && !conn->want_write)
        conn_write_file(conn);
}

/* The peer takes less than it is sent. What it has not begun to get is dropped, so that the close
 * frame has a chance. */
static void conn_slow(struct conn *conn)
{
    size_t dropped = outbox_drop_unstarted(&conn->outbox, &conn->worker->pool);
    mount_drop(conn->mount, DROP_SLOW, (struct slice){0});
    conn_log(conn, LOG_WARN, "conn.slow", LOG_INT("backlog", conn_limits(conn)->backlog),
             LOG_INT("dropped_bytes", dropped));
    conn_close(conn, 1013, SLICE("too slow"));
}

/* Is there room for `size` bytes more? What the socket takes at once is no backlog. */
static bool conn_has_room(struct conn *conn, size_t size)
{
    if (conn->outbox.size >= FLUSH_AT && !conn->want_write)
        conn_wrote(conn, outbox_write(&conn->outbox, &conn->worker->pool, conn->fd));
    if (conn->state == CONN_GONE)
        return false;
    uint64_t limit = conn_limits(conn)->backlog;
    if (!conn->want_write || limit == 0 || conn->outbox.size + size <= limit)
        return true;
    conn_slow(conn);
    return false;
}

static void conn_sent(struct conn *conn, size_t bytes, unsigned frames)
{
    conn->bytes_out += bytes;
    conn->messages_out += frames;
    conn->message_last = loop_now(conn->worker->loop);
    atomic_store_explicit(&conn->backlog, conn->outbox.size, memory_order_relaxed);
    if (!conn->ready)
        conn_ready(conn);
}

void conn_send(struct conn *conn, enum frame_opcode opcode, struct slice payload)
{
    bool control = opcode >= FRAME_CLOSE;
    if (conn->state != CONN_OPEN || (opcode != FRAME_CLOSE && !conn_has_room(conn, payload.size)))
        return;
    bool memory = true;
    if (payload.size >= OUTBOX_DIRECT && !conn->want_write)
        conn_wrote(conn, outbox_write_frame(&conn->outbox, &conn->worker->pool, conn->fd, opcode,
                                            payload, &memory));
    else
        memory = outbox_frame(&conn->outbox, &conn->worker->pool, opcode, payload);
    if (!memory)
        conn_cut(conn, "no memory");
    if (conn->state != CONN_GONE)
        conn_sent(conn, payload.size, control ? 0 : 1);
}

void conn_send_batch(struct conn *conn, struct batch *batch, size_t offset, size_t size,
                     unsigned frames)
{
    if (conn->state != CONN_OPEN || !conn_has_room(conn, size))
        return;
    bool memory;
    conn_wrote(conn, outbox_write_batch(&conn->outbox, &conn->worker->pool, conn->fd, batch, offset,
                                        size, &memory));
    if (!memory)
        conn_cut(conn, "no memory");
    if (conn->state != CONN_GONE)
        conn_sent(conn, size, frames);
}

void conn_send_bytes(struct conn *conn, struct slice bytes)
{
    if (conn->state == CONN_GONE)
        return;
    if (!outbox_bytes(&conn->outbox, &conn->worker->pool, bytes)) {
        conn_cut(conn, "no memory");
        return;
    }
    conn->bytes_out += bytes.size;
    conn_ready(conn);
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
    conn->stopping = true;
    if (now)
        conn_cut(conn, "the server stops");
    else if (conn->state == CONN_REQUEST)
        conn_end(conn, false);
    else if (conn->state == CONN_REPLYING)
        conn->keep_alive = false;
    else if (conn->state == CONN_CONNECTING)
        http_deny(conn, 503, SLICE("The server stops\n"));
    else
        conn_close(conn, 1001, SLICE("the server stops"));
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
    TAILQ_INSERT_TAIL(&conn->worker->ready, conn, ready_link);
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
        conn->more = conn->held.size > 0; /* read on, or see its end, when these are answered */
        conn_ready(conn);
    } else if (conn->state == CONN_ENDING) {
        if (!conn->linger || conn->peer_done) {
            conn_gone(conn);
        } else if (!conn->shut) {
            conn->shut = true;
            shutdown(conn->fd, SHUT_WR);
        }
    }
}

static void conn_look(struct conn *conn)
{
    if (conn->state != CONN_GONE && conn->held.size > 0 && conn_hears(conn))
        take_held(conn);
    if (conn->state != CONN_GONE && !conn->want_write)
        conn_flush(conn);
    if (conn->state != CONN_GONE && !conn->want_write && conn->file < 0)
        conn_written(conn);
    if (conn->state != CONN_GONE)
        conn_watch(conn);
    else
        conn_finish(conn);
}

bool conn_turn(struct worker *worker)
{
    struct conn_list list = TAILQ_HEAD_INITIALIZER(list);
    TAILQ_CONCAT(&list, &worker->ready, ready_link);
    struct conn *conn;
    while ((conn = TAILQ_FIRST(&list)) != NULL) {
        TAILQ_REMOVE(&list, conn, ready_link);
        conn->ready = false;
        conn_look(conn);
    }
    return !TAILQ_EMPTY(&worker->ready);
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
    if (conn->state == CONN_GONE || conn->reading != wants_bytes(conn))
        conn_ready(conn);
}

/* ---- Time ----------------------------------------------------------------------------------- */

static bool overdue(uint64_t now, uint64_t since, uint32_t limit)
{
    return limit > 0 && now >= since && now - since >= limit;
}

static void sweep_open(struct conn *conn, const struct limits_config *limits, uint64_t now)
{
    if (conn->message_since > 0 && conn->reading &&
        overdue(now, conn->message_since, limits->unfinished)) {
        conn_fail(conn, 1008, "a message was not finished in time");
        return;
    }
    if (overdue(now, conn->message_last, limits->idle)) {
        conn_close(conn, 1000, SLICE("idle"));
        return;
    }
    if (!conn->reading || conn->heard >= conn->pinged_at)
        conn->pinged = false;
    if (conn->pinged && overdue(now, conn->pinged_at, limits->pong)) {
        conn_fail(conn, 1011, "no answer to a ping");
    } else if (!conn->pinged && conn->reading && overdue(now, conn->heard, limits->ping)) {
        conn->pinged = true;
        conn->pinged_at = now;
        uint64_t last = conn->message_last;
        conn_send(conn, FRAME_PING, (struct slice){0});
        conn->message_last = last; /* a ping is no message */
    }
}

static void sweep_request(struct conn *conn, uint64_t now)
{
    const struct server_config *server = &conn->worker->routing->config->server;
    bool waiting = conn->served && conn->held.size == 0;
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
        if (overdue(now, conn->since, conn->worker->routing->config->server.keep_alive))
            conn_cut(conn, "the answer was not read in time");
        break;
    case CONN_CONNECTING:
        if (overdue(now, conn->since, conn_limits(conn)->answer)) {
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
        if (overdue(now, conn->since, conn_limits(conn)->closing))
            conn_cut(conn, "the peer did not close in time");
        break;
    case CONN_GONE:
        break;
    }
}

/* ---- Who it is ------------------------------------------------------------------------------ */

const struct limits_config *conn_limits(const struct conn *conn)
{
    /* Before a mount is known, what counts is how long an answer may take to be read. */
    static const struct limits_config before = {.closing = 5000};
    return conn->mount ? &conn->mount->config->limits : &before;
}

const char *conn_peer(const struct conn *conn, char text[CONN_PEER_SIZE])
{
    char address[INET6_ADDRSTRLEN];
    if (conn->is_unix)
        return "unix";
    if (conn->peer.v4.sin_family == AF_INET) {
        inet_ntop(AF_INET, &conn->peer.v4.sin_addr, address, sizeof address);
        snprintf(text, CONN_PEER_SIZE, "%s:%u", address, ntohs(conn->peer.v4.sin_port));
    } else {
        inet_ntop(AF_INET6, &conn->peer.v6.sin6_addr, address, sizeof address);
        snprintf(text, CONN_PEER_SIZE, "[%s]:%u", address, ntohs(conn->peer.v6.sin6_port));
    }
    return text;
}
