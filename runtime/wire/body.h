/*
 * wire/body: the body of a request, read to be thrown away: where does it end?
 *
 * Nothing of a body is kept. What counts is that its last byte is found where everybody else finds
 * it, so that none of its bytes is ever read as a request: chunks are read by the grammar of RFC
 * 9112, section 7.1, and by nothing beside it. Bytes may come in any pieces.
 */
#ifndef WIRE_BODY_H
#define WIRE_BODY_H

#include <stdbool.h>
#include <stdint.h>

#include "wire/http.h"

struct body_limits {
    uint64_t size;          /* bytes of content; beyond: 413 */
    size_t extensions;      /* bytes of all chunk extensions together; beyond: 413 */
    size_t trailers;        /* bytes of all trailers together; beyond: 431 */
    unsigned trailer_count; /* beyond: 431 */
};

enum body_result {
    BODY_MORE,    /* it goes on */
    BODY_DONE,    /* its last byte was taken, or there is none */
    BODY_REFUSED, /* answer with body->status and close: where the next request begins is unknown */
};

/* A body on its way; all plain. */
struct body {
    uint8_t place;     /* body.c's own: what is awaited */
    uint8_t digits;    /* of the chunk size so far */
    bool chunked;      /* else its length is known */
    uint64_t left;     /* bytes of content that are still to come; of this chunk, where chunked */
    uint64_t size;     /* bytes of content, with those of the present chunk */
    size_t extensions; /* bytes of them so far */
    size_t trailers;   /* the same */
    unsigned trailer_count; /* those that are whole */
    unsigned status;        /* of a refusal: 400, 413, 431 */
    const char *why;        /* of a refusal: a literal for the log */
};

/* The body of a request that http_parse took: is there one, and may it come? */
enum body_result body_begin(struct body *body, const struct http_request *request,
                            const struct body_limits *limits);

/* Reads on: `*taken` bytes of `data` are the body's, all of them unless it ends there. */
enum body_result body_read(struct body *body, const struct body_limits *limits, const char *data,
                           size_t size, size_t *taken);

#endif
