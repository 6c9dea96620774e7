/*
 * server/conn_input: bytes from the peer become requests and messages.
 *
 * Bytes are taken from where they were received, as far as the connection hears: not while a file
 * is on its way, a handshake's answer is awaited, or a blocking callback is under way. What can't
 * be taken yet is held, and taken when the turn ends in which it can.
 */
#include <errno.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "server/conn_parts.h"
#include "server/dispatch.h"
#include "server/http.h"
#include "server/http_body.h"

enum {
    TURN_FRAMES = 256,     /* taken from one connection in a turn, to be fair to the others */
    FRAME_WORTH = 8192,    /* bytes of a message that are as much work as one frame more */
    EARLY_MAX = 64 * 1024, /* bytes kept that a client sends before the handshake's answer */
};

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

bool conn_wants_bytes(const struct conn *conn)
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

/* How much was taken, in frames. A message may be much larger than what came of it. */
static unsigned taken_of(const struct message *message)
{
    return message->frames + (unsigned)(message->size / FRAME_WORTH);
}

/* How much was taken; 0: nothing. */
static unsigned take_message(struct conn *conn, uint8_t **data, size_t *size)
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
        return 0;
    case MESSAGE_TEXT:
    case MESSAGE_BINARY:
        conn->message_since = 0;
        conn->message_last = now;
        conn->messages_in++;
        if (conn->state == CONN_OPEN)
            dispatch_message(conn, result == MESSAGE_BINARY, message.data, message.size);
        return taken_of(&message);
    case MESSAGE_PING:
        conn_send(conn, FRAME_PONG, (struct slice){(const char *)message.data, message.size});
        return 1;
    case MESSAGE_PONG:
        return 1;
    case MESSAGE_CLOSE:
        peer_closed(conn, &message);
        return 0;
    case MESSAGE_FAULT:
        conn_fail(conn, message.code, message.why);
        return 0;
    }
    return 0;
}

static bool take_request(struct conn *conn, uint8_t **data, size_t *size)
{
    const struct server_config *server = &conn->worker->routing->config->server;
    const struct http_limits limits = {server->request_line, server->headers, server->header_count};
    struct http_request request;

    if (conn->body != NULL)
        return http_body_take(conn, data, size);
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
    http_body_begin(conn, &request);
    conn->served = true;
    return true;
}

/* Takes what can be taken now; what is left over stays with the caller. Only where something is
 * left is there more: it is that which is taken up again. */
static void conn_take(struct conn *conn, uint8_t **data, size_t *size)
{
    unsigned taken = 0;

    conn->more = false;
    while (conn_hears(conn)) {
        if (taken >= TURN_FRAMES && *size > 0) {
            conn->more = true;
            conn_ready(conn);
            return;
        }
        unsigned took = conn->state == CONN_REQUEST ? take_request(conn, data, size)
                                                    : take_message(conn, data, size);
        if (took == 0)
            return;
        taken += took;
    }
}

void conn_take_held(struct conn *conn)
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
            conn_take_held(conn);
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

void conn_read(struct conn *conn)
{
    struct worker *worker = conn->worker;
    size_t room = WORKER_RECEIVE_SIZE;
    uint8_t *into = worker->receive;
    uint8_t *direct = NULL;
    size_t direct_room = 0;

    if (conn->held.size == 0 && (conn->state == CONN_OPEN || conn->state == CONN_CLOSING))
        direct = message_room(&conn->reader, &direct_room);
    if (direct != NULL) {
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
    if (direct != NULL)
        message_received(&conn->reader, (size_t)count);
    conn_input(conn, worker->receive, direct != NULL ? 0 : (size_t)count);
}
