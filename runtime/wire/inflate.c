/*
 * wire/inflate: the payload of compressed messages, inflated as it comes (RFC 7692, section 7.2.2).
 *
 * A message is blocks, and ends with an empty one whose last four bytes were left out: they are put
 * back when the payload has ended, and what they end has to be that block. A block may say that it
 * is the last one, which for zlib ends the stream, but not the message: the stream begins again,
 * with its window as it was.
 */
#include "wire/inflate.h"

#include "base/mem.h"
#include "wire/deflate_parts.h"

/* What zlib says in data_type: where it stands, and how many bits of a byte are left. */
#define AT_BLOCK_END  128
#define IN_LAST_BLOCK 64
#define BITS_LEFT     63

static struct inflater *inflater_new(unsigned bits)
{
    struct inflater *inflater = mem_zalloc(sizeof *inflater);

    if (inflater == NULL)
        return NULL;
    inflater->bits = bits;
    inflater->z.zalloc = deflate_zalloc;
    inflater->z.zfree = deflate_zfree;
    inflater->z.opaque = &inflater->held;
    if (inflateInit2(&inflater->z, -(int)bits) != Z_OK) {
        mem_free(inflater);
        return NULL;
    }
    return inflater;
}

void inflater_free(struct inflater *inflater)
{
    if (inflater == NULL)
        return;
    inflateEnd(&inflater->z);
    mem_free(inflater);
}

/* The one used last, for it is still in the processor's cache. */
static struct inflater *borrow(struct deflate_shared *shared, unsigned bits)
{
    for (unsigned i = shared->spare_count; i-- > 0;) {
        struct inflater *spare = shared->spares[i];

        if (spare->bits != bits)
            continue;
        for (shared->spare_count--; i < shared->spare_count; i++)
            shared->spares[i] = shared->spares[i + 1];
        inflateReset(&spare->z);
        return spare;
    }
    return inflater_new(bits);
}

static void give_back(struct deflate_shared *shared, struct inflater *inflater)
{
    if (shared->spare_count == SPARES_MAX) {
        inflater_free(shared->spares[0]);
        shared->spare_count--;
        for (unsigned i = 0; i < shared->spare_count; i++)
            shared->spares[i] = shared->spares[i + 1];
    }
    inflater->used = true;
    shared->spares[shared->spare_count++] = inflater;
}

static bool begin(struct deflate *deflate)
{
    const struct deflate_terms *terms = &deflate->terms;

    if (deflate->inflater == NULL)
        deflate->inflater = terms->client_takeover ? inflater_new(terms->client_bits)
                                                   : borrow(deflate->shared, terms->client_bits);
    return deflate->inflater != NULL;
}

/* inflateResetKeep is in zlib.h, though not explained there: it is inflateReset but for the window.
 * What is explained, to take the window out and to put it back, copies it twice, and a client
 * could have that done for each two bytes that it sends. */
static enum inflate_result run(z_stream *z)
{
    for (;;) {
        int status = inflate(z, Z_SYNC_FLUSH);

        if (status == Z_MEM_ERROR)
            return INFLATE_FAILED;
        if (status == Z_STREAM_END && inflateResetKeep(z) == Z_OK && z->avail_in > 0)
            continue;
        if (status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR)
            return INFLATE_BROKEN;
        return z->avail_out == 0 ? INFLATE_FULL : INFLATE_MORE;
    }
}

enum inflate_result inflate_some(struct deflate *deflate, struct slice *in, uint8_t *out,
                                 size_t room, size_t *written)
{
    *written = 0;
    if (!begin(deflate))
        return INFLATE_FAILED;

    z_stream *z = &deflate->inflater->z;
    uInt part = deflate_part(in->size), most = deflate_part(room);

    z->next_in = (const Bytef *)in->data;
    z->avail_in = part;
    z->next_out = out;
    z->avail_out = most;
    enum inflate_result result = run(z);
    in->data += part - z->avail_in;
    in->size -= part - z->avail_in;
    *written = most - z->avail_out;
    return result == INFLATE_MORE && in->size > 0 ? INFLATE_FULL : result;
}

/* Nothing may come out of the four bytes: they would then have been a block's content. */
enum inflate_result inflate_finish(struct deflate *deflate)
{
    static const Bytef tail[] = {0x00, 0x00, 0xff, 0xff};
    z_stream *z = &deflate->inflater->z;
    Bytef nothing;
    int status;

    z->next_in = tail;
    z->avail_in = sizeof tail;
    z->next_out = &nothing;
    z->avail_out = sizeof nothing;
    do
        status = inflate(z, Z_BLOCK);
    while (status == Z_OK && z->avail_in > 0 && z->avail_out > 0);
    if (status == Z_MEM_ERROR)
        return INFLATE_FAILED;
    if (status != Z_OK || z->avail_out == 0 || !(z->data_type & AT_BLOCK_END) ||
        (z->data_type & BITS_LEFT) != 0)
        return INFLATE_BROKEN;
    if (z->data_type & IN_LAST_BLOCK)
        inflateResetKeep(z);
    return INFLATE_MORE;
}

void inflate_end(struct deflate *deflate)
{
    if (deflate->inflater == NULL || deflate->terms.client_takeover)
        return;
    give_back(deflate->shared, deflate->inflater);
    deflate->inflater = NULL;
}

size_t inflate_held(const struct deflate *deflate)
{
    if (deflate->inflater == NULL || deflate->terms.client_takeover)
        return 0;
    return sizeof *deflate->inflater + deflate->inflater->held;
}

struct scratch *inflate_scratch(struct deflate *deflate)
{
    return &deflate->shared->inflated;
}
