/*
 * server/outbox: frames waiting to be written to one socket, in order.
 *
 * A list of chunks: blocks of the loop's pool that frames are copied into, one behind the other;
 * allocations for frames that fit in no block; and parts of batches, which are only pointed at. A
 * frame never spans two chunks, so what is left of one that is half written is easily found.
 */
#include "server/outbox.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/mem.h"

enum {
    BLOCK_SIZE = 4096,  /* bytes of a pooled chunk, its head included */
    POOL_MAX = 1024,    /* blocks a loop keeps: 4 MiB */
    IOV_MOST = 64,      /* chunks written at once */
    BATCH_COPIED = 256, /* bytes of a batch up to which a copy is smaller than what refers to it */
};

/* Either a block or an allocation with bytes of its own, or a part of a batch: an offset, since a
 * batch that still grows may move. It holds whole frames, or bytes that are of none. */
struct outbox_chunk {
    struct outbox_chunk *next;
    size_t size;
    size_t room;         /* bytes behind the head; 0 for a batch's */
    struct batch *batch; /* NULL: the bytes are the chunk's own */
    size_t offset;       /* within the batch */
    bool plain;          /* no frames: never dropped */
    uint8_t bytes[];
};

enum { BLOCK_ROOM = BLOCK_SIZE - sizeof(struct outbox_chunk) };

/* ---- Batches -------------------------------------------------------------------------------- */

struct batch *batch_new(void)
{
    struct batch *batch = mem_zalloc(sizeof *batch);

    if (batch != NULL)
        batch->references = 1;
    return batch;
}

struct batch *batch_ref(struct batch *batch)
{
    batch->references++;
    return batch;
}

void batch_unref(struct batch *batch)
{
    if (batch == NULL || --batch->references > 0)
        return;
    text_free(&batch->bytes);
    mem_free(batch);
}

bool batch_frame(struct batch *batch, enum frame_opcode opcode, uint8_t rsv, struct slice payload)
{
    uint8_t *out = (uint8_t *)text_reserve(&batch->bytes, FRAME_HEADER_MAX + payload.size);

    if (out == NULL)
        return false;
    size_t header = frame_write(out, opcode, rsv, payload.size);
    if (payload.size > 0)
        memcpy(out + header, payload.data, payload.size);
    batch->bytes.size += header + payload.size;
    return true;
}

/* ---- Chunks --------------------------------------------------------------------------------- */

static const uint8_t *chunk_data(const struct outbox_chunk *chunk)
{
    return chunk->batch != NULL ? (const uint8_t *)chunk->batch->bytes.data + chunk->offset
                                : chunk->bytes;
}

static struct outbox_chunk *block_take(struct outbox_pool *pool)
{
    struct outbox_chunk *chunk = pool->free;

    if (chunk != NULL) {
        pool->free = chunk->next;
        pool->count--;
        return chunk;
    }
    chunk = mem_alloc(BLOCK_SIZE);
    if (chunk != NULL)
        chunk->room = BLOCK_ROOM;
    return chunk;
}

static void chunk_free(struct outbox_chunk *chunk, struct outbox_pool *pool)
{
    batch_unref(chunk->batch);
    if (chunk->room == BLOCK_ROOM && pool->count < POOL_MAX) {
        chunk->next = pool->free;
        pool->free = chunk;
        pool->count++;
        return;
    }
    mem_free(chunk);
}

void outbox_pool_free(struct outbox_pool *pool)
{
    while (pool->free != NULL) {
        struct outbox_chunk *chunk = pool->free;

        pool->free = chunk->next;
        mem_free(chunk);
    }
    pool->count = 0;
}

static void chunk_append(struct outbox *outbox, struct outbox_chunk *chunk)
{
    chunk->next = NULL;
    if (outbox->last != NULL)
        outbox->last->next = chunk;
    else
        outbox->first = chunk;
    outbox->last = chunk;
    outbox->size += chunk->size;
}

/* A chunk at the end with room for `size` more bytes, together. */
static struct outbox_chunk *chunk_with_room(struct outbox *outbox, struct outbox_pool *pool,
                                            size_t size, bool plain)
{
    struct outbox_chunk *chunk = outbox->last;

    if (chunk != NULL && chunk->batch == NULL && chunk->plain == plain &&
        chunk->room - chunk->size >= size)
        return chunk;
    if (size <= BLOCK_ROOM) {
        chunk = block_take(pool);
    } else {
        chunk = mem_alloc(sizeof *chunk + size);
        if (chunk != NULL)
            chunk->room = size;
    }
    if (chunk == NULL)
        return NULL;
    chunk->size = 0;
    chunk->batch = NULL;
    chunk->plain = plain;
    chunk_append(outbox, chunk);
    return chunk;
}

static void chunk_copy(struct outbox *outbox, struct outbox_chunk *chunk, const void *data,
                       size_t size)
{
    if (size > 0)
        memcpy(chunk->bytes + chunk->size, data, size);
    chunk->size += size;
    outbox->size += size;
}

/* ---- Appending ------------------------------------------------------------------------------ */

bool outbox_frame(struct outbox *outbox, struct outbox_pool *pool, enum frame_opcode opcode,
                  uint8_t rsv, struct slice payload)
{
    uint8_t header[FRAME_HEADER_MAX];
    size_t header_size = frame_write(header, opcode, rsv, payload.size);
    struct outbox_chunk *chunk = chunk_with_room(outbox, pool, header_size + payload.size, false);

    if (chunk == NULL)
        return false;
    chunk_copy(outbox, chunk, header, header_size);
    chunk_copy(outbox, chunk, payload.data, payload.size);
    return true;
}

bool outbox_bytes(struct outbox *outbox, struct outbox_pool *pool, struct slice bytes)
{
    struct outbox_chunk *chunk = chunk_with_room(outbox, pool, bytes.size, true);

    if (chunk == NULL)
        return false;
    chunk_copy(outbox, chunk, bytes.data, bytes.size);
    return true;
}

static bool batch_copy(struct outbox *outbox, struct outbox_pool *pool, const struct batch *batch,
                       size_t offset, size_t size)
{
    struct outbox_chunk *chunk = chunk_with_room(outbox, pool, size, false);

    if (chunk == NULL)
        return false;
    chunk_copy(outbox, chunk, batch->bytes.data + offset, size);
    return true;
}

bool outbox_batch(struct outbox *outbox, struct outbox_pool *pool, struct batch *batch,
                  size_t offset, size_t size)
{
    if (size <= BATCH_COPIED)
        return batch_copy(outbox, pool, batch, offset, size);
    struct outbox_chunk *chunk = mem_alloc(sizeof *chunk);
    if (chunk == NULL)
        return false;
    chunk->plain = false;
    chunk->batch = batch_ref(batch);
    chunk->room = 0;
    chunk->offset = offset;
    chunk->size = size;
    chunk_append(outbox, chunk);
    return true;
}

/* ---- Writing -------------------------------------------------------------------------------- */

static bool would_block(int error)
{
    return error == EAGAIN || error == EWOULDBLOCK;
}

/* Forgets `count` bytes at the front, which are out. */
static void outbox_advance(struct outbox *outbox, struct outbox_pool *pool, size_t count)
{
    outbox->size -= count;
    outbox->written += count;
    while (outbox->first != NULL && outbox->written >= outbox->first->size) {
        struct outbox_chunk *chunk = outbox->first;

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

    for (struct outbox_chunk *chunk = outbox->first; chunk != NULL && count < most;
         chunk = chunk->next) {
        iov[count].iov_base = (void *)(chunk_data(chunk) + skip);
        iov[count].iov_len = chunk->size - skip;
        skip = 0;
        count++;
    }
    return count;
}

/* One sendmsg; bytes taken, 0 where the socket is full, -1 where the line is cut. MSG_NOSIGNAL: a
 * peer that left is no SIGPIPE. */
static ssize_t send_some(int fd, struct iovec *iov, unsigned count)
{
    struct msghdr message = {.msg_iov = iov, .msg_iovlen = count};

    for (;;) {
        ssize_t sent = count == 1
                           ? send(fd, iov->iov_base, iov->iov_len, MSG_NOSIGNAL | MSG_DONTWAIT)
                           : sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);

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

enum outbox_result outbox_write(struct outbox *outbox, struct outbox_pool *pool, int fd)
{
    while (outbox->first != NULL) {
        struct iovec iov[IOV_MOST];
        unsigned count = outbox_gather(outbox, iov, IOV_MOST);
        size_t offered = iov_size(iov, count);
        ssize_t sent = send_some(fd, iov, count);

        if (sent < 0)
            return OUTBOX_BROKEN;
        outbox_advance(outbox, pool, (size_t)sent);
        if ((size_t)sent < offered)
            return OUTBOX_WAITING;
    }
    return OUTBOX_EMPTY;
}

enum outbox_result outbox_write_frame(struct outbox *outbox, struct outbox_pool *pool, int fd,
                                      enum frame_opcode opcode, uint8_t rsv, struct slice payload,
                                      bool *memory)
{
    uint8_t header[FRAME_HEADER_MAX];
    size_t header_size = frame_write(header, opcode, rsv, payload.size);

    *memory = true;
    enum outbox_result before = outbox_write(outbox, pool, fd);
    if (before == OUTBOX_BROKEN)
        return before;
    size_t sent = 0;
    if (before == OUTBOX_EMPTY) {
        struct iovec iov[] = {{header, header_size}, {(void *)payload.data, payload.size}};
        ssize_t taken = send_some(fd, iov, 2);

        if (taken < 0)
            return OUTBOX_BROKEN;
        sent = (size_t)taken;
    }
    if (sent == header_size + payload.size)
        return OUTBOX_EMPTY;
    /* The whole frame is kept, its front marked as written, so that a frame's beginning is always
     * at hand to whoever walks the chunks. */
    bool first = outbox->first == NULL;
    if (!outbox_frame(outbox, pool, opcode, rsv, payload)) {
        *memory = false;
        return OUTBOX_WAITING;
    }
    if (first)
        outbox_advance(outbox, pool, sent);
    return OUTBOX_WAITING;
}

enum outbox_result outbox_write_batch(struct outbox *outbox, struct outbox_pool *pool, int fd,
                                      struct batch *batch, size_t offset, size_t size, bool *memory)
{
    *memory = true;
    size_t sent = 0;
    bool first = outbox->first == NULL;
    if (first) {
        struct iovec iov = {batch->bytes.data + offset, size};
        ssize_t taken = send_some(fd, &iov, 1);

        if (taken < 0)
            return OUTBOX_BROKEN;
        sent = (size_t)taken;
        if (sent == size)
            return OUTBOX_EMPTY;
    }
    if (!outbox_batch(outbox, pool, batch, offset, size)) {
        *memory = false;
        return OUTBOX_WAITING;
    }
    if (first)
        outbox_advance(outbox, pool, sent);
    return OUTBOX_WAITING;
}

/* ---- Dropping ------------------------------------------------------------------------------- */

/* The end of the frame that holds the byte at `offset` of the chunk: frames are whole, so their
 * headers lead from one to the next. */
static size_t frame_end(const struct outbox_chunk *chunk, size_t offset)
{
    size_t at = 0;

    while (at < offset && at < chunk->size) {
        struct frame frame;
        const char *why;

        if (frame_parse(chunk_data(chunk) + at, chunk->size - at, &frame, &why) != FRAME_DONE)
            return chunk->size;
        at += frame.header_size + (size_t)frame.length;
    }
    return at;
}

static bool is_kept(const struct outbox *outbox, const struct outbox_chunk *chunk)
{
    return chunk->plain || (chunk == outbox->first && outbox->written > 0);
}

size_t outbox_drop_unstarted(struct outbox *outbox, struct outbox_pool *pool)
{
    struct outbox_chunk *last = NULL, *chunk = outbox->first;
    size_t before = outbox->size, kept = 0;

    for (; chunk != NULL && is_kept(outbox, chunk); chunk = chunk->next) {
        if (!chunk->plain)
            chunk->size = frame_end(chunk, outbox->written);
        kept += chunk->size;
        last = chunk;
    }
    outbox->last = last;
    *(last != NULL ? &last->next : &outbox->first) = NULL;
    outbox->size = kept - outbox->written;
    while (chunk != NULL) {
        struct outbox_chunk *next = chunk->next;

        chunk_free(chunk, pool);
        chunk = next;
    }
    outbox_advance(outbox, pool, 0);
    return before - outbox->size;
}

void outbox_free(struct outbox *outbox, struct outbox_pool *pool)
{
    while (outbox->first != NULL) {
        struct outbox_chunk *chunk = outbox->first;

        outbox->first = chunk->next;
        chunk_free(chunk, pool);
    }
    *outbox = (struct outbox){0};
}
