/*
 * wire/deflate: compressed messages (RFC 7692, section 7.2), over zlib.
 *
 * What a connection needs depends on what it agreed to. Without context takeover it needs nothing
 * of its own between two messages: one compressor and one decompressor a loop serve all of them.
 * With takeover, each direction that keeps its window has a stream of its own, made with the first
 * message that needs it.
 */
#ifndef WIRE_DEFLATE_H
#define WIRE_DEFLATE_H

#include "wire/extension.h"

/* Streams and buffers for all connections of one loop; its thread only. */
struct deflate_shared;

struct deflate_shared *deflate_shared_new(void); /* NULL without memory; holds little until used */
void deflate_shared_free(struct deflate_shared *shared); /* after all that use it */
/* Frees what was not used since the last call. To be called now and then. */
void deflate_shared_trim(struct deflate_shared *shared);

/* One connection's share in the extension. Owned by its connection, through message_reader. */
struct deflate;

struct deflate *deflate_new(struct deflate_shared *shared, const struct deflate_terms *terms,
                            unsigned level);        /* 1 to 9; NULL without memory */
void deflate_free(struct deflate *deflate);         /* NULL: nothing */
size_t deflate_held(const struct deflate *deflate); /* bytes of memory it holds, its streams too */
const struct deflate_terms *deflate_terms_of(const struct deflate *deflate);

enum deflate_result {
    DEFLATE_DONE,
    DEFLATE_LARGER, /* compressed it would be no smaller: to be sent as it is. Without takeover */
    DEFLATE_FAILED, /* no memory */
};

/* Compresses a message that is to be sent in one frame with RSV1. `out` is valid until the next
 * call with the same `shared`. With takeover, what is DEFLATE_DONE has to be sent. */
enum deflate_result deflate_message(struct deflate *deflate, struct slice payload,
                                    struct slice *out);
/* The same for all who agreed to no takeover with that window: once for a group. */
enum deflate_result deflate_once(struct deflate_shared *shared, unsigned bits, unsigned level,
                                 struct slice payload, struct slice *out);

#endif
