/*
 * tests/fuzz_json: what our parser takes, json-c takes and understands alike; and what we write of
 * it is read back as the same.
 *
 * Two things json-c 0.16 gets wrong: integers beyond 64 bits, which it cuts, and escaped characters
 * such as U+1DE00, whose lower half looks like a surrogate, which become U+FFFD.
 */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <json-c/json.h>

#include "base/json.h"
#include "base/text.h"
#include "base/value.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool fact)
{
    if (!fact)
        abort();
}

static struct json_object *parse_by_jsonc(const char *data, size_t size)
{
    struct json_tokener *tokener = json_tokener_new_ex(VALUE_DEPTH_MAX + 1);
    struct json_object *value;

    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
    value = json_tokener_parse_ex(tokener, data, (int)size);
    if (value == NULL && json_tokener_get_error(tokener) == json_tokener_continue)
        value = json_tokener_parse_ex(tokener, "", 1); /* a number ends where the text does */
    must(json_tokener_get_error(tokener) == json_tokener_success);
    json_tokener_free(tokener);
    return value;
}

static bool has_replacement(struct json_object *string)
{
    return memmem(json_object_get_string(string), (size_t)json_object_get_string_len(string),
                  "\xef\xbf\xbd", 3) != NULL;
}

static bool alike(struct json_object *ours, struct json_object *theirs);

static bool alike_arrays(struct json_object *ours, struct json_object *theirs)
{
    size_t count = json_object_array_length(ours);

    if (json_object_array_length(theirs) != count)
        return false;
    for (size_t i = 0; i < count; i++)
        if (!alike(json_object_array_get_idx(ours, i), json_object_array_get_idx(theirs, i)))
            return false;
    return true;
}

static bool alike_maps(struct json_object *ours, struct json_object *theirs)
{
    if (json_object_object_length(ours) != json_object_object_length(theirs))
        return false;
    json_object_object_foreach (ours, key, value) {
        struct json_object *other;

        if (!json_object_object_get_ex(theirs, key, &other) || !alike(value, other))
            return false;
    }
    return true;
}

static bool alike(struct json_object *ours, struct json_object *theirs)
{
    if (json_object_is_type(ours, json_type_double) && json_object_is_type(theirs, json_type_int))
        return fabs(json_object_get_double(ours)) >= 9223372036854775808.0;
    if (json_object_get_type(ours) != json_object_get_type(theirs))
        return false;
    if (json_object_is_type(ours, json_type_array))
        return alike_arrays(ours, theirs);
    if (json_object_is_type(ours, json_type_object))
        return alike_maps(ours, theirs);
    return json_object_equal(ours, theirs) ||
           (json_object_is_type(ours, json_type_string) && has_replacement(theirs));
}

static void must_write_and_read_back(struct json_object *value)
{
    struct text out = {0};
    struct json_writer writer;
    struct json_object *again;

    json_writer_init(&writer, &out);
    must(value_tell(value, &writer.sink));
    must(json_parse(out.data, out.size, &again));
    must(json_object_equal(value, again));
    json_object_put(again);
    text_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct json_object *value, *theirs;

    if (!json_parse((const char *)data, size, &value))
        return 0;
    theirs = parse_by_jsonc((const char *)data, size);
    must(alike(value, theirs));
    must_write_and_read_back(value);
    json_object_put(theirs);
    json_object_put(value);
    return 0;
}
