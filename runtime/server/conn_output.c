/*
 * server/conn_output: what a connection sends: queued, written, and bounded.
 *
 * Frames are collected until the turn ends. What the socket does not take then is backlog; where a
 * message would take that beyond its limit, it is skipped, or the peer is closed. Pings and pongs
 * overtake the backlog and are no part of it: they have a bound of their own, in server/outbox.
 */
#include <errno.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include "server/compression.h"
#include "server/conn_parts.h"
#include "server/http.h"

enum {
    FLUSH_AT = 64 * 1024, /* queued bytes from which a turn's output is not collected further */
    SENDFILE_MOST = 256 * 1024, /* bytes of a file in one turn */
};

/* A file's bytes go straight from the page cache, some in each turn. */
static void conn_write_file(struct conn *conn)
{
    struct conn_http *http = conn->http;
    size_t most = http->file_left < SENDFILE_MOST ? (size_t)http->file_left : SENDFILE_MOST;
    off_t offset = (off_t)http->file_offset;
    ssize_t sent = sendfile(conn->fd, http->file, &offset, most);

    if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
        conn->want_write = true;
        return;
    }
    if (sent <= 0) { /* the line is cut, or the file was cut short after its length was told */
        conn_cut(conn, sent == 0 ? "the file has become shorter" : "reset by the peer");
        return;
    }
    http->file_offset += (uint64_t)sent;
    http->file_left -= (uint64_t)sent;
    conn->bytes_out += (uint64_t)sent;
    conn->worker->traffic.total.bytes_out += (uint64_t)sent;
    conn_progress(conn, (uint64_t)sent);
    if (http->file_left > 0 || (http->parts != NULL && http_next_part(conn))) {
        conn_ready(conn);
        return;
    }
    if (conn->state == CONN_GONE)
        return;
    close(http->file);
    http->file = -1;
}

static void conn_wrote(struct conn *conn, enum outbox_result result)
{
    atomic_store_explicit(&conn->backlog, conn->outbox.size, memory_order_relaxed);
    conn->want_write = result == OUTBOX_WAITING;
    if (result == OUTBOX_BROKEN)
        conn_cut(conn, "reset by the peer");
}

void conn_flush(struct conn *conn)
{
    size_t before = conn->outbox.size;

    conn_wrote(conn, outbox_write(&conn->outbox, &conn->worker->pool, conn->fd));
    /* A peer that still takes what it is sent is given time to take all of it. */
    if (conn->outbox.size < before && conn->state >= CONN_CLOSING)
        conn_progress(conn, before - conn->outbox.size);
    if (conn->state != CONN_GONE && conn_has_file(conn) && !conn->want_write)
        conn_write_file(conn);
}

/* ---- Room ----------------------------------------------------------------------------------- */

/* The peer takes less than it is sent. What it has not begun to get is dropped, so that the close
 * frame has a chance. */
static void conn_slow(struct conn *conn)
{
    size_t dropped = outbox_drop_unstarted(&conn->outbox, &conn->worker->pool);

    limit_hit(&conn->mount->limits, LIMIT_BACKLOG);
    conn_log(conn, LOG_WARN, "conn.slow", LOG_INT("backlog", conn_limits(conn)->backlog),
             LOG_INT("dropped_bytes", dropped));
    conn_close(conn, 1013, SLICE("too slow"));
}

static void conn_skipped(struct conn *conn, unsigned messages)
{
    if (mount_drop_many(conn->mount, DROP_BACKLOG, messages, (struct slice){0}))
        conn_log(conn, LOG_WARN, "message.skipped", LOG_STR("why", drop_name(DROP_BACKLOG)),
                 LOG_INT("backlog", conn_limits(conn)->backlog));
}

/* A message is always taken when nothing waits; no message waits for a control frame. */
static bool is_within(size_t waits, size_t size, uint64_t limit)
{
    return waits == 0 || limit == 0 || waits + size <= limit;
}

/* Is there room for a message of `size` bytes more? What the socket takes at once is no backlog, so
 * it is asked before there is more than may wait. */
static bool conn_has_room(struct conn *conn, size_t size)
{
    const struct limits_config *limits = &conn->mount->config->limits;

    if (!conn->want_write) {
        bool tight = limits->backlog > 0 && limits->backlog < FLUSH_AT;
        size_t most = tight ? (size_t)limits->backlog : FLUSH_AT;

        if (conn->outbox.size == 0 || conn->outbox.size + size <= most)
            return true;
        conn_wrote(conn, outbox_write(&conn->outbox, &conn->worker->pool, conn->fd));
        if (conn->state == CONN_GONE || !conn->want_write)
            return conn->state != CONN_GONE;
    }
    size += frame_header_size(size);
    if (is_within(outbox_data(&conn->outbox), size, limits->backlog))
        return true;
    if (limits->drop)
        conn_skipped(conn, 1);
    else
        conn_slow(conn);
    return false;
}

/* ---- Frames --------------------------------------------------------------------------------- */

static void conn_queued(struct conn *conn, size_t bytes)
{
    conn->bytes_out += bytes;
    conn->worker->traffic.total.bytes_out += bytes;
    atomic_store_explicit(&conn->backlog, conn->outbox.size, memory_order_relaxed);
    if (conn->outbox.size > 0) /* the socket may have taken all of it at once */
        conn_ready(conn);
}

static void conn_sent(struct conn *conn, size_t bytes, unsigned frames)
{
    conn->messages_out += frames;
    conn->worker->traffic.total.messages_out += frames;
    conn->message_last = loop_now(conn->worker->loop);
    conn_queued(conn, bytes);
}

/* A ping or pong goes before all that the socket does not take. */
static void conn_send_control(struct conn *conn, enum frame_opcode opcode, struct slice payload)
{
    bool skipped;

    if (conn->state != CONN_OPEN && conn->state != CONN_CLOSING)
        return;
    if (!conn->want_write && outbox_passes(&conn->outbox))
        conn_wrote(conn, outbox_write(&conn->outbox, &conn->worker->pool, conn->fd));
    if (conn->state == CONN_GONE)
        return;
    /* Nothing goes behind our close frame, which may be on its way if no more than it waits. */
    if (conn->state == CONN_CLOSING && conn->outbox.size <= 2 + FRAME_CONTROL_MAX)
        return;
    if (!outbox_control(&conn->outbox, &conn->worker->pool, opcode, payload, &skipped)) {
        conn_cut(conn, "no memory");
        return;
    }
    if (skipped && mount_drop(conn->mount, DROP_PONGS, (struct slice){0}))
        conn_log(conn, LOG_WARN, "pong.skipped", LOG_INT("waiting", OUTBOX_PONGS_MAX));
    conn_queued(conn, payload.size);
}

void conn_send(struct conn *conn, enum frame_opcode opcode, struct slice payload)
{
    if (opcode > FRAME_CLOSE) {
        conn_send_control(conn, opcode, payload);
        return;
    }
    bool control = opcode == FRAME_CLOSE;
    if (conn->state != CONN_OPEN || (!control && !conn_has_room(conn, payload.size)))
        return;
    uint8_t rsv = 0;
    bool memory = true;
    if (conn->reader.deflate != NULL && !control)
        rsv = compression_message(conn, &payload); /* and from here on it has to be sent */
    if (payload.size >= OUTBOX_DIRECT && !conn->want_write)
        conn_wrote(conn, outbox_write_frame(&conn->outbox, &conn->worker->pool, conn->fd, opcode,
                                            rsv, payload, &memory));
    else
        memory = outbox_frame(&conn->outbox, &conn->worker->pool, opcode, rsv, payload);
    if (!memory)
        conn_cut(conn, "no memory");
    if (conn->state != CONN_GONE)
        conn_sent(conn, payload.size, control ? 0 : 1);
}

/* ---- Batches -------------------------------------------------------------------------------- */

/* The frames of a batch that the socket did not take, and what of them was not queued either. */
struct rest {
    struct batch *batch;
    size_t at, end;
    size_t lost_bytes;
    unsigned lost;
};

static void rest_lose(struct rest *rest)
{
    size_t size = batch_frame_size(rest->batch, rest->at);

    rest->at += size;
    rest->lost_bytes += size;
    rest->lost++;
}

/* Queues as many frames in a row as fit. False without memory. */
static bool rest_queue(struct rest *rest, struct conn *conn, uint64_t limit)
{
    size_t waits = outbox_data(&conn->outbox), at = rest->at, size = 0;

    while (at + size < rest->end) {
        size_t next = batch_frame_size(rest->batch, at + size);

        if (!is_within(waits + size, next, limit))
            break;
        size += next;
    }
    rest->at += size;
    return size == 0 || outbox_batch(&conn->outbox, &conn->worker->pool, rest->batch, at, size);
}

/* Each message is judged as if it had come alone: where one does not fit and is skipped, a smaller
 * one behind it may fit. */
static bool rest_judge(struct rest *rest, struct conn *conn)
{
    const struct limits_config *limits = conn_limits(conn);

    do {
        if (!rest_queue(rest, conn, limits->backlog))
            return false;
        if (rest->at < rest->end)
            rest_lose(rest);
    } while (rest->at < rest->end && limits->drop);
    if (rest->lost > 0 && limits->drop)
        conn_skipped(conn, rest->lost);
    while (rest->at < rest->end)
        rest_lose(rest);
    if (rest->lost > 0 && !limits->drop)
        conn_slow(conn);
    return true;
}

void conn_send_batch(struct conn *conn, struct batch *batch, size_t offset, size_t size,
                     unsigned frames)
{
    size_t taken = 0;
    bool memory = true;

    if (conn->state != CONN_OPEN)
        return;
    if (!conn->want_write)
        conn_wrote(conn, outbox_write_batch(&conn->outbox, &conn->worker->pool, conn->fd, batch,
                                            offset, size, &taken, &memory));
    if (conn->state == CONN_GONE)
        return;
    if (taken == size && memory) { /* as nearly always */
        conn_sent(conn, size, frames);
        return;
    }
    struct rest rest = {.batch = batch, .at = offset + taken, .end = offset + size};
    if (memory)
        memory = rest_judge(&rest, conn);
    if (!memory)
        conn_cut(conn, "no memory");
    if (conn->state != CONN_GONE && frames > rest.lost)
        conn_sent(conn, size - rest.lost_bytes, frames - rest.lost);
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
    conn->worker->traffic.total.bytes_out += bytes.size;
    conn_ready(conn);
}
