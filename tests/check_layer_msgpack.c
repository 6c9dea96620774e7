/*
 * tests/check_layer_msgpack: the codec, against what Python's msgpack writes and reads.
 */
#include <check.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <json-c/json.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/value.h"
#include "layer/msgpack.h"
#include "suite.h"

/* ---- The vectors ---- */

static struct json_object *vectors; /* owns the rows */

/* Rows of one list of tests/vectors/msgpack.json, read by json-c: it goes deeper than json_parse.
 */
static struct json_object *rows(const char *list)
{
    const char *srcdir = getenv("srcdir");
    struct json_tokener *tokener = json_tokener_new_ex(1000);
    char path[4096], block[4096];
    FILE *file;
    size_t size;

    snprintf(path, sizeof path, "%s/tests/vectors/msgpack.json", srcdir != NULL ? srcdir : ".");
    file = fopen(path, "rb");
    ck_assert_msg(file != NULL, "%s: %s", path, strerror(errno));
    vectors = NULL;
    while (vectors == NULL && (size = fread(block, 1, sizeof block, file)) > 0)
        vectors = json_tokener_parse_ex(tokener, block, (int)size);
    ck_assert_int_eq(json_tokener_get_error(tokener), json_tokener_success);
    json_tokener_free(tokener);
    fclose(file);
    return json_object_object_get(vectors, list);
}

static const char *member(struct json_object *row, const char *key)
{
    return json_object_get_string(json_object_object_get(row, key));
}

static struct text from_hex(const char *hex)
{
    struct text bytes = {0};

    for (; *hex != '\0'; hex += 2) {
        unsigned byte;

        ck_assert_int_eq(sscanf(hex, "%2x", &byte), 1);
        text_add_byte(&bytes, (char)byte);
    }
    return bytes;
}

static bool is(struct json_object *typed, const char *type)
{
    return strcmp(json_object_get_string(json_object_array_get_idx(typed, 0)), type) == 0;
}

static struct json_object *value_of(struct json_object *typed);

static struct json_object *integer_of(const char *digits)
{
    return digits[0] == '-' ? json_object_new_int64(strtoll(digits, NULL, 10))
                            : json_object_new_uint64(strtoull(digits, NULL, 10));
}

static struct json_object *double_of(const char *hex)
{
    uint64_t bits = strtoull(hex, NULL, 16);
    double value;

    memcpy(&value, &bits, sizeof value);
    return json_object_new_double(value);
}

static struct json_object *bytes_of(const char *hex)
{
    struct text bytes = from_hex(hex);
    struct json_object *value = value_bytes_new(bytes.data, bytes.size);

    text_free(&bytes);
    return value;
}

static struct json_object *array_of(struct json_object *elements)
{
    struct json_object *array = json_object_new_array();

    for (size_t i = 0; i < json_object_array_length(elements); i++)
        json_object_array_add(array, value_of(json_object_array_get_idx(elements, i)));
    return array;
}

static struct json_object *map_of(struct json_object *pairs)
{
    struct json_object *map = json_object_new_object();

    for (size_t i = 0; i < json_object_array_length(pairs); i++) {
        struct json_object *pair = json_object_array_get_idx(pairs, i);
        struct json_object *key = json_object_array_get_idx(pair, 0);

        ck_assert(is(key, "str"));
        json_object_object_add(map, json_object_get_string(json_object_array_get_idx(key, 1)),
                               value_of(json_object_array_get_idx(pair, 1)));
    }
    return map;
}

/* What a typed value of the vectors stands for. */
static struct json_object *value_of(struct json_object *typed)
{
    struct json_object *what = json_object_array_get_idx(typed, 1);

    if (is(typed, "nil"))
        return NULL;
    if (is(typed, "bool"))
        return json_object_get(what);
    if (is(typed, "int"))
        return integer_of(json_object_get_string(what));
    if (is(typed, "float"))
        return double_of(json_object_get_string(what));
    if (is(typed, "str"))
        return json_object_get(what);
    if (is(typed, "bin"))
        return bytes_of(json_object_get_string(what));
    if (is(typed, "array"))
        return array_of(what);
    ck_assert(is(typed, "map"));
    return map_of(what);
}

/* What Python takes and we refuse: extensions, and keys of bytes. */
static bool beyond_us(struct json_object *typed)
{
    struct json_object *what = json_object_array_get_idx(typed, 1);

    if (is(typed, "ext"))
        return true;
    if (!is(typed, "map") || json_object_array_length(what) == 0)
        return false;
    return !is(json_object_array_get_idx(json_object_array_get_idx(what, 0), 0), "str");
}

/* How many arrays follow each other before anything else. */
static size_t depth_of(const struct text *bytes)
{
    return strspn(bytes->data, "\x91");
}

/* In a block of its exact size, so that the address sanitizer sees one byte too many. */
static bool decode(const void *data, size_t size, struct json_object **value)
{
    void *copy = malloc(size > 0 ? size : 1);
    bool ok;

    ck_assert_ptr_nonnull(copy);
    if (size > 0)
        memcpy(copy, data, size);
    ok = msgpack_decode(copy, size, value);
    free(copy);
    return ok;
}

/* The same value with the same bytes: json_object_equal takes no NaN for itself. */
static void assert_encoded(struct json_object *value, const struct text *bytes, const char *name)
{
    struct text out = {0};

    ck_assert_msg(msgpack_encode(value, &out), "refused: %s", name);
    ck_assert_msg(out.size == bytes->size && memcmp(out.data, bytes->data, out.size) == 0,
                  "other bytes: %s", name);
    text_free(&out);
}

START_TEST(python_s_values_have_python_s_bytes)
{
    struct json_object *list = rows("encode");

    for (size_t i = 0; i < json_object_array_length(list); i++) {
        struct json_object *row = json_object_array_get_idx(list, i), *value, *again;
        struct text bytes = from_hex(member(row, "hex")), out = {0};
        bool too_deep = depth_of(&bytes) > VALUE_DEPTH_MAX;

        value = value_of(json_object_object_get(row, "value"));
        if (too_deep) {
            ck_assert(!msgpack_encode(value, &out));
            ck_assert(!decode(bytes.data, bytes.size, &again));
        } else {
            assert_encoded(value, &bytes, member(row, "name"));
            ck_assert_msg(decode(bytes.data, bytes.size, &again), "%s", member(row, "name"));
            assert_encoded(again, &bytes, member(row, "name"));
        }
        json_object_put(again);
        json_object_put(value);
        text_free(&bytes);
        text_free(&out);
    }
    ck_assert_uint_gt(json_object_array_length(list), 50);
    json_object_put(vectors);
}
END_TEST

START_TEST(long_values_have_python_s_bytes)
{
    struct json_object *list = rows("encode_long");

    for (size_t i = 0; i < json_object_array_length(list); i++) {
        struct json_object *row = json_object_array_get_idx(list, i), *value;
        struct text bytes = from_hex(member(row, "head_hex")),
                    fill = from_hex(member(row, "fill_hex"));
        int64_t count = json_object_get_int64(json_object_object_get(row, "count"));

        for (int64_t n = 0; n < count; n++)
            text_add(&bytes, fill.data, fill.size);
        ck_assert_msg(decode(bytes.data, bytes.size, &value), "%s", member(row, "name"));
        if (strcmp(member(row, "kind"), "array") == 0)
            ck_assert_int_eq((int64_t)json_object_array_length(value), count);
        else
            ck_assert_int_eq(json_object_get_string_len(value), count);
        assert_encoded(value, &bytes, member(row, "name"));
        json_object_put(value);
        text_free(&bytes);
        text_free(&fill);
    }
    ck_assert_uint_gt(json_object_array_length(list), 10);
    json_object_put(vectors);
}
END_TEST

START_TEST(foreign_bytes_are_read_or_refused_as_python_does)
{
    struct json_object *list = rows("decode");
    unsigned taken = 0, refused = 0;

    for (size_t i = 0; i < json_object_array_length(list); i++) {
        struct json_object *row = json_object_array_get_idx(list, i), *typed, *value;
        struct text bytes = from_hex(member(row, "hex"));
        bool has_value = json_object_object_get_ex(row, "value", &typed) && typed != NULL;

        if (has_value && !beyond_us(typed)) {
            struct json_object *expected = value_of(typed);
            struct text out = {0};

            ck_assert_msg(decode(bytes.data, bytes.size, &value), "%s", member(row, "name"));
            ck_assert(msgpack_encode(expected, &out));
            assert_encoded(value, &out, member(row, "name"));
            text_free(&out);
            json_object_put(expected);
            json_object_put(value);
            taken++;
        } else {
            ck_assert_msg(!decode(bytes.data, bytes.size, &value), "%s", member(row, "name"));
            ck_assert_ptr_null(value);
            refused++;
        }
        text_free(&bytes);
    }
    ck_assert_uint_gt(taken, 20);
    ck_assert_uint_gt(refused, 20);
    json_object_put(vectors);
}
END_TEST

/* ---- What the vectors don't say ---- */

#define BYTES(literal) literal, sizeof(literal) - 1

static bool refused(const void *data, size_t size)
{
    struct json_object *value;
    bool ok = decode(data, size, &value);

    json_object_put(value);
    return !ok;
}

START_TEST(a_length_is_not_believed)
{
    long before = mem_live();

    ck_assert(refused(BYTES("\xdd\xff\xff\xff\xff\x01\x02")));
    ck_assert(refused(BYTES("\xdf\x7f\xff\xff\xff\xa1\x61\x01")));
    ck_assert(refused(BYTES("\xdb\xff\xff\xff\xff"
                            "abc")));
    ck_assert(refused(BYTES("\xc6\x80\x00\x00\x00"
                            "abc")));
    ck_assert(refused(BYTES("\xda\x00\x04"
                            "abc")));
    ck_assert(refused(BYTES("\x93\x01\x02")));
    ck_assert(refused(BYTES("\x82\xa1"
                            "a\x01\xa1"
                            "b")));
    ck_assert_int_eq(mem_live(), before);
}
END_TEST

START_TEST(values_cut_anywhere_are_refused)
{
    static const char bytes[] = "\x87\xa4type\xa1x\xa1"
                                "a\x93\x01\xcd\x01\x00\xd0\x80\xa1"
                                "b\xc4\x02\x00\xff\xa1"
                                "c\xca\x3f\x80\x00\x00\xa1"
                                "d\xcb\x3f\xf0\x00\x00\x00\x00\x00\x00\xa1"
                                "e\xda\x00\x02hi\xa1"
                                "f\xde\x00\x01\xa0\xc0";
    struct json_object *value;

    for (size_t size = 0; size < sizeof bytes - 1; size++)
        ck_assert_msg(refused(bytes, size), "taken: %zu bytes", size);
    ck_assert(decode(BYTES(bytes), &value));
    ck_assert_int_eq(json_object_object_length(value), 7);
    json_object_put(value);
    ck_assert(refused(bytes, sizeof bytes)); /* a zero byte behind it */
}
END_TEST

START_TEST(a_key_is_text_without_a_zero_byte)
{
    ck_assert(refused(BYTES("\x81\xa3"
                            "a\x00"
                            "b\x01")));
    ck_assert(refused(BYTES("\x81\xc4\x01"
                            "a\x01")));
    ck_assert(refused(BYTES("\x81\xa1\xff\x01")));
    ck_assert(refused(BYTES("\x81\x01\x01")));
    ck_assert(refused(BYTES("\x81\x81\xa1"
                            "a\x01\x01")));
}
END_TEST

START_TEST(no_first_byte_is_misread)
{
    /* Those that are a whole value by themselves. */
    for (int first = 0; first < 256; first++) {
        uint8_t byte = (uint8_t)first;
        bool whole = first < 0x80 || first >= 0xe0 || first == 0x80 || first == 0x90 ||
                     first == 0xa0 || first == 0xc0 || first == 0xc2 || first == 0xc3;

        ck_assert_msg(refused(&byte, 1) != whole, "first byte %02x", (unsigned)first);
    }
}
END_TEST

/* `depth` containers within each other, by turns arrays and maps. */
static struct text deep(unsigned depth)
{
    struct text bytes = {0};

    for (unsigned i = 0; i < depth; i++) {
        if (i % 2 == 0)
            text_add(&bytes, BYTES("\x91"));
        else
            text_add(&bytes, BYTES("\x81\xa1"
                                   "k"));
    }
    text_add_byte(&bytes, 0);
    return bytes;
}

START_TEST(values_are_read_to_a_depth)
{
    static const unsigned depths[] = {VALUE_DEPTH_MAX, VALUE_DEPTH_MAX + 1, 100000};

    for (size_t i = 0; i < 3; i++) {
        struct text bytes = deep(depths[i]), event = {0};
        struct msgpack_event look;

        ck_assert(refused(bytes.data, bytes.size) == (i > 0));
        text_add(&event, BYTES("\x81\xa1"
                               "a"));
        text_add(&event, bytes.data + 1, bytes.size - 1); /* a map in place of the first array */
        ck_assert(msgpack_look(event.data, event.size, &look) == (i == 0));
        text_free(&bytes);
        text_free(&event);
    }
}
END_TEST

START_TEST(the_writer_has_a_depth)
{
    struct text out = {0};
    struct msgpack_writer writer;

    msgpack_writer_init(&writer, &out);
    for (unsigned i = 0; i < VALUE_DEPTH_MAX; i++)
        ck_assert(writer.sink.array_begin(&writer.sink, 1));
    ck_assert(!writer.sink.array_begin(&writer.sink, 0));
    ck_assert(!writer.sink.map_begin(&writer.sink, 0));
    ck_assert(writer.sink.array_end(&writer.sink));
    ck_assert(writer.sink.map_begin(&writer.sink, 0));
    text_free(&out);
}
END_TEST

START_TEST(float32_is_a_double)
{
    struct json_object *value;

    ck_assert(decode(BYTES("\xca\x3d\xcc\xcc\xcd"), &value));
    ck_assert_double_eq(json_object_get_double(value), (double)0.1f);
    json_object_put(value);
    ck_assert(decode(BYTES("\xca\xff\x80\x00\x00"), &value));
    ck_assert_double_eq(json_object_get_double(value), -(double)INFINITY);
    ck_assert_str_eq(json_object_to_json_string(value), "null");
    json_object_put(value);
}
END_TEST

/* ---- Looking ---- */

START_TEST(a_look_finds_the_type)
{
    struct msgpack_event event;

    ck_assert(msgpack_look(BYTES("\x82\xa1"
                                 "a\x92\x01\x81\xa4type\xa1x\xa4type\xa2hi"),
                           &event));
    ck_assert(slice_equal(event.type, SLICE("hi")));
    ck_assert(!event.addressed);
    ck_assert(msgpack_look(BYTES("\x81\xa4type\xa0"), &event));
    ck_assert(event.type.data != NULL && event.type.size == 0);
    ck_assert(msgpack_look(BYTES("\x82\xa4type\xa1x\xa4type\xa1y"), &event));
    ck_assert(slice_equal(event.type, SLICE("y")));
}
END_TEST

START_TEST(a_look_finds_no_type)
{
    struct msgpack_event event;

    ck_assert(msgpack_look(BYTES("\x80"), &event) && event.type.data == NULL);
    ck_assert(msgpack_look(BYTES("\x81\xa4type\x01"), &event) && event.type.data == NULL);
    ck_assert(msgpack_look(BYTES("\x81\xa4type\xc4\x01x"), &event) && event.type.data == NULL);
    ck_assert(msgpack_look(BYTES("\x82\xa4type\xa1x\xa4type\xc0"), &event));
    ck_assert_ptr_null(event.type.data);
    ck_assert(msgpack_look(BYTES("\x81\xa1"
                                 "a\x81\xa4type\xa1x"),
                           &event));
    ck_assert_ptr_null(event.type.data);
}
END_TEST

START_TEST(a_look_finds_an_address)
{
    struct msgpack_event event;

    ck_assert(msgpack_look(BYTES("\x82\xb0__asgi_channel__\xa1x\xa4type\xa1y"), &event));
    ck_assert(event.addressed);
    ck_assert(slice_equal(event.type, SLICE("y")));
    ck_assert(msgpack_look(BYTES("\x81\xa1"
                                 "a\x81\xb0__asgi_channel__\xa1x"),
                           &event));
    ck_assert(!event.addressed);
}
END_TEST

START_TEST(a_look_refuses_what_the_reader_refuses)
{
    struct msgpack_event event;

    ck_assert(!msgpack_look(NULL, 0, &event));
    ck_assert(!msgpack_look(BYTES("\x90"), &event));
    ck_assert(!msgpack_look(BYTES("\xa4type"), &event));
    ck_assert(!msgpack_look(BYTES("\x81\xa4type"), &event));
    ck_assert(!msgpack_look(BYTES("\x81\xa4type\xa1x\x00"), &event));
    ck_assert(!msgpack_look(BYTES("\x82\xa4type\xa1x\xa1"
                                  "a\xa1\xff"),
                            &event));
    ck_assert(!msgpack_look(BYTES("\x82\xa4type\xa1x\xa1"
                                  "a\xd4\x01\x00"),
                            &event));
    ck_assert(!msgpack_look(BYTES("\x82\xa4type\xa1x\xa1"
                                  "a\x91\x81\x01\x01"),
                            &event));
}
END_TEST

/* ---- Without memory ---- */

START_TEST(both_ways_survive_failed_allocations)
{
    static const char text[] =
        "{\"type\":\"chat.message\",\"a_key_longer_than_the_room_that_the_builder_has\":"
        "[1,2.5,null,\"0123456789012345678901234567890123456789\"]}";
    struct json_object *value, *again = NULL;
    unsigned long nth = 0;
    long before;
    bool ok;

    ck_assert(json_parse(text, sizeof text - 1, &value));
    before = mem_live();
    do {
        struct text out = {0};

        mem_fail_at(++nth);
        ok = msgpack_encode(value, &out);
        ck_assert(ok != out.failed);
        ok = ok && msgpack_decode(out.data, out.size, &again);
        mem_fail_at(0);
        text_free(&out);
        ck_assert_int_eq(mem_live(), before);
        ck_assert_uint_lt(nth, 100);
    } while (!ok);
    ck_assert_uint_gt(nth, 2);
    ck_assert(json_object_equal(value, again));
    json_object_put(value);
    json_object_put(again);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("layer/msgpack");
    TCase *tests = tcase_create("msgpack");

    tcase_add_test(tests, python_s_values_have_python_s_bytes);
    tcase_add_test(tests, long_values_have_python_s_bytes);
    tcase_add_test(tests, foreign_bytes_are_read_or_refused_as_python_does);
    tcase_add_test(tests, a_length_is_not_believed);
    tcase_add_test(tests, values_cut_anywhere_are_refused);
    tcase_add_test(tests, a_key_is_text_without_a_zero_byte);
    tcase_add_test(tests, no_first_byte_is_misread);
    tcase_add_test(tests, values_are_read_to_a_depth);
    tcase_add_test(tests, the_writer_has_a_depth);
    tcase_add_test(tests, float32_is_a_double);
    tcase_add_test(tests, a_look_finds_the_type);
    tcase_add_test(tests, a_look_finds_no_type);
    tcase_add_test(tests, a_look_finds_an_address);
    tcase_add_test(tests, a_look_refuses_what_the_reader_refuses);
    tcase_add_test(tests, both_ways_survive_failed_allocations);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
