/*
 * tests/check_base_value: numbers, and values told by json-c trees to JSON text and to trees.
 */
#include <check.h>
#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <json-c/json.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/number.h"
#include "base/text.h"
#include "base/value.h"
#include "written.h"
#include "suite.h"

static struct json_object *parsed(const char *text)
{
    struct json_object *value;

    ck_assert(json_parse(text, strlen(text), &value));
    return value;
}

/* ---- Numbers ---- */

START_TEST(numbers_are_read)
{
    static const struct {
        const char *text;
        enum number_kind kind;
        int64_t integer;
        double real;
    } cases[] = {
        {"0", NUMBER_INTEGER, 0, 0},
        {"-0", NUMBER_INTEGER, 0, 0},
        {"7", NUMBER_INTEGER, 7, 0},
        {"-12", NUMBER_INTEGER, -12, 0},
        {"9223372036854775807", NUMBER_INTEGER, INT64_MAX, 0},
        {"-9223372036854775808", NUMBER_INTEGER, INT64_MIN, 0},
        {"9223372036854775808", NUMBER_NATURAL, INT64_MIN, 0},
        {"18446744073709551615", NUMBER_NATURAL, -1, 0},
        {"18446744073709551616", NUMBER_REAL, 0, 18446744073709551616.0},
        {"-9223372036854775809", NUMBER_REAL, 0, -9223372036854775808.0},
        {"100000000000000000000000", NUMBER_REAL, 0, 1e23},
        {"1.0", NUMBER_REAL, 0, 1},
        {"-0.0", NUMBER_REAL, 0, -0.0},
        {"0.1", NUMBER_REAL, 0, 0.1},
        {"1e2", NUMBER_REAL, 0, 100},
        {"1E+2", NUMBER_REAL, 0, 100},
        {"1.5e-3", NUMBER_REAL, 0, 0.0015},
        {"1.7976931348623157e308", NUMBER_REAL, 0, DBL_MAX},
        {"5e-324", NUMBER_REAL, 0, 5e-324},
        {"1e-400", NUMBER_REAL, 0, 0},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct number number;

        ck_assert_uint_eq(number_read(cases[i].text, strlen(cases[i].text), &number),
                          strlen(cases[i].text));
        ck_assert_msg(number.kind == cases[i].kind, "kind of %s", cases[i].text);
        if (number.kind == NUMBER_REAL)
            ck_assert_mem_eq(&number.real, &cases[i].real, sizeof number.real);
        else
            ck_assert_msg(number.integer == cases[i].integer, "value of %s", cases[i].text);
    }
}
END_TEST

START_TEST(no_numbers_are_refused)
{
    static const char *const cases[] = {
        "",     "-",   "+1",   "01",    "-01",    "00",      ".5",       "1.",
        "1.e2", "1e",  "1e+",  "-e1",   "NaN",    "nan",     "inf",      "- 1",
        "e5",   "--1", "1.5e", "1e400", "-1e400", "0.1e400", "Infinity",
    };
    struct number number;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        ck_assert_msg(number_read(cases[i], strlen(cases[i]), &number) == 0, "taken: %s", cases[i]);
}
END_TEST

START_TEST(a_number_ends_where_its_bytes_do)
{
    struct number number;

    ck_assert_uint_eq(number_read("123", 2, &number), 2);
    ck_assert_int_eq(number.integer, 12);
    ck_assert_uint_eq(number_read("0x10", 4, &number), 1);
    ck_assert_uint_eq(number_read("1.5p3", 5, &number), 3);
    ck_assert_double_eq(number.real, 1.5);
    ck_assert_uint_eq(number_read("12]", 3, &number), 2);
}
END_TEST

START_TEST(a_long_number_is_read_to_a_limit)
{
    char text[NUMBER_TEXT_MAX + 2];
    struct number number;

    memset(text, '3', sizeof text);
    text[1] = '.';
    ck_assert_uint_eq(number_read(text, NUMBER_TEXT_MAX, &number), NUMBER_TEXT_MAX);
    ck_assert_double_eq(number.real, 10.0 / 3);
    ck_assert_uint_eq(number_read(text, NUMBER_TEXT_MAX + 1, &number), 0);
}
END_TEST

static void assert_real(double value, const char *text)
{
    char out[NUMBER_ROOM];
    size_t size = number_write_real(out, value);

    ck_assert_uint_le(size, NUMBER_ROOM);
    ck_assert_msg(size == strlen(text) && memcmp(out, text, size) == 0, "%.*s is not %s", (int)size,
                  out, text);
}

START_TEST(reals_are_written_short)
{
    assert_real(0, "0.0");
    assert_real(-0.0, "-0.0");
    assert_real(1, "1.0");
    assert_real(-1.5, "-1.5");
    assert_real(0.1, "0.1");
    assert_real(0.1 + 0.2, "0.30000000000000004");
    assert_real(1.0 / 3, "0.3333333333333333");
    assert_real(1700000000.1234567, "1700000000.1234567");
    assert_real(9007199254740991, "9007199254740991.0");
    assert_real(9007199254740992, "9007199254740992.0");
    assert_real(12345678901234568, "12345678901234568.0");
    assert_real(1e22, "1e+22");
    assert_real(1e-7, "1e-07");
    assert_real(DBL_MAX, "1.7976931348623157e+308");
    assert_real(-DBL_MAX, "-1.7976931348623157e+308");
    assert_real(DBL_MIN, "2.2250738585072014e-308");
    assert_real(5e-324, "5e-324");
    assert_real((double)NAN, "null");
    assert_real((double)INFINITY, "null");
    assert_real(-(double)INFINITY, "null");
}
END_TEST

START_TEST(reals_read_back_the_same)
{
    uint64_t bits = 1;

    for (int i = 0; i < 20000; i++) {
        char out[NUMBER_ROOM];
        struct number number;
        double value;
        size_t size;

        bits = bits * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        memcpy(&value, &bits, sizeof value);
        if (!isfinite(value))
            continue;
        size = number_write_real(out, value);
        ck_assert_uint_eq(number_read(out, size, &number), size);
        ck_assert_int_eq(number.kind, NUMBER_REAL);
        ck_assert_mem_eq(&number.real, &value, sizeof value);
    }
}
END_TEST

START_TEST(whole_numbers_are_written)
{
    char out[NUMBER_ROOM];

    ck_assert_uint_eq(number_write_integer(out, INT64_MIN), 20);
    ck_assert_mem_eq(out, "-9223372036854775808", 20);
    ck_assert_uint_eq(number_write_integer(out, 0), 1);
    ck_assert_mem_eq(out, "0", 1);
    ck_assert_uint_eq(number_write_integer(out, -7), 2);
    ck_assert_mem_eq(out, "-7", 2);
    ck_assert_uint_eq(number_write_natural(out, UINT64_MAX), 20);
    ck_assert_mem_eq(out, "18446744073709551615", 20);
}
END_TEST

/* Where the machine has a locale with a decimal comma; else this says what is true in "C". */
START_TEST(a_locale_changes_no_number)
{
    static const char *const locales[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "de_DE.utf8", "fr_FR.utf8"};
    struct number number;

    for (size_t i = 0; i < sizeof locales / sizeof *locales; i++)
        if (setlocale(LC_ALL, locales[i]) != NULL)
            break;
    assert_real(0.5, "0.5");
    assert_real(1e-7, "1e-07");
    ck_assert_uint_eq(number_read("2.5", 3, &number), 3);
    ck_assert_double_eq(number.real, 2.5);
    setlocale(LC_ALL, "C");
}
END_TEST

/* ---- Values ---- */

/* `depth` arrays within each other, made without the builder. */
static struct json_object *deep(unsigned depth)
{
    struct json_object *value = json_object_new_int(1);

    for (; depth > 0; depth--) {
        struct json_object *outer = json_object_new_array();

        json_object_array_add(outer, value);
        value = outer;
    }
    return value;
}

static struct json_object *rebuilt(struct json_object *value)
{
    struct value_builder builder;

    value_builder_init(&builder);
    return value_builder_take(&builder, value_tell(value, &builder.sink));
}

START_TEST(a_tree_is_built_as_it_was)
{
    struct json_object *value = parsed("{\"n\":null,\"t\":true,\"f\":false,\"i\":-5,"
                                       "\"u\":18446744073709551615,\"m\":9223372036854775807,"
                                       "\"r\":1.5,\"s\":\"a\\u0000b\",\"a\":[[],{},[1,[2]]],"
                                       "\"o\":{\"\":{\"x\":[]}}}");
    struct json_object *again = rebuilt(value);

    ck_assert(json_object_equal(value, again));
    assert_written(again, "{\"n\":null,\"t\":true,\"f\":false,\"i\":-5,"
                          "\"u\":18446744073709551615,\"m\":9223372036854775807,"
                          "\"r\":1.5,\"s\":\"a\\u0000b\",\"a\":[[],{},[1,[2]]],"
                          "\"o\":{\"\":{\"x\":[]}}}");
    json_object_put(value);
    json_object_put(again);
}
END_TEST

START_TEST(a_tree_is_told_to_a_depth)
{
    struct json_object *most = deep(VALUE_DEPTH_MAX), *more = deep(VALUE_DEPTH_MAX + 1);
    struct json_object *again = rebuilt(most);
    struct text out = {0};

    ck_assert(json_object_equal(most, again));
    ck_assert_ptr_null(rebuilt(more));
    ck_assert(write_value(most, &out));
    ck_assert(!write_value(more, &out));
    text_free(&out);
    json_object_put(again);
    json_object_put(most);
    json_object_put(more);
}
END_TEST

START_TEST(text_that_is_not_utf8_is_not_told)
{
    struct json_object *string = json_object_new_string("\xff"), *map = json_object_new_object();
    struct text out = {0};

    json_object_object_add(map, "\xc0\x80", NULL);
    ck_assert(!write_value(string, &out));
    ck_assert(!write_value(map, &out));
    text_free(&out);
    json_object_put(string);
    json_object_put(map);
}
END_TEST

START_TEST(reals_of_a_tree_print_as_we_write_them)
{
    struct json_object *value = parsed("[0.1,1e2]"), *copy = NULL;

    ck_assert_str_eq(json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN), "[0.1,100.0]");
    ck_assert_int_eq(json_object_deep_copy(value, &copy, NULL), 0);
    ck_assert_str_eq(json_object_to_json_string_ext(copy, JSON_C_TO_STRING_PLAIN), "[0.1,100.0]");
    json_object_put(copy);
    json_object_put(value);
}
END_TEST

START_TEST(the_last_of_a_repeated_key_counts_at_the_first_place)
{
    struct json_object *value = parsed("{\"a\":{\"x\":1},\"b\":2,\"a\":{\"x\":[3]}}");

    assert_written(value, "{\"a\":{\"x\":[3]},\"b\":2}");
    json_object_put(value);
}
END_TEST

START_TEST(the_builder_takes_a_tree_as_it_is)
{
    struct json_object *mine = parsed("{\"x\":1}"), *result;
    struct value_builder builder;

    value_builder_init(&builder);
    ck_assert(builder.sink.array_begin(&builder.sink, 2));
    ck_assert(builder.sink.tree(&builder.sink, json_object_get(mine)));
    ck_assert(builder.sink.tree(&builder.sink, NULL));
    ck_assert(builder.sink.array_end(&builder.sink));
    ck_assert(!builder.sink.tree(&builder.sink, mine)); /* nothing more has a place */
    result = value_builder_take(&builder, true);
    ck_assert_ptr_eq(json_object_array_get_idx(result, 0), mine);
    assert_written(result, "[{\"x\":1},null]");
    json_object_put(result);
    json_object_put(mine);
}
END_TEST

START_TEST(the_builder_drops_what_was_begun)
{
    struct value_builder builder;

    value_builder_init(&builder);
    ck_assert(builder.sink.map_begin(&builder.sink, 1));
    ck_assert(builder.sink.key(&builder.sink, "a key that is longer than the room inside", 41));
    ck_assert(builder.sink.array_begin(&builder.sink, 1));
    ck_assert(builder.sink.string(&builder.sink, "text", 4));
    ck_assert_ptr_null(value_builder_take(&builder, false));

    value_builder_init(&builder);
    ck_assert(builder.sink.map_begin(&builder.sink, 1));
    ck_assert(!builder.sink.key(&builder.sink, "a\0b", 3));
    ck_assert(!builder.no_memory);
    ck_assert_ptr_null(value_builder_take(&builder, true)); /* it was never ended */
}
END_TEST

START_TEST(bytes_know_that_they_are_bytes)
{
    struct json_object *bytes = value_bytes_new("\x00\xff", 2), *none = value_bytes_new(NULL, 0);
    struct json_object *map = json_object_new_object(), *copy = NULL;
    size_t size = 9;

    json_object_object_add(map, "b", json_object_get(bytes));
    json_object_put(bytes);
    bytes = json_object_object_get(map, "b");
    ck_assert(value_is_bytes(bytes));
    ck_assert_mem_eq(value_bytes(bytes, &size), "\x00\xff", 2);
    ck_assert_uint_eq(size, 2);
    ck_assert_str_eq(json_object_to_json_string(map), "{ \"b\": null }");
    ck_assert(json_object_deep_copy(map, &copy, NULL) < 0); /* as value.h says */
    ck_assert(value_is_bytes(none));
    ck_assert_ptr_nonnull(value_bytes(none, &size));
    ck_assert_uint_eq(size, 0);
    json_object_put(map);
    json_object_put(none);
}
END_TEST

START_TEST(nothing_else_is_bytes)
{
    struct json_object *string = json_object_new_string("text"), *map = parsed("{}");
    size_t size;

    ck_assert(!value_is_bytes(NULL));
    ck_assert(!value_is_bytes(map));
    ck_assert(!value_is_bytes(string));
    json_object_set_userdata(string, &size, NULL);
    ck_assert(!value_is_bytes(string));
    ck_assert_ptr_null(value_bytes(string, &size));
    json_object_put(string);
    json_object_put(map);
}
END_TEST

START_TEST(bytes_stay_bytes_in_a_tree_and_are_refused_in_text)
{
    struct json_object *array = json_object_new_array(), *again;
    struct text out = {0};
    struct json_writer writer;

    json_object_array_add(array, value_bytes_new("\xff", 1));
    again = rebuilt(array);
    ck_assert(value_is_bytes(json_object_array_get_idx(again, 0)));
    json_writer_init(&writer, &out);
    ck_assert(!value_tell(array, &writer.sink));
    ck_assert(writer.bytes);
    text_free(&out);
    json_object_put(again);
    json_object_put(array);
}
END_TEST

static TCase *number_cases(void)
{
    TCase *tests = tcase_create("number");

    tcase_add_test(tests, numbers_are_read);
    tcase_add_test(tests, no_numbers_are_refused);
    tcase_add_test(tests, a_number_ends_where_its_bytes_do);
    tcase_add_test(tests, a_long_number_is_read_to_a_limit);
    tcase_add_test(tests, reals_are_written_short);
    tcase_add_test(tests, reals_read_back_the_same);
    tcase_add_test(tests, whole_numbers_are_written);
    tcase_add_test(tests, a_locale_changes_no_number);
    return tests;
}

static TCase *value_cases(void)
{
    TCase *tests = tcase_create("value");

    tcase_add_test(tests, a_tree_is_built_as_it_was);
    tcase_add_test(tests, a_tree_is_told_to_a_depth);
    tcase_add_test(tests, text_that_is_not_utf8_is_not_told);
    tcase_add_test(tests, reals_of_a_tree_print_as_we_write_them);
    tcase_add_test(tests, the_last_of_a_repeated_key_counts_at_the_first_place);
    tcase_add_test(tests, the_builder_takes_a_tree_as_it_is);
    tcase_add_test(tests, the_builder_drops_what_was_begun);
    tcase_add_test(tests, bytes_know_that_they_are_bytes);
    tcase_add_test(tests, nothing_else_is_bytes);
    tcase_add_test(tests, bytes_stay_bytes_in_a_tree_and_are_refused_in_text);
    return tests;
}

int main(void)
{
    Suite *suite = suite_create("base/value");

    suite_add_tcase(suite, number_cases());
    suite_add_tcase(suite, value_cases());
    return suite_run(suite);
}
