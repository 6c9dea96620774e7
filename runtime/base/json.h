/*
 * base/json: JSON text, in and out.
 *
 * In: RFC 8259 to the letter, by a parser of our own. json-c's is lenient ({'a':1}, NaN and control
 * bytes in strings pass), cuts keys at a zero byte, makes 1e400 an infinity, and takes several
 * times as long; its trees are what we make.
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include "base/text.h"
#include "base/value.h"

/* Parses one JSON value, blanks around it allowed, at most VALUE_DEPTH_MAX deep, UTF-8 throughout.
 * False: it is not JSON, or memory ran out. `*value` is the caller's; NULL for JSON's null.
 *
 * An integer above INT64_MAX becomes json-c's unsigned one, one beyond 64 bits a double; -0 is the
 * integer 0. Of a repeated key the last value counts. Refused though RFC 8259 would let it pass: a
 * number beyond a double or of more than 1,100 digits, half a surrogate pair, a key with a zero
 * byte, a byte order mark. */
bool json_parse(const char *data, size_t size, struct json_object **value);

/* A sink that appends JSON text: no blanks, non-ASCII as it is, control bytes escaped. Bytes
 * answer false (and set `bytes`); a double that is not finite becomes null. False also: deeper
 * than VALUE_DEPTH_MAX, or out->failed. What was written before stays. */
struct json_writer {
    struct value_sink sink;
    struct text *out;
    uint64_t comma; /* bit n: the next thing at depth n + 1 has a comma before it */
    unsigned depth;
    bool bytes; /* it was bytes that could not be written */
};

void json_writer_init(struct json_writer *writer, struct text *out);

#endif
