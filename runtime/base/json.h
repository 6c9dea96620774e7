/*
 * base/json: JSON text, in and out.
 *
 * In: RFC 8259 to the letter. json-c is lenient (it takes {'a':1}, NaN, control bytes in strings),
 * so a scan of our own says first whether the text is JSON; json-c then makes the tree.
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include "base/text.h"
#include "base/value.h"

/* Parses one JSON value, blanks around it allowed, at most VALUE_DEPTH_MAX deep, UTF-8 throughout.
 * False: it is not JSON, or memory ran out. `*value` is the caller's; NULL for JSON's null. An
 * integer above INT64_MAX becomes json-c's unsigned one, one beyond 64 bits a double. A tokener is
 * kept for each thread. */
bool json_parse(const char *data, size_t size, struct json_object **value);

/* A sink that appends JSON text: no blanks, non-ASCII as it is, control bytes escaped. Bytes
 * answer false (and set `bytes`); a double that is not finite becomes null. */
struct json_writer {
    struct value_sink sink;
    struct text *out;
    uint64_t comma; /* bit n: a value stands already in the container at depth n */
    unsigned depth;
    bool bytes; /* it was bytes that could not be written */
};

void json_writer_init(struct json_writer *writer, struct text *out);

#endif
