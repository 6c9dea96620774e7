/*
 * server/files_parts: several ranges of a file as one answer: multipart/byteranges.
 */
#ifndef SERVER_FILES_PARTS_H
#define SERVER_FILES_PARTS_H

#include "wire/range.h"

/* An answer on its way: of one request, then of the connection that sends it. */
struct files_parts;

/* Of a file of `size` bytes, of a type that is a literal. NULL: no memory. */
struct files_parts *files_parts_new(const struct ranges *ranges, uint64_t size, const char *type);
void files_parts_free(struct files_parts *parts); /* NULL is fine */

/* The Content-Type of the whole, as a field line. */
void files_parts_field(const struct files_parts *parts, struct text *fields);
/* Bytes of the whole. False: no memory. */
bool files_parts_size(const struct files_parts *parts, uint64_t *size);

/* Appends the Content-Range field of a range of a file of that size. */
void files_parts_range(struct text *out, struct range range, uint64_t size);

/* Appends what stands in front of the next part, and says which bytes it is. False: there is no
 * further one, and what was appended is the end. */
bool files_parts_next(struct files_parts *parts, struct text *out, struct range *range);

#endif
