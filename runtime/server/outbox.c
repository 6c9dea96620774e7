/*
 * server/outbox: frames waiting to be written to one socket, in order.
 *
 * A list of chunks: blocks of the loop's pool that frames are copied into, one behind the other;
 * allocations for frames that fit in no block; and parts of batches, which are only pointed at. A
 * frame never spans two chunks. Pings and pongs are in chunks of their own, and for them a chunk
 * is cut in two where the frame ends that has begun to leave; so writing knows nothing of them.
 */
#include "server/outbox.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

enum {
    IOV_MOST = 64, /* chunks written at once */
};

/* ---- Chunks in the list --------------------------------------------------------------------- */

/* Puts it into the list behind `before`, or first where that is NULL. */
static void chunk_insert(struct outbox *outbox, struct chunk *before, struct chunk *chunk)
{
    struct chunk **place = before != NULL ? &before->next : &outbox->first;

    chunk->next = *place;
    *place = chunk;
    if (outbox->last == before)
        outbox->last = chunk;
    outbox->size += chunk->size;
}

static __attribute__((noinline)) struct chunk *
chunk_append(struct outbox *outbox, struct chunk_pool *pool, size_t size, enum chunk_kind kind)
{
    struct chunk *chunk = chunk_new(pool, size, kind);

    if (chunk != NULL)
        chunk_insert(outbox, outbox->last, chunk);
    return chunk;
}

/* A chunk at the end with room for `size` more bytes, together. */
static inline struct chunk *chunk_with_room(struct outbox *outbox, struct chunk_pool *pool,
                                            size_t size, enum chunk_kind kind)
{
    struct chunk *chunk = outbox->last;

    if (chunk != NULL && chunk->kind == kind && chunk->room >= chunk->size + size)
        return chunk;
    return chunk_append(outbox, pool, size, kind);
}

static void chunk_copy(struct outbox *outbox, struct chunk *chunk, const void *data, size_t size)
{
    if (size > 0)
        memcpy(chunk->bytes + chunk->size, data, size);
    chunk->size += size;
    outbox->size += size;
}

/* ---- Appending ------------------------------------------------------------------------------ */

bool outbox_frame(struct outbox *outbox, struct chunk_pool *pool, enum frame_opcode opcode,
                  uint8_t rsv, struct slice payload)
{
    size_t size = frame_header_size(payload.size) + payload.size;
    struct chunk *chunk = chunk_with_room(outbox, pool, size, CHUNK_FRAMES);

    if (chunk == NULL)
        return false;
    uint8_t *out = chunk->bytes + chunk->size;
    out += frame_write(out, opcode, rsv, payload.size);
    if (payload.size > 0)
        memcpy(out, payload.data, payload.size);
    chunk->size += size;
    outbox->size += size;
    return true;
}

bool outbox_bytes(struct outbox *outbox, struct chunk_pool *pool, struct slice bytes)
{
    struct chunk *chunk = chunk_with_room(outbox, pool, bytes.size, CHUNK_BEGUN);

    if (chunk == NULL)
        return false;
    chunk_copy(outbox, chunk, bytes.data, bytes.size);
    return true;
}

/* Where the last chunk has room for a small part, that is paid for already. */
bool outbox_batch(struct outbox *outbox, struct chunk_pool *pool, struct batch *batch,
                  size_t offset, size_t size)
{
    struct chunk *chunk = outbox->last;

    if (chunk != NULL && chunk->kind == CHUNK_FRAMES && chunk->room >= chunk->size + size) {
        chunk_copy(outbox, chunk, batch->bytes.data + offset, size);
        return true;
    }
    chunk = chunk_of_batch(pool, batch, offset, size);
    if (chunk != NULL)
        chunk_insert(outbox, outbox->last, chunk);
    return chunk != NULL;
}

/* ---- Writing -------------------------------------------------------------------------------- */

static bool would_block(int error)
{
    return error == EAGAIN || error == EWOULDBLOCK;
}

/* Forgets `count` bytes at the front, which are out. */
static void outbox_advance(struct outbox *outbox, struct chunk_pool *pool, size_t count)
{
    outbox->size -= count;
    outbox->written += count;
    while (outbox->first != NULL && outbox->written >= outbox->first->size) {
        struct chunk *chunk = outbox->first;

        outbox->written -= chunk->size;
        outbox->first = chunk->next;
        if (outbox->first == NULL)
            outbox->last = NULL;
        chunk_free(chunk, pool);
    }
}

static unsigned outbox_gather(const struct outbox *outbox, struct iovec *iov, unsigned most)
{
    unsigned count = 0;
    size_t skip = outbox->written;

    for (struct chunk *chunk = outbox->first; chunk != NULL && count < most; chunk = chunk->next) {
        iov[count].iov_base = (void *)(chunk_data(chunk) + skip);
        iov[count].iov_len = chunk->size - skip;
        skip = 0;
        count++;
    }
    return count;
}

static __attribute__((noinline)) ssize_t send_many(int fd, struct iovec *iov, unsigned count)
{
    struct msghdr message = {.msg_iov = iov, .msg_iovlen = count};

    return sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* One system call; bytes taken, 0 where the socket is full, -1 where the line is cut. MSG_NOSIGNAL:
 * a peer that left is no SIGPIPE. */
static ssize_t send_some(int fd, struct iovec *iov, unsigned count)
{
    for (;;) {
        ssize_t sent = count == 1
                           ? send(fd, iov->iov_base, iov->iov_len, MSG_NOSIGNAL | MSG_DONTWAIT)
                           : send_many(fd, iov, count);

        if (sent >= 0)
            return sent;
        if (errno != EINTR)
            return would_block(errno) ? 0 : -1;
    }
}

static size_t iov_size(const struct iovec *iov, unsigned count)
{
    size_t size = 0;

    for (unsigned i = 0; i < count; i++)
        size += iov[i].iov_len;
    return size;
}

/* As many chunks as one call takes. Bytes taken of those `*offered`, else as send_some. */
static __attribute__((noinline)) ssize_t send_chunks(const struct outbox *outbox, int fd,
                                                     size_t *offered)
{
    struct iovec iov[IOV_MOST];
    unsigned count = outbox_gather(outbox, iov, IOV_MOST);

    *offered = iov_size(iov, count);
    return send_some(fd, iov, count);
}

/* The same, where nearly always there is but one. */
static inline ssize_t send_first(const struct outbox *outbox, int fd, size_t *offered)
{
    const struct chunk *chunk = outbox->first;

    if (chunk->next != NULL)
        return send_chunks(outbox, fd, offered);
    *offered = chunk->size - outbox->written;
    struct iovec iov = {(void *)(chunk_data(chunk) + outbox->written), *offered};
    return send_some(fd, &iov, 1);
}

enum outbox_result outbox_write(struct outbox *outbox, struct chunk_pool *pool, int fd)
{
    for (size_t written = 0; outbox->first != NULL && written < OUTBOX_TURN_MOST;) {
        size_t offered;
        ssize_t sent = send_first(outbox, fd, &offered);

        if (sent < 0)
            return OUTBOX_BROKEN;
        outbox_advance(outbox, pool, (size_t)sent);
        if ((size_t)sent < offered)
            return OUTBOX_WAITING;
        written += (size_t)sent;
    }
    return outbox->first == NULL ? OUTBOX_EMPTY : OUTBOX_WAITING;
}

/* The rest of a frame of which `sent` bytes are out. */
static bool frame_rest(struct outbox *outbox, struct chunk_pool *pool, struct slice header,
                       struct slice payload, size_t sent)
{
    size_t size = header.size + payload.size - sent;
    struct chunk *chunk = chunk_with_room(outbox, pool, size, CHUNK_BEGUN);

    if (chunk == NULL)
        return false;
    if (sent < header.size)
        chunk_copy(outbox, chunk, header.data + sent, header.size - sent);
    sent = sent < header.size ? 0 : sent - header.size;
    chunk_copy(outbox, chunk, payload.data + sent, payload.size - sent);
    return true;
}

enum outbox_result outbox_write_frame(struct outbox *outbox, struct chunk_pool *pool, int fd,
                                      enum frame_opcode opcode, uint8_t rsv, struct slice payload,
                                      bool *memory)
{
    uint8_t header[FRAME_HEADER_MAX];
    size_t header_size = frame_write(header, opcode, rsv, payload.size);
    enum outbox_result before = outbox_write(outbox, pool, fd);

    *memory = true;
    if (before == OUTBOX_BROKEN)
        return before;
    ssize_t sent = 0;
    if (before == OUTBOX_EMPTY) {
        struct iovec iov[] = {{header, header_size}, {(void *)payload.data, payload.size}};

        sent = send_some(fd, iov, 2);
    }
    if (sent < 0)
        return OUTBOX_BROKEN;
    if ((size_t)sent == header_size + payload.size)
        return OUTBOX_EMPTY;
    if (sent > 0)
        *memory = frame_rest(outbox, pool, (struct slice){(const char *)header, header_size},
                             payload, (size_t)sent);
    else
        *memory = outbox_frame(outbox, pool, opcode, rsv, payload);
    return OUTBOX_WAITING;
}

/* The frame of a batch that holds the byte before `out` is to follow whole: where it ends. */
static size_t batch_rest(struct outbox *outbox, struct chunk_pool *pool, struct batch *batch,
                         size_t offset, size_t out, bool *memory)
{
    size_t end = offset;

    while (end < out)
        end += batch_frame_size(batch, end);
    if (end == out)
        return end;
    struct chunk *chunk = chunk_of_batch(pool, batch, out, end - out);
    *memory = chunk != NULL;
    if (chunk != NULL) {
        chunk->kind = CHUNK_BEGUN;
        chunk_insert(outbox, outbox->last, chunk);
    }
    return end;
}

enum outbox_result outbox_write_batch(struct outbox *outbox, struct chunk_pool *pool, int fd,
                                      struct batch *batch, size_t offset, size_t size,
                                      size_t *taken, bool *memory)
{
    *taken = 0;
    *memory = true;
    if (outbox->first != NULL) {
        enum outbox_result before = outbox_write(outbox, pool, fd);

        if (before != OUTBOX_EMPTY)
            return before;
    }
    struct iovec iov = {batch->bytes.data + offset, size};
    ssize_t sent = send_some(fd, &iov, 1);
    if (sent < 0)
        return OUTBOX_BROKEN;
    *taken = (size_t)sent;
    if (*taken == size)
        return OUTBOX_EMPTY;
    *taken = batch_rest(outbox, pool, batch, offset, offset + *taken, memory) - offset;
    return OUTBOX_WAITING;
}

/* ---- What has begun, and what has not ------------------------------------------------------- */

/* The end of the frame that holds the byte before `offset` of the chunk: frames are whole, so
 * their headers lead from one to the next. */
static size_t frame_end(const struct chunk *chunk, size_t offset)
{
    size_t at = 0;

    while (at < offset && at < chunk->size)
        at += frame_size_at(chunk_data(chunk) + at, chunk->size - at);
    return at;
}

static bool has_begun(const struct outbox *outbox, const struct chunk *chunk)
{
    return chunk->kind == CHUNK_BEGUN || (chunk == outbox->first && outbox->written > 0);
}

size_t outbox_drop_unstarted(struct outbox *outbox, struct chunk_pool *pool)
{
    struct chunk *last = NULL, *chunk = outbox->first;
    size_t before = outbox->size, kept = 0;

    for (; chunk != NULL && has_begun(outbox, chunk); chunk = chunk->next) {
        if (chunk->kind != CHUNK_BEGUN)
            chunk->size = frame_end(chunk, outbox->written);
        kept += chunk->size;
        last = chunk;
    }
    outbox->last = last;
    *(last != NULL ? &last->next : &outbox->first) = NULL;
    outbox->size = kept - outbox->written;
    while (chunk != NULL) {
        struct chunk *next = chunk->next;

        chunk_free(chunk, pool);
        chunk = next;
    }
    outbox_advance(outbox, pool, 0);
    return before - outbox->size;
}

void outbox_free(struct outbox *outbox, struct chunk_pool *pool)
{
    while (outbox->first != NULL) {
        struct chunk *chunk = outbox->first;

        outbox->first = chunk->next;
        chunk_free(chunk, pool);
    }
    *outbox = (struct outbox){0};
}

/* ---- Control frames ------------------------------------------------------------------------- */

static bool is_ahead(const struct outbox *outbox, const struct chunk *chunk)
{
    return chunk->kind == CHUNK_CONTROL || has_begun(outbox, chunk);
}

size_t outbox_data(const struct outbox *outbox)
{
    size_t size = outbox->size, written = outbox->written;

    for (const struct chunk *chunk = outbox->first; chunk != NULL && is_ahead(outbox, chunk);
         chunk = chunk->next) {
        if (chunk->kind == CHUNK_CONTROL)
            size -= chunk->size - written;
        written = 0;
    }
    return size;
}

bool outbox_passes(const struct outbox *outbox)
{
    const struct chunk *last = outbox->last;

    return (last != NULL && (last->kind == CHUNK_FRAMES || last->kind == CHUNK_BATCH)) ||
           outbox->pongs >= OUTBOX_PONGS_MAX;
}

/* Where the frame ends that has begun, its chunk ends too. False without memory. */
static bool cut_behind_begun(struct outbox *outbox, struct chunk_pool *pool)
{
    struct chunk *chunk = outbox->first, *rest;

    if (outbox->written == 0 || chunk->kind == CHUNK_BEGUN || chunk->kind == CHUNK_CONTROL)
        return true;
    size_t end = frame_end(chunk, outbox->written), size = chunk->size - end;
    if (size == 0)
        return true;
    if (chunk->batch != NULL) {
        rest = chunk_of_batch(pool, chunk->batch, chunk->offset + end, size);
    } else {
        rest = chunk_new(pool, size, chunk->kind);
        if (rest != NULL)
            memcpy(rest->bytes, chunk->bytes + end, size);
    }
    if (rest == NULL)
        return false;
    rest->size = size;
    chunk->size = end;
    outbox->size -= size;
    chunk_insert(outbox, chunk, rest);
    outbox_advance(outbox, pool, 0);
    return true;
}

/* The control frames that wait, and the newest pong among them. */
struct held {
    unsigned pings, pongs;
    struct chunk *chunk;
    size_t offset, size;
};

static struct held control_held(const struct outbox *outbox)
{
    struct held held = {0};
    size_t begun = outbox->written;

    for (struct chunk *chunk = outbox->first; chunk != NULL && is_ahead(outbox, chunk);
         chunk = chunk->next, begun = 0) {
        size_t size;

        for (size_t at = 0; chunk->kind == CHUNK_CONTROL && at < chunk->size; at += size) {
            bool pong = (chunk->bytes[at] & 0xf) == FRAME_PONG;

            size = frame_size_at(chunk->bytes + at, chunk->size - at);
            if (at < begun)
                continue;
            held.pings += !pong;
            if (pong)
                held = (struct held){held.pings, held.pongs + 1, chunk, at, size};
        }
    }
    return held;
}

static void remove_newest_pong(struct outbox *outbox, const struct held *held)
{
    struct chunk *chunk = held->chunk;
    size_t end = held->offset + held->size;

    memmove(chunk->bytes + held->offset, chunk->bytes + end, chunk->size - end);
    chunk->size -= held->size;
    outbox->size -= held->size;
}

/* The chunk that the next control frame goes to. */
static struct chunk *control_chunk(struct outbox *outbox, struct chunk_pool *pool, size_t size)
{
    struct chunk *before = NULL, *chunk = outbox->first;

    for (; chunk != NULL && is_ahead(outbox, chunk); chunk = chunk->next)
        before = chunk;
    if (before != NULL && before->kind == CHUNK_CONTROL && before->room >= before->size + size)
        return before;
    chunk = chunk_new(pool, size, CHUNK_CONTROL);
    if (chunk != NULL)
        chunk_insert(outbox, before, chunk);
    return chunk;
}

bool outbox_control(struct outbox *outbox, struct chunk_pool *pool, enum frame_opcode opcode,
                    struct slice payload, bool *skipped)
{
    uint8_t header[FRAME_HEADER_MAX];
    size_t header_size = frame_write(header, opcode, 0, payload.size);
    struct held held = {0};

    *skipped = false;
    if (opcode == FRAME_PING || outbox->pongs >= OUTBOX_PONGS_MAX) {
        held = control_held(outbox);
        outbox->pongs = held.pongs;
    }
    if (opcode == FRAME_PING && held.pings > 0)
        return true; /* the peer will answer that one */
    if (!cut_behind_begun(outbox, pool))
        return false;
    struct chunk *chunk = control_chunk(outbox, pool, header_size + payload.size);
    if (chunk == NULL)
        return false;
    if (opcode == FRAME_PONG && held.pongs >= OUTBOX_PONGS_MAX) {
        remove_newest_pong(outbox, &held);
        outbox->pongs--;
        *skipped = true;
    }
    chunk_copy(outbox, chunk, header, header_size);
    chunk_copy(outbox, chunk, payload.data, payload.size);
    outbox->pongs += opcode == FRAME_PONG;
    return true;
}
