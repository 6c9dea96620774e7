/*
 * wire/deflate_parts: what wire/deflate and wire/inflate share, and nobody else sees.
 */
#ifndef WIRE_DEFLATE_PARTS_H
#define WIRE_DEFLATE_PARTS_H

#define ZLIB_CONST
#include <zlib.h>

#include "wire/deflate.h"
#include "wire/inflate.h"

#define BITS_MAX   15
#define SPARES_MAX 4

/* Their addresses are known to zlib: they don't move. */
struct compressor {
    z_stream z;
    size_t held; /* bytes that zlib has allocated */
    unsigned level;
    bool used; /* since the last trim */
};

struct inflater {
    z_stream z;
    size_t held;
    unsigned bits;
    bool used;
};

struct deflate_shared {
    struct compressor *compressors[BITS_MAX + 1]; /* by their window; NULL: not made yet */
    struct inflater *spares[SPARES_MAX]; /* which no message uses now; the last one latest */
    unsigned spare_count;
    struct scratch compressed, inflated;
};

struct deflate {
    struct deflate_shared *shared;
    struct deflate_terms terms;
    unsigned level;
    struct compressor *compressor; /* its own, with takeover; NULL: not made yet */
    struct inflater *inflater;     /* with takeover its own, else the present message's, or NULL */
};

/* zlib's zalloc and zfree; `held` is the count of a stream. */
voidpf deflate_zalloc(voidpf held, uInt count, uInt size);
void deflate_zfree(voidpf held, voidpf memory);

/* zlib counts what it is given at once with an uInt. */
uInt deflate_part(size_t size);

void inflater_free(struct inflater *inflater); /* NULL: nothing */

#endif
