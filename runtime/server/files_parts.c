/*
 * server/files_parts: several ranges of a file as one answer: multipart/byteranges.
 *
 * The parts are told one after the other, as they are sent, so that a file is never in memory. What
 * stands between them is written by one function, whoever asks: who sends it, or who counts it.
 */
#include "server/files_parts.h"

#include <inttypes.h>

#include "base/mem.h"
#include "base/random.h"

#define BOUNDARY_BYTES 16

struct files_parts {
    struct ranges ranges;
    unsigned next;
    uint64_t size; /* of the file */
    const char *type;
    char boundary[2 * BOUNDARY_BYTES + 1]; /* random, so that no file holds it */
};

struct files_parts *files_parts_new(const struct ranges *ranges, uint64_t size, const char *type)
{
    struct files_parts *parts = mem_zalloc(sizeof *parts);
    uint8_t bytes[BOUNDARY_BYTES];

    if (parts == NULL || !random_bytes(bytes, sizeof bytes)) {
        mem_free(parts);
        return NULL;
    }
    text_hex(parts->boundary, bytes, sizeof bytes);
    parts->ranges = *ranges;
    parts->size = size;
    parts->type = type;
    return parts;
}

void files_parts_free(struct files_parts *parts)
{
    mem_free(parts);
}

void files_parts_field(const struct files_parts *parts, struct text *fields)
{
    text_addf(fields, "Content-Type: multipart/byteranges; boundary=%s\r\n", parts->boundary);
}

void files_parts_range(struct text *out, struct range range, uint64_t size)
{
    text_addf(out, "Content-Range: bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64 "\r\n", range.offset,
              range.offset + range.size - 1, size);
}

bool files_parts_next(struct files_parts *parts, struct text *out, struct range *range)
{
    if (parts->next == parts->ranges.count) {
        text_addf(out, "\r\n--%s--\r\n", parts->boundary);
        return false;
    }
    *range = parts->ranges.list[parts->next];
    text_addf(out, "%s--%s\r\nContent-Type: %s\r\n", parts->next > 0 ? "\r\n" : "", parts->boundary,
              parts->type);
    files_parts_range(out, *range, parts->size);
    text_add_str(out, "\r\n");
    parts->next++;
    return true;
}

bool files_parts_size(const struct files_parts *parts, uint64_t *size)
{
    struct files_parts copy = *parts;
    struct text between = {0};
    struct range range;

    *size = 0;
    while (files_parts_next(&copy, &between, &range))
        *size += range.size;
    *size += between.size;
    bool failed = between.failed;
    text_free(&between);
    return !failed;
}
