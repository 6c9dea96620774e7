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

/* False in a build without zlib: no offer is then agreed to, and the rest of this is never used. */
bool deflate_available(void);

/* Streams and buffers for all connections of one loop; its thread only. */
struct deflate_shared;

struct deflate_shared *deflate_shared_new(void); /* NULL without memory; holds little until used */
void deflate_shared_free(struct deflate_shared *shared); /* after all that use it */
/* Frees what was not used since the last call. To be called now and then, while nobody looks at
 * what deflate_message, deflate_once or a reader of one of its connections handed out. */
void deflate_shared_trim(struct deflate_shared *shared);
size_t deflate_shared_held(const struct deflate_shared *shared); /* bytes of memory */

/* One connection's share in the extension. Owned by its connection, through message_reader. */
struct deflate;

struct deflate *deflate_new(struct deflate_shared *shared, const struct deflate_terms *terms,
                            unsigned level); /* 1 to 9; NULL without memory */
void deflate_free(struct deflate *deflate);  /* NULL: nothing */
/* Bytes of memory that it keeps between messages, its streams too: message_held has what a message
 * that is half there needs beside them. */
size_t deflate_held(const struct deflate *deflate);
const struct deflate_terms *deflate_terms_of(const struct deflate *deflate);

enum deflate_result {
    DEFLATE_DONE,
    DEFLATE_LARGER, /* compressed it would be no smaller: to be sent as it is. Without takeover */
    DEFLATE_FAILED, /* no memory. Nothing has changed: the message may be sent as it is */
};

/* Compresses a message that is to be sent in one frame with RSV1. `out` is valid until the next
 * message is compressed with the same `shared`; what a reader has handed out stays valid. With
 * takeover, what is DEFLATE_DONE has to be sent, and in that order. */
enum deflate_result deflate_message(struct deflate *deflate, struct slice payload,
                                    struct slice *out);
/* The same for all who agreed to no takeover with that window, or a larger one: once for a group.
 */
enum deflate_result deflate_once(struct deflate_shared *shared, unsigned bits, unsigned level,
                                 struct slice payload, struct slice *out);

#endif
