/*
 * server/conn_input: bytes from the peer become requests and messages.
 *
 * Bytes are taken from where they were received, as far as the connection hears: not while a file
 * is on its way, a handshake's answer is awaited, or a blocking callback is under way. What can't
 * be taken yet is held, and taken when the turn ends in which it can.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "server/conn_parts.h"
#include "server/dispatch.h"
#include "server/http.h"
#include "server/http_body.h"
#include "server/share.h"

enum {
    EARLY_MAX = 64 * 1024,     /* bytes kept that a client sends before the handshake's answer */
    FRAGMENT_MOST = 16 * 1024, /* bytes looked at at once for a message that comes in fragments */
};

/* ---- Turns ---------------------------------------------------------------------------------- */

enum {
    WORK_BYTES = 2048,            /* of a message, inflated, are as much work as one more frame */
    LIGHT_BYTES = 4096,           /* received at once: what is more may wait */
    WAITING_MOST = 64 * 1024 - 1, /* received at once where it may wait: it counts as held */
};

/* Of one connection: frames, and what they weigh. */
static const struct share_most turn_most = {.work = 256, .micros = 250, .every = 8};

/* What one connection has had of this turn of its loop. On the stack of conn_take. */
struct turn {
    struct share share;
    unsigned frames; /* of what was just taken */
    size_t bytes;    /* and of these, more than have come where they were compressed */
};

/* ---- Who is heard --------------------------------------------------------------------------- */

bool conn_hears(const struct conn *conn)
{
    if (conn->state == CONN_OPEN || conn->state == CONN_CLOSING)
        return dispatch_idle(conn);
    return conn->state == CONN_REQUEST;
}

bool conn_wants_bytes(const struct conn *conn)
{
    if (conn->state == CONN_CONNECTING)
        return conn_held_size(conn) < EARLY_MAX;
    if (conn->state == CONN_ENDING)
        return conn->linger && !conn->peer_done;
    return conn_hears(conn) && !conn->more;
}

/* ---- Messages ------------------------------------------------------------------------------- */

static void peer_closed(struct conn *conn, const struct message *message)
{
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
    conn_end(conn, true); /* bytes that still come would reset a line that is closed at once */
}

static void fail_message(struct conn *conn, const struct message *message)
{
    if (message->code == 1009)
        conn_exceed(conn, LIMIT_MESSAGE, 1009, message->why);
    else if (message->code == 1008)
        conn_exceed(conn, LIMIT_FRAGMENTS, 1008, message->why);
    else
        conn_fail(conn, message->code, message->why);
}

/* How many of these bytes are looked at at once. The reader goes on from fragment to fragment until
 * a message is whole, and there are thousands of empty ones in what was received; so where a
 * message comes in fragments it gets a part at a time. What may be whole in one frame is taken
 * where it is, and so must not be cut. */
static size_t part_of(const struct conn *conn, const uint8_t *data, size_t size)
{
    if (size <= FRAGMENT_MOST)
        return size;
    bool one_frame = !message_unfinished(&conn->reader) && (data[0] & 0x80) != 0;
    return one_frame ? size : FRAGMENT_MOST;
}

static void message_came(struct conn *conn, bool binary, const struct message *message)
{
    conn->half = false;
    conn->message_last = loop_now(conn->worker->loop);
    conn->messages_in++;
    conn->worker->traffic.total.messages_in++;
    if (conn->state == CONN_OPEN && (conn->rates == NULL || conn_rates_message(conn)))
        dispatch_message(conn, binary, message->data, message->size);
}

/* Is one half there, and since when? */
static void note_unfinished(struct conn *conn)
{
    bool half = message_unfinished(&conn->reader);

    if (half && !conn->half && conn->state == CONN_OPEN)
        conn->since = loop_now(conn->worker->loop);
    conn->half = half;
}

/* True: something was taken. */
static bool take_message(struct conn *conn, struct turn *turn, uint8_t **data, size_t *size)
{
    const struct limits_config *limits = conn_limits(conn);
    const struct message_limits bounds = {limits->message, limits->fragments};
    struct message message;
    size_t part = part_of(conn, *data, *size), rest = *size - part;
    enum message_result result = message_next(&conn->reader, &bounds, data, &part, &message);

    *size = part + rest;
    switch (result) {
    case MESSAGE_MORE:
        note_unfinished(conn);
        return rest > 0;
    case MESSAGE_TEXT:
    case MESSAGE_BINARY:
        turn->frames = message.frames;
        turn->bytes = message.size;
        message_came(conn, result == MESSAGE_BINARY, &message);
        return true;
    case MESSAGE_PING:
        conn_send(conn, FRAME_PONG, (struct slice){(const char *)message.data, message.size});
        return true;
    case MESSAGE_PONG:
        return true;
    case MESSAGE_CLOSE:
        peer_closed(conn, &message);
        return false;
    case MESSAGE_FAULT:
        fail_message(conn, &message);
        return false;
    }
    return false;
}

/* ---- Requests ------------------------------------------------------------------------------- */

/* Where the search for its end goes on when more has come. */
static void keep_scan(struct conn *conn, const struct http_scan *scan)
{
    struct conn_http *http = conn_need_http(conn);

    if (http != NULL)
        http->scan = *scan;
}

static bool take_request(struct conn *conn, uint8_t **data, size_t *size)
{
    const struct server_config *server = &conn->worker->routing->config->server;
    const struct http_limits limits = {server->request_line, server->headers, server->header_count};
    struct http_scan scan = conn->http != NULL ? conn->http->scan : (struct http_scan){0};
    struct http_request request;

    if (conn_has_body(conn))
        return http_body_take(conn, data, size);
    switch (http_parse((const char *)*data, *size, &limits, &scan, &request)) {
    case HTTP_MORE:
        keep_scan(conn, &scan);
        return false;
    case HTTP_REFUSED:
        http_refuse(conn, NULL, request.status, request.why);
        return false;
    case HTTP_DONE:
        break;
    }
    *data += request.size;
    *size -= request.size;
    if (conn->http != NULL)
        conn->http->scan = (struct http_scan){0};
    http_body_begin(conn, &request);
    conn->served = true;
    return true;
}

/* ---- Bytes ---------------------------------------------------------------------------------- */

/* What it holds is taken when it has its turn, and nothing is read before. */
static void conn_wait_turn(struct conn *conn)
{
    if (conn->state == CONN_GONE)
        return;
    conn->more = true;
    conn_put_off(conn);
}

/* Takes one thing, and notes the work that it was. False: there is nothing more to be taken. */
static bool take_one(struct conn *conn, struct turn *turn, uint8_t **data, size_t *size)
{
    size_t before = *size;

    turn->frames = 1;
    turn->bytes = 0;
    if (conn->state == CONN_REQUEST ? !take_request(conn, data, size)
                                    : !take_message(conn, turn, data, size))
        return false;
    size_t bytes = before - *size;
    turn->share.work += turn->frames + (turn->bytes > bytes ? turn->bytes : bytes) / WORK_BYTES;
    return true;
}

/* Bytes are left, or the reader has some: received straight to where they belong, or of a message
 * that was handed out and can go now. */
static bool is_any_left(const struct conn *conn, size_t size)
{
    return size > 0 || conn->reader.partial != NULL;
}

/* Takes what can be taken now; what is left over stays with the caller. */
static void conn_take(struct conn *conn, uint8_t **data, size_t *size)
{
    struct turn turn = {.share = SHARE_NONE_YET};

    call_row(conn->worker, true);
    conn->more = false;
    while (is_any_left(conn, *size) && conn_hears(conn)) {
        /* With none left nothing waits for the next turn. */
        if (*size > 0 && share_over(&turn.share, &turn_most)) {
            conn_wait_turn(conn);
            break;
        }
        if (!take_one(conn, &turn, data, size))
            break;
    }
    call_row(conn->worker, false);
}

size_t conn_held_size(const struct conn *conn)
{
    return conn->held != NULL ? conn->held->bytes.size - conn->held->at : 0;
}

void conn_forget_held(struct conn *conn)
{
    if (conn->held == NULL)
        return;
    text_free(&conn->held->bytes);
    mem_free(conn->held);
    conn->held = NULL;
}

void conn_take_held(struct conn *conn)
{
    struct conn_held *held = conn->held;
    uint8_t *data = (uint8_t *)held->bytes.data + held->at;
    size_t size = held->bytes.size - held->at;

    conn_take(conn, &data, &size);
    if (conn->state == CONN_GONE)
        return;
    held->at = held->bytes.size - size;
    if (size == 0 || conn->state == CONN_ENDING)
        conn_forget_held(conn);
}

static bool held_add(struct conn_held *held, const uint8_t *data, size_t size)
{
    struct text *bytes = &held->bytes;

    if (held->at > 0) { /* else it would grow for as long as something is always left */
        bytes->size -= held->at;
        memmove(bytes->data, bytes->data + held->at, bytes->size);
        held->at = 0;
    }
    text_add(bytes, data, size);
    return !bytes->failed;
}

static void hold(struct conn *conn, const uint8_t *data, size_t size)
{
    if (conn->state == CONN_REQUEST && conn->held == NULL && conn->served)
        conn->since = loop_now(conn->worker->loop);
    if (conn->held == NULL)
        conn->held = mem_zalloc(sizeof *conn->held);
    if (conn->held == NULL || !held_add(conn->held, data, size))
        conn_cut(conn, "no memory");
}

/* Bytes have come: at `data`, with a byte to spare behind them. */
static void conn_input(struct conn *conn, uint8_t *data, size_t size)
{
    if (conn->state == CONN_ENDING)
        return;
    if (conn->held != NULL) {
        hold(conn, data, size);
        if (conn->state != CONN_GONE)
            conn_take_held(conn);
        return;
    }
    conn_take(conn, &data, &size);
    if (size > 0 && conn->state != CONN_GONE && conn->state != CONN_ENDING)
        hold(conn, data, size);
}

/* May what is received have to wait, for it may be much work? Of compressed bytes nobody knows what
 * comes out; others matter only where somebody waits already. */
static bool may_have_to_wait(const struct conn *conn)
{
    bool others_wait = !STAILQ_EMPTY(&conn->worker->greedy);

    return conn->state == CONN_OPEN && (conn->reader.deflate != NULL || others_wait);
}

/* Rates hold from the handshake's answer to our close frame. */
static bool conn_is_rated(const struct conn *conn)
{
    return conn->rates != NULL && conn->state == CONN_OPEN;
}

static void conn_peer_done(struct conn *conn)
{
    conn->peer_done = true;
    if (conn->state == CONN_ENDING || conn->state == CONN_REPLYING)
        conn_ready(conn);
    else
        conn_gone(conn);
}

/* Bytes that were received: to `data`, or, where that is NULL, to where the reader had room. */
static void conn_heard(struct conn *conn, uint8_t *data, size_t size)
{
    conn->heard = loop_now(conn->worker->loop);
    conn->pinged = false;
    conn->bytes_in += size;
    conn->worker->traffic.total.bytes_in += size;
    if (conn_is_rated(conn) && !conn_rates_bytes(conn, size))
        return;
    if (data == NULL) {
        message_received(&conn->reader, size);
        conn_input(conn, conn->worker->receive, 0);
    } else if (size > LIGHT_BYTES && may_have_to_wait(conn)) {
        hold(conn, data, size);
        conn_wait_turn(conn);
    } else {
        conn_input(conn, data, size);
    }
    conn_account(conn);
}

void conn_read(struct conn *conn)
{
    uint8_t *shared = conn->worker->receive, *direct = NULL;
    size_t room = WORKER_RECEIVE_SIZE;

    /* An event of its group may have made its consumer busy since bytes were waited for. They are
     * held then, and its end is heard at once. */
    if (conn->reader.partial != NULL && conn->held == NULL && conn_hears(conn))
        direct = message_room(&conn->reader, &room);
    if (direct == NULL && may_have_to_wait(conn))
        room = WAITING_MOST;
    if (conn_is_rated(conn))
        room = conn_rates_room(conn, room);
    ssize_t count = recv(conn->fd, direct != NULL ? direct : shared, room, MSG_DONTWAIT);
    if (count > 0)
        conn_heard(conn, direct != NULL ? NULL : shared, (size_t)count);
    else if (count == 0)
        conn_peer_done(conn);
    else if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
        conn_cut(conn, "reset by the peer");
}
