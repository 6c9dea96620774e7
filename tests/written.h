/*
 * tests/written: a json-c tree as the JSON text that base/json makes of it, for its tests.
 */
#ifndef TESTS_WRITTEN_H
#define TESTS_WRITTEN_H

#include <check.h>
#include <string.h>

#include "base/json.h"

static inline bool write_value(struct json_object *value, struct text *out)
{
    struct json_writer writer;

    json_writer_init(&writer, out);
    return value_tell(value, &writer.sink);
}

static inline void assert_written(struct json_object *value, const char *text)
{
    struct text out = {0};

    ck_assert(write_value(value, &out));
    ck_assert_str_eq(out.data, text);
    ck_assert_uint_eq(out.size, strlen(text));
    text_free(&out);
}

#endif
