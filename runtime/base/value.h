/*
 * base/value: a JSON value told piece by piece, so that any source meets any sink.
 *
 * Sources: a template with its arguments (base/template), a json-c tree (value_tell), msgpack
 * bytes (layer/msgpack). Sinks: JSON text (base/json), msgpack bytes (layer/msgpack), a json-c
 * tree (value_builder). So `sluice_send_json` writes JSON text without making a tree, and
 * `sluice_group_send` msgpack.
 *
 * Values are JSON's, and what events may hold besides: bytes, and doubles that are not finite.
 * A sink that has no such thing answers false, or puts null, and says which in its own header.
 */
#ifndef BASE_VALUE_H
#define BASE_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json_object;

#define VALUE_DEPTH_MAX 64 /* arrays and maps within each other */

/* What a value is told to. Each function gives false when it can't go on; the source then stops
 * and gives false too. Counts are known when a container begins. Keys and strings are UTF-8,
 * and keys hold no zero byte: json-c's end at one, so that two keys could become the same. */
struct value_sink {
    bool (*null)(struct value_sink *sink);
    bool (*boolean)(struct value_sink *sink, bool value);
    bool (*integer)(struct value_sink *sink, int64_t value);
    bool (*natural)(struct value_sink *sink, uint64_t value); /* for what is above INT64_MAX */
    bool (*real)(struct value_sink *sink, double value);
    bool (*string)(struct value_sink *sink, const char *data, size_t size);
    bool (*bytes)(struct value_sink *sink, const void *data, size_t size);
    bool (*array_begin)(struct value_sink *sink, size_t count);
    bool (*array_end)(struct value_sink *sink);
    bool (*map_begin)(struct value_sink *sink, size_t count);
    bool (*key)(struct value_sink *sink, const char *data, size_t size);
    bool (*map_end)(struct value_sink *sink);
    /* NULL, or: takes over a reference to a tree, which becomes part of what the sink makes. Where
     * it gives false the reference stays the caller's. */
    bool (*tree)(struct value_sink *sink, struct json_object *value);
    /* NULL, or: takes what comes up to some inner value as JSON text that was made before, and
     * behind which `depth` containers are open and no comma is due. */
    bool (*json)(struct value_sink *sink, const char *data, size_t size, unsigned depth);
};

/* Tells a json-c tree (NULL is null). False: too deep, a string or key that is not UTF-8, or the
 * sink said so. */
bool value_tell(struct json_object *value, struct value_sink *sink);

/* A sink that makes a json-c tree. Of a repeated key the last value counts, at the first one's
 * place. A key with a zero byte is refused. A tree that is handed over becomes part as it is,
 * unchecked.
 *
 * json-c seeds its string hash from the kernel's randomness, once a process, so that a sender
 * can't choose keys that all fall into one place of a table. */
struct value_builder {
    struct value_sink sink;
    struct json_object *stack[VALUE_DEPTH_MAX]; /* open containers, outermost first */
    unsigned depth;
    char *key;         /* waiting for its value */
    char key_room[48]; /* where a short one waits */
    struct json_object *result;
    bool done;
    bool no_memory; /* that is why a function gave false */
};

void value_builder_init(struct value_builder *builder);
/* What was built, the caller's; after false from the source, frees what there is and gives NULL. */
struct json_object *value_builder_take(struct value_builder *builder, bool ok);

/* Bytes that are not text, as a json-c value that knows it is bytes; NULL without memory. It is a
 * json-c string, which json-c itself prints as null; json_object_deep_copy refuses it. */
struct json_object *value_bytes_new(const void *data, size_t size);
bool value_is_bytes(const struct json_object *value);
const void *value_bytes(const struct json_object *value, size_t *size); /* NULL: it is none */

#endif
