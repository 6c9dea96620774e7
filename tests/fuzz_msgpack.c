/*
 * tests/fuzz_msgpack: what the reader takes, the writer writes in no more bytes, and the reader
 * takes again; and a look finds the type that the tree has.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <json-c/json.h>

#include "base/text.h"
#include "base/value.h"
#include "layer/msgpack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool fact)
{
    if (!fact)
        abort();
}

static bool transcode(const void *data, size_t size, struct text *out)
{
    struct msgpack_writer writer;

    msgpack_writer_init(&writer, out);
    return msgpack_tell(data, size, &writer.sink);
}

static void must_write_the_same_twice(const uint8_t *data, size_t size)
{
    struct text once = {0}, twice = {0};

    must(transcode(data, size, &once));
    must(transcode(once.data, once.size, &twice));
    must(once.size == twice.size && memcmp(once.data, twice.data, once.size) == 0);
    text_free(&once);
    text_free(&twice);
}

static void must_find_what_the_tree_has(const uint8_t *data, size_t size, struct json_object *value)
{
    struct msgpack_event event;
    struct json_object *type = NULL;
    bool is_map = json_object_is_type(value, json_type_object), has_type;

    must(msgpack_look(data, size, &event) == is_map);
    if (!is_map)
        return;
    must(event.addressed == json_object_object_get_ex(value, MSGPACK_ADDRESS, NULL));
    has_type = json_object_object_get_ex(value, "type", &type) &&
               json_object_is_type(type, json_type_string) && !value_is_bytes(type);
    must((event.type.data != NULL) == has_type);
    if (has_type)
        must(slice_equal(event.type, (struct slice){json_object_get_string(type),
                                                    (size_t)json_object_get_string_len(type)}));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct msgpack_event event;
    struct json_object *value;

    if (!msgpack_decode(data, size, &value)) {
        must(!msgpack_look(data, size, &event));
        return 0;
    }
    must_write_the_same_twice(data, size);
    must_find_what_the_tree_has(data, size, value);
    json_object_put(value);
    return 0;
}
