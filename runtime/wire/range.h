/*
 * wire/range: a Range field: which bytes of a file are asked for (RFC 9110, section 14).
 *
 * What can be read is bounded and made harmless first: at most RANGES_MAX ranges, and those that
 * touch or overlap become one, so that no byte is ever sent twice for one request.
 */
#ifndef WIRE_RANGE_H
#define WIRE_RANGE_H

#include <stdint.h>

#include "base/text.h"

#define RANGES_MAX 16

/* Bytes of a file; never empty, never beyond its end. */
struct range {
    uint64_t offset, size;
};

struct ranges {
    unsigned count;
    struct range list[RANGES_MAX]; /* apart from each other; in the order asked for */
};

enum range_result {
    RANGE_IGNORED, /* the field means nothing to us: the whole file */
    RANGE_TAKEN,   /* ranges is filled in, and not empty */
    RANGE_BEYOND,  /* none of them begins within the file: 416 */
};

/* Reads the value of a Range field about a file of `size` bytes. */
enum range_result range_parse(struct slice value, uint64_t size, struct ranges *ranges);

#endif
