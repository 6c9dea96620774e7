/*
 * server/conn_output: what a connection sends: queued, written, and bounded.
 *
 * Frames are collected until the turn ends. What the socket does not take then is backlog; a peer
 * that lets it grow beyond its limit is closed.
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
    if (conn->file_left > 0 || (conn->parts != NULL && http_next_part(conn))) {
        conn_ready(conn);
        return;
    }
    if (conn->state == CONN_GONE)
        return;
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

void conn_flush(struct conn *conn)
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
