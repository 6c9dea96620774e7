/*
 * wire/inflate: the payload of compressed messages, inflated as it comes (RFC 7692, section 7.2.2).
 *
 * A window outlives its message only where takeover was agreed on. Elsewhere a message borrows a
 * stream when its first byte comes, and gives it back at its end, whatever the end is.
 */
#ifndef WIRE_INFLATE_H
#define WIRE_INFLATE_H

#include "wire/deflate.h"

enum inflate_result {
    INFLATE_MORE, /* all that was given is used up */
    INFLATE_FULL, /* there is no room left for what is still to come out: to be called again */
    INFLATE_BROKEN,
    INFLATE_FAILED, /* no memory */
};

/* Some of a message's payload: `in` goes on behind what was used up, `written` bytes were put to
 * `out`, which has room for at least one. */
enum inflate_result inflate_some(struct deflate *deflate, struct slice *in, uint8_t *out,
                                 size_t room, size_t *written);

/* The payload has ended: INFLATE_MORE where it may end, INFLATE_BROKEN elsewhere. */
enum inflate_result inflate_finish(struct deflate *deflate);

/* The message has ended, or is given up. Of no consequence where none had begun. */
void inflate_end(struct deflate *deflate);

/* Bytes of memory that the present message has borrowed. */
size_t inflate_held(const struct deflate *deflate);

/* Memory that is used again and again, for one thing at a time. */
struct scratch {
    uint8_t *data;
    size_t room; /* bytes allocated, but for one */
    size_t peak; /* bytes that were needed since it was last trimmed */
};

/* Where messages that came whole are inflated, for all connections of the loop. */
struct scratch *inflate_scratch(struct deflate *deflate);

#endif
