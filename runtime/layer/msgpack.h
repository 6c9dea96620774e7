/*
 * layer/msgpack: events as bytes, the same ones that Python's msgpack makes of them, so that sluice
 * and Django processes share one Redis.
 *
 * The reader believes nothing: no length before its bytes are there, no nesting deeper than
 * VALUE_DEPTH_MAX. What JSON values, bytes and non-finite doubles can't say is refused: extension
 * types and timestamps, keys that are not text or hold a zero byte, text that is not UTF-8,
 * anything behind the value.
 */
#ifndef LAYER_MSGPACK_H
#define LAYER_MSGPACK_H

#include "base/text.h"
#include "base/value.h"

/* A sink that appends msgpack: each value in its shortest form, doubles always as float64. False:
 * deeper than VALUE_DEPTH_MAX, something of 4 GiB or more, or out->failed. What was written before
 * stays. */
struct msgpack_writer {
    struct value_sink sink;
    struct text *out;
    unsigned depth;
};

void msgpack_writer_init(struct msgpack_writer *writer, struct text *out);

/* Tells one value, all of the bytes. False: they are not such a value, or the sink said so. */
bool msgpack_tell(const void *data, size_t size, struct value_sink *sink);

/* The same from and to json-c. `*value` is the caller's; of a repeated key the last value counts.
 * False: see msgpack_tell and value_builder; or value_tell and the writer. */
bool msgpack_decode(const void *data, size_t size, struct json_object **value);
bool msgpack_encode(struct json_object *value, struct text *out);

#define MSGPACK_ADDRESS "__asgi_channel__" /* the key that says who is to hear it */

/* What a layer asks of an event, found without making a tree. */
struct msgpack_event {
    struct slice type; /* into the bytes; data NULL: it has none, or one that is not text */
    bool addressed;    /* has a MSGPACK_ADDRESS, which nobody may send */
};

/* False: the bytes are not one map as msgpack_tell would tell it. */
bool msgpack_look(const void *data, size_t size, struct msgpack_event *event);

#endif
