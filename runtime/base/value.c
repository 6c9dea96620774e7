/*
 * base/value: a JSON value told piece by piece, so that any source meets any sink.
 */
#include "base/value.h"

#include <limits.h>
#include <string.h>
#include <json-c/json.h>

#include "base/mem.h"
#include "base/number.h"
#include "base/utf8.h"

/* ---- A json-c tree as a source ---- */

static bool tell(struct json_object *value, struct value_sink *sink, unsigned depth);

static bool tell_integer(struct json_object *value, struct value_sink *sink)
{
    int64_t integer = json_object_get_int64(value);

    /* json-c cuts an unsigned one to this. */
    if (integer == INT64_MAX && json_object_get_uint64(value) > INT64_MAX)
        return sink->natural(sink, json_object_get_uint64(value));
    return sink->integer(sink, integer);
}

static bool tell_string(struct json_object *value, struct value_sink *sink)
{
    const char *data = json_object_get_string(value);
    size_t size = (size_t)json_object_get_string_len(value);

    if (value_is_bytes(value))
        return sink->bytes(sink, data, size);
    return utf8_valid(data, size) && sink->string(sink, data, size);
}

static bool tell_array(struct json_object *array, struct value_sink *sink, unsigned depth)
{
    size_t count = json_object_array_length(array);

    if (depth == VALUE_DEPTH_MAX || !sink->array_begin(sink, count))
        return false;
    for (size_t i = 0; i < count; i++)
        if (!tell(json_object_array_get_idx(array, i), sink, depth + 1))
            return false;
    return sink->array_end(sink);
}

static bool tell_map(struct json_object *map, struct value_sink *sink, unsigned depth)
{
    if (depth == VALUE_DEPTH_MAX || !sink->map_begin(sink, (size_t)json_object_object_length(map)))
        return false;
    json_object_object_foreach (map, key, value) {
        size_t size = strlen(key);

        if (!utf8_valid(key, size) || !sink->key(sink, key, size) || !tell(value, sink, depth + 1))
            return false;
    }
    return sink->map_end(sink);
}

static bool tell(struct json_object *value, struct value_sink *sink, unsigned depth)
{
    switch (json_object_get_type(value)) {
    case json_type_null:
        return sink->null(sink);
    case json_type_boolean:
        return sink->boolean(sink, json_object_get_boolean(value));
    case json_type_int:
        return tell_integer(value, sink);
    case json_type_double:
        return sink->real(sink, json_object_get_double(value));
    case json_type_string:
        return tell_string(value, sink);
    case json_type_array:
        return tell_array(value, sink, depth);
    case json_type_object:
        return tell_map(value, sink, depth);
    }
    return false;
}

bool value_tell(struct json_object *value, struct value_sink *sink)
{
    return tell(value, sink, 0);
}

/* ---- A json-c tree as a sink ---- */

static struct value_builder *builder_of(struct value_sink *sink)
{
    return (struct value_builder *)sink;
}

static void drop_key(struct value_builder *builder)
{
    if (builder->key != builder->key_room)
        mem_free(builder->key);
    builder->key = NULL;
}

/* Takes the reference over where it gives true. */
static bool place(struct value_builder *builder, struct json_object *value)
{
    if (builder->done)
        return false;
    if (builder->depth == 0) {
        builder->result = value;
        builder->done = true;
        return true;
    }

    struct json_object *parent = builder->stack[builder->depth - 1];
    int failed;

    if (json_object_is_type(parent, json_type_array)) {
        failed = json_object_array_add(parent, value);
    } else {
        if (builder->key == NULL)
            return false;
        failed = json_object_object_add(parent, builder->key, value);
        drop_key(builder);
    }
    builder->no_memory = failed != 0;
    return !builder->no_memory;
}

/* As place, of a value just made. */
static bool place_new(struct value_builder *builder, struct json_object *value)
{
    if (value == NULL) {
        builder->no_memory = true;
        return false;
    }
    if (place(builder, value))
        return true;
    json_object_put(value);
    return false;
}

static bool build_null(struct value_sink *sink)
{
    return place(builder_of(sink), NULL);
}

static bool build_boolean(struct value_sink *sink, bool value)
{
    return place_new(builder_of(sink), json_object_new_boolean(value));
}

static bool build_integer(struct value_sink *sink, int64_t value)
{
    return place_new(builder_of(sink), json_object_new_int64(value));
}

static bool build_natural(struct value_sink *sink, uint64_t value)
{
    return place_new(builder_of(sink), json_object_new_uint64(value));
}

/* json-c would print 0.1 as 0.10000000000000001, and NaN as what is no JSON. */
static int print_real(struct json_object *value, struct printbuf *out, int level, int flags)
{
    char text[NUMBER_ROOM];
    size_t size = number_write_real(text, json_object_get_double(value));

    (void)level;
    (void)flags;
    return printbuf_memappend(out, text, (int)size);
}

static bool build_real(struct value_sink *sink, double value)
{
    struct json_object *object = json_object_new_double(value);

    if (object != NULL)
        json_object_set_serializer(object, print_real, NULL, NULL);
    return place_new(builder_of(sink), object);
}

static struct json_object *string_new(const void *data, size_t size)
{
    if (size > INT_MAX - 1)
        return NULL;
    return json_object_new_string_len(size > 0 ? data : "", (int)size);
}

static bool build_string(struct value_sink *sink, const char *data, size_t size)
{
    return place_new(builder_of(sink), string_new(data, size));
}

static bool build_bytes(struct value_sink *sink, const void *data, size_t size)
{
    return place_new(builder_of(sink), value_bytes_new(data, size));
}

/* A container belongs to its parent from its beginning on: whatever happens, the outermost one
 * owns all. No count is taken as a hint for room: arrays within arrays that each announce a
 * million elements would cost far more than the text they came in. */
static bool open_container(struct value_builder *builder, struct json_object *container)
{
    if (builder->depth == VALUE_DEPTH_MAX) {
        json_object_put(container);
        return false;
    }
    if (container == NULL) {
        builder->no_memory = true;
        return false;
    }
    if ((builder->depth > 0 || builder->done) && !place_new(builder, container))
        return false;
    builder->stack[builder->depth++] = container;
    return true;
}

static bool close_container(struct value_builder *builder)
{
    if (builder->depth == 0 || builder->key != NULL)
        return false;
    if (--builder->depth == 0) {
        builder->result = builder->stack[0];
        builder->done = true;
    }
    return true;
}

#define ARRAY_ROOM 4 /* elements at first; json-c's own choice of 32 is wasteful for points */

static bool build_array_begin(struct value_sink *sink, size_t count)
{
    (void)count;
    return open_container(builder_of(sink), json_object_new_array_ext(ARRAY_ROOM));
}

static bool build_map_begin(struct value_sink *sink, size_t count)
{
    (void)count;
    return open_container(builder_of(sink), json_object_new_object());
}

static bool build_end(struct value_sink *sink)
{
    return close_container(builder_of(sink));
}

static bool build_key(struct value_sink *sink, const char *data, size_t size)
{
    struct value_builder *builder = builder_of(sink);

    if (builder->depth == 0 || builder->key != NULL || memchr(data, '\0', size) != NULL)
        return false;
    if (size < sizeof builder->key_room) {
        memcpy(builder->key_room, data, size);
        builder->key_room[size] = '\0';
        builder->key = builder->key_room;
        return true;
    }
    builder->key = mem_strndup(data, size);
    builder->no_memory = builder->key == NULL;
    return !builder->no_memory;
}

static bool build_tree(struct value_sink *sink, struct json_object *value)
{
    return place(builder_of(sink), value);
}

void value_builder_init(struct value_builder *builder)
{
    static const struct value_sink sink = {
        .null = build_null,
        .boolean = build_boolean,
        .integer = build_integer,
        .natural = build_natural,
        .real = build_real,
        .string = build_string,
        .bytes = build_bytes,
        .array_begin = build_array_begin,
        .array_end = build_end,
        .map_begin = build_map_begin,
        .key = build_key,
        .map_end = build_end,
        .tree = build_tree,
    };

    builder->sink = sink;
    builder->depth = 0;
    builder->key = NULL;
    builder->result = NULL;
    builder->done = false;
    builder->no_memory = false;
}

struct json_object *value_builder_take(struct value_builder *builder, bool ok)
{
    struct json_object *result = builder->depth > 0 ? builder->stack[0] : builder->result;

    ok = ok && builder->done;
    drop_key(builder);
    builder->result = NULL;
    builder->depth = 0;
    if (!ok) {
        json_object_put(result);
        return NULL;
    }
    return result;
}

/* ---- Bytes ---- */

static char bytes_mark; /* its address, as an object's userdata, says: bytes */

static int print_bytes(struct json_object *value, struct printbuf *out, int level, int flags)
{
    (void)value;
    (void)level;
    (void)flags;
    return printbuf_memappend(out, "null", 4);
}

struct json_object *value_bytes_new(const void *data, size_t size)
{
    struct json_object *bytes = string_new(data, size);

    if (bytes != NULL)
        json_object_set_serializer(bytes, print_bytes, &bytes_mark, NULL);
    return bytes;
}

bool value_is_bytes(const struct json_object *value)
{
    /* json-c's getters take no const, and change nothing. */
    struct json_object *object = (struct json_object *)value;

    return json_object_is_type(object, json_type_string) &&
           json_object_get_userdata(object) == &bytes_mark;
}

const void *value_bytes(const struct json_object *value, size_t *size)
{
    struct json_object *object = (struct json_object *)value;

    if (!value_is_bytes(value))
        return NULL;
    *size = (size_t)json_object_get_string_len(object);
    return json_object_get_string(object);
}
