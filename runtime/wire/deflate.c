/*
 * wire/deflate: compressed messages (RFC 7692, section 7.2), over zlib.
 *
 * Without takeover, a window that is larger than the message is of no use, and a stream's tables
 * are as large as its window: to clear them is much of what a short message costs. So the shared
 * compressors differ by their window, and a message goes to the smallest that holds it twice: in
 * one that just holds it, the tables are crowded, which costs more again.
 */
#include "wire/deflate.h"

#include <stdalign.h>
#include <stddef.h>
#include <string.h>

#include "base/mem.h"
#include "wire/deflate_parts.h"

#define BITS_MIN      9    /* zlib compresses with no less */
#define LOOKAHEAD     262  /* bytes of its window that zlib does not look back to */
#define TAIL          4    /* bytes of the empty block's end, which are not sent: 00 00 ff ff */
#define GROWTH        64   /* bytes that a short message might become longer by */
#define SCRATCH_FIRST 4096 /* bytes */

/* ---- Memory --------------------------------------------------------------------------------- */

/* In front of what zlib is given, for it does not say how much it gives back. */
struct block {
    alignas(max_align_t) size_t size;
};

voidpf deflate_zalloc(voidpf held, uInt count, uInt size)
{
    size_t bytes = sizeof(struct block) + (size_t)count * size;
    struct block *block = mem_alloc(bytes);

    if (block == NULL)
        return Z_NULL;
    block->size = bytes;
    *(size_t *)held += bytes;
    return block + 1;
}

void deflate_zfree(voidpf held, voidpf memory)
{
    struct block *block = (struct block *)memory - 1;

    *(size_t *)held -= block->size;
    mem_free(block);
}

uInt deflate_part(size_t size)
{
    return size < UINT32_MAX ? (uInt)size : UINT32_MAX;
}

static bool scratch_reserve(struct scratch *scratch, size_t size)
{
    size_t room = scratch->room > 0 ? scratch->room : SCRATCH_FIRST;

    if (size > scratch->peak)
        scratch->peak = size;
    if (size <= scratch->room)
        return true;
    while (room < size)
        room *= 2;

    uint8_t *data = mem_realloc(scratch->data, room + 1);
    if (data == NULL)
        return false;
    scratch->data = data;
    scratch->room = room;
    return true;
}

static void scratch_free(struct scratch *scratch)
{
    mem_free(scratch->data);
    *scratch = (struct scratch){0};
}

/* Frees it where a quarter would do. */
static void scratch_trim(struct scratch *scratch)
{
    if (scratch->peak == 0 || (scratch->room > SCRATCH_FIRST && scratch->peak < scratch->room / 4))
        scratch_free(scratch);
    scratch->peak = 0;
}

static size_t scratch_held(const struct scratch *scratch)
{
    return scratch->data != NULL ? scratch->room + 1 : 0;
}

/* ---- Compressors ---------------------------------------------------------------------------- */

static struct compressor *compressor_new(unsigned bits, unsigned level)
{
    struct compressor *compressor = mem_zalloc(sizeof *compressor);

    if (compressor == NULL)
        return NULL;
    compressor->level = level;
    compressor->z.zalloc = deflate_zalloc;
    compressor->z.zfree = deflate_zfree;
    compressor->z.opaque = &compressor->held;
    /* The tables' size goes with the window's: 8 of 9, zlib's default, for 15 bits. */
    if (deflateInit2(&compressor->z, (int)level, Z_DEFLATED, -(int)bits, (int)bits - 7,
                     Z_DEFAULT_STRATEGY) != Z_OK) {
        mem_free(compressor);
        return NULL;
    }
    return compressor;
}

static void compressor_free(struct compressor *compressor)
{
    if (compressor == NULL)
        return;
    deflateEnd(&compressor->z);
    mem_free(compressor);
}

static size_t compressor_held(const struct compressor *compressor)
{
    return compressor != NULL ? sizeof *compressor + compressor->held : 0;
}

/* A window of 8 bits is served by one of 9, which reaches back by 512 bytes less LOOKAHEAD: 250. */
static unsigned clamp_bits(unsigned bits)
{
    return bits > BITS_MIN ? bits : BITS_MIN;
}

static unsigned bits_for(size_t size, unsigned most)
{
    unsigned bits = BITS_MIN;

    while (bits < most && ((size_t)1 << bits) < 2 * size + LOOKAHEAD)
        bits++;
    return bits;
}

/* One that has seen nothing yet. */
static struct compressor *shared_compressor(struct deflate_shared *shared, unsigned bits,
                                            unsigned level)
{
    struct compressor *compressor = shared->compressors[bits];

    if (compressor == NULL) {
        compressor = shared->compressors[bits] = compressor_new(bits, level);
        if (compressor == NULL)
            return NULL;
    }
    compressor->used = true;
    deflateReset(&compressor->z);
    if (compressor->level != level)
        deflateParams(&compressor->z, (int)level, Z_DEFAULT_STRATEGY);
    compressor->level = level;
    return compressor;
}

/* The whole payload, and then an empty block, so that all of it is out, and at a byte's border.
 * DEFLATE_LARGER: it does not get smaller, and it may not grow. */
static enum deflate_result compress_all(z_stream *z, struct slice payload, bool may_grow,
                                        struct scratch *scratch, struct slice *out)
{
    size_t room = payload.size + (may_grow ? GROWTH : TAIL), size = 0;

    do {
        if (size == room && !may_grow)
            return DEFLATE_LARGER;
        if (size == room)
            room *= 2;
        if (!scratch_reserve(scratch, room))
            return DEFLATE_FAILED;

        uInt most = deflate_part(room - size), part = deflate_part(payload.size);
        z->next_in = (const Bytef *)payload.data;
        z->avail_in = part;
        z->next_out = scratch->data + size;
        z->avail_out = most;
        deflate(z, part == payload.size ? Z_SYNC_FLUSH : Z_NO_FLUSH);
        payload.data += part - z->avail_in;
        payload.size -= part - z->avail_in;
        size += most - z->avail_out;
    } while (payload.size > 0 || z->avail_out == 0);
    *out = (struct slice){(const char *)scratch->data, size - TAIL};
    return DEFLATE_DONE;
}

enum deflate_result deflate_once(struct deflate_shared *shared, unsigned bits, unsigned level,
                                 struct slice payload, struct slice *out)
{
    struct compressor *compressor =
        shared_compressor(shared, bits_for(payload.size, clamp_bits(bits)), level);

    if (compressor == NULL)
        return DEFLATE_FAILED;
    return compress_all(&compressor->z, payload, false, &shared->compressed, out);
}

enum deflate_result deflate_message(struct deflate *deflate, struct slice payload,
                                    struct slice *out)
{
    const struct deflate_terms *terms = &deflate->terms;

    if (!terms->server_takeover)
        return deflate_once(deflate->shared, terms->server_bits, deflate->level, payload, out);
    if (payload.size == 0) { /* zlib has nothing to flush, and says nothing */
        *out = SLICE("\0");
        return DEFLATE_DONE;
    }
    if (deflate->compressor == NULL)
        deflate->compressor = compressor_new(clamp_bits(terms->server_bits), deflate->level);
    if (deflate->compressor == NULL)
        return DEFLATE_FAILED;

    enum deflate_result result =
        compress_all(&deflate->compressor->z, payload, true, &deflate->shared->compressed, out);
    if (result == DEFLATE_FAILED) /* it forgets what was never sent, and all else */
        deflateReset(&deflate->compressor->z);
    return result;
}

/* ---- What a loop shares --------------------------------------------------------------------- */

bool deflate_available(void)
{
    return true;
}

struct deflate_shared *deflate_shared_new(void)
{
    return mem_zalloc(sizeof(struct deflate_shared));
}

void deflate_shared_free(struct deflate_shared *shared)
{
    if (shared == NULL)
        return;
    for (unsigned bits = 0; bits <= BITS_MAX; bits++)
        compressor_free(shared->compressors[bits]);
    for (unsigned i = 0; i < shared->spare_count; i++)
        inflater_free(shared->spares[i]);
    scratch_free(&shared->compressed);
    scratch_free(&shared->inflated);
    mem_free(shared);
}

static void trim_compressors(struct deflate_shared *shared)
{
    for (unsigned bits = 0; bits <= BITS_MAX; bits++) {
        struct compressor *compressor = shared->compressors[bits];

        if (compressor == NULL)
            continue;
        if (!compressor->used) {
            compressor_free(compressor);
            shared->compressors[bits] = NULL;
        } else {
            compressor->used = false;
        }
    }
}

static void trim_spares(struct deflate_shared *shared)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < shared->spare_count; i++) {
        struct inflater *spare = shared->spares[i];

        if (!spare->used) {
            inflater_free(spare);
            continue;
        }
        spare->used = false;
        shared->spares[kept++] = spare;
    }
    shared->spare_count = kept;
}

void deflate_shared_trim(struct deflate_shared *shared)
{
    trim_compressors(shared);
    trim_spares(shared);
    scratch_trim(&shared->compressed);
    scratch_trim(&shared->inflated);
}

size_t deflate_shared_held(const struct deflate_shared *shared)
{
    size_t held =
        sizeof *shared + scratch_held(&shared->compressed) + scratch_held(&shared->inflated);

    for (unsigned bits = 0; bits <= BITS_MAX; bits++)
        held += compressor_held(shared->compressors[bits]);
    for (unsigned i = 0; i < shared->spare_count; i++)
        held += sizeof *shared->spares[i] + shared->spares[i]->held;
    return held;
}

/* ---- One connection ------------------------------------------------------------------------- */

struct deflate *deflate_new(struct deflate_shared *shared, const struct deflate_terms *terms,
                            unsigned level)
{
    struct deflate *deflate = mem_zalloc(sizeof *deflate);

    if (deflate == NULL)
        return NULL;
    deflate->shared = shared;
    deflate->terms = *terms;
    deflate->level = level;
    return deflate;
}

void deflate_free(struct deflate *deflate)
{
    if (deflate == NULL)
        return;
    inflate_end(deflate);
    inflater_free(deflate->inflater);
    compressor_free(deflate->compressor);
    mem_free(deflate);
}

size_t deflate_held(const struct deflate *deflate)
{
    size_t held = sizeof *deflate + compressor_held(deflate->compressor);

    if (deflate->inflater != NULL && deflate->terms.client_takeover)
        held += sizeof *deflate->inflater + deflate->inflater->held;
    return held;
}

const struct deflate_terms *deflate_terms_of(const struct deflate *deflate)
{
    return &deflate->terms;
}
