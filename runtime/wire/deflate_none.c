/*
 * wire/deflate_none: what stands for wire/deflate and wire/inflate in a build without zlib.
 *
 * No offer is agreed to, so no connection has a struct deflate, and what would be done with one is
 * never called.
 */
#include "base/mem.h"
#include "wire/deflate.h"
#include "wire/inflate.h"

struct deflate_shared {
    char nothing;
};

bool deflate_available(void)
{
    return false;
}

struct deflate_shared *deflate_shared_new(void)
{
    return mem_zalloc(sizeof(struct deflate_shared));
}

void deflate_shared_free(struct deflate_shared *shared)
{
    mem_free(shared);
}

void deflate_shared_trim(struct deflate_shared *shared)
{
    (void)shared;
}

size_t deflate_shared_held(const struct deflate_shared *shared)
{
    return sizeof *shared;
}

struct deflate *deflate_new(struct deflate_shared *shared, const struct deflate_terms *terms,
                            unsigned level)
{
    (void)shared, (void)terms, (void)level;
    return NULL;
}

void deflate_free(struct deflate *deflate)
{
    (void)deflate;
}

size_t deflate_held(const struct deflate *deflate)
{
    (void)deflate;
    return 0;
}

const struct deflate_terms *deflate_terms_of(const struct deflate *deflate)
{
    (void)deflate;
    return NULL;
}

enum deflate_result deflate_message(struct deflate *deflate, struct slice payload,
                                    struct slice *out)
{
    (void)deflate, (void)payload, (void)out;
    return DEFLATE_LARGER;
}

enum deflate_result deflate_once(struct deflate_shared *shared, unsigned bits, unsigned level,
                                 struct slice payload, struct slice *out)
{
    (void)shared, (void)bits, (void)level, (void)payload, (void)out;
    return DEFLATE_LARGER;
}

enum inflate_result inflate_some(struct deflate *deflate, struct slice *in, uint8_t *out,
                                 size_t room, size_t *written)
{
    (void)deflate, (void)in, (void)out, (void)room, (void)written;
    return INFLATE_FAILED;
}

enum inflate_result inflate_finish(struct deflate *deflate)
{
    (void)deflate;
    return INFLATE_FAILED;
}

void inflate_end(struct deflate *deflate)
{
    (void)deflate;
}

size_t inflate_held(const struct deflate *deflate)
{
    (void)deflate;
    return 0;
}

struct scratch *inflate_scratch(struct deflate *deflate)
{
    (void)deflate;
    return NULL;
}
