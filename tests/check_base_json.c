/*
 * tests/check_base_json: JSON text, in and out.
 */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <json-c/json.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/value.h"
#include "written.h"
#include "suite.h"

/* In a block of its exact size, so that the address sanitizer sees one byte too many. */
static bool parse(const char *data, size_t size, struct json_object **value)
{
    char *copy = malloc(size > 0 ? size : 1);
    bool ok;

    ck_assert_ptr_nonnull(copy);
    memcpy(copy, data, size);
    ok = json_parse(copy, size, value);
    free(copy);
    return ok;
}

static bool parse_text(const char *text, struct json_object **value)
{
    return parse(text, strlen(text), value);
}

static struct json_object *parsed(const char *text)
{
    struct json_object *value;

    ck_assert_msg(parse_text(text, &value), "refused: %s", text);
    return value;
}

/* ---- JSON in ---- */

START_TEST(json_is_taken)
{
    static const char *const cases[][2] = {
        {"null", "null"},
        {" \t\r\n true \n", "true"},
        {"\"\"", "\"\""},
        {"[]", "[]"},
        {"{}", "{}"},
        {"[ ]", "[]"},
        {"{ }", "{}"},
        {"-0", "0"},
        {"-0.0", "-0.0"},
        {"1E2", "100.0"},
        {"[1 , 2 ,\n3]", "[1,2,3]"},
        {"{ \"a\" : { \"b\" : [ ] } , \"c\" : 0 }", "{\"a\":{\"b\":[]},\"c\":0}"},
        {"18446744073709551616", "1.8446744073709552e+19"},
        {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\\"\\\\/\\b\\f\\n\\r\\t\""},
        {"\"\\u0000\\u001f\\u007f\"", "\"\\u0000\\u001f\x7f\""},
        {"\"\\u00e9\\u4E2D\\ud83d\\uDE00\"", "\"\xc3\xa9\xe4\xb8\xad\xf0\x9f\x98\x80\""},
        {"\"\\ud837\\ude00\"", "\"\xf0\x9d\xb8\x80\""},
        {"\"\\udbff\\udfff\\ufffe\"", "\"\xf4\x8f\xbf\xbf\xef\xbf\xbe\""},
        {"\"\xe8\xbf\x90\xe7\xbb\xb4\"", "\"\xe8\xbf\x90\xe7\xbb\xb4\""},
        {"{\"\":1,\" \":2}", "{\"\":1,\" \":2}"},
        {"{\"\\u0061\":1,\"a\":2}", "{\"a\":2}"},
        {"\"/*no comment*/\"", "\"/*no comment*/\""},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct json_object *value = parsed(cases[i][0]);

        assert_written(value, cases[i][1]);
        json_object_put(value);
    }
}
END_TEST

START_TEST(what_is_not_json_is_refused)
{
    static const char *const cases[] = {
        /* nothing, and too much */
        "",
        " ",
        "1 2",
        "{} {}",
        "[]]",
        "{}}",
        "null,",
        "true false",
        "\"a\" \"b\"",
        "1,",
        "[1] x",
        /* words */
        "nul",
        "nulll",
        "True",
        "NULL",
        "undefined",
        "NaN",
        "-NaN",
        "Infinity",
        "-Infinity",
        "a",
        /* other languages */
        "{'a':1}",
        "{a:1}",
        "'a'",
        "[1,]",
        "{\"a\":1,}",
        "[,1]",
        "[,]",
        "{,}",
        "[1,,2]",
        "[1 2]",
        "{\"a\" 1}",
        "{\"a\":}",
        "{\"a\"}",
        "{:1}",
        "{1:2}",
        "{null:1}",
        "{\"a\":1 \"b\":2}",
        "{\"a\":1,,\"b\":2}",
        "{\"a\"::1}",
        "[1;2]",
        "// c\n1",
        "/* c */ 1",
        "1 // c",
        "#\n1",
        "[1]#",
        "0x10",
        "1_000",
        "\\u0031",
        "[\"a\",\n4\n,1,",
        "{\"a\":\"b\"]",
        "[1}",
        "(1)",
        "<1>",
        /* cut short */
        "[",
        "{",
        "\"",
        "[1",
        "[1,",
        "{\"",
        "{\"a",
        "{\"a\"",
        "{\"a\":",
        "{\"a\":1",
        "{\"a\":1,",
        "]",
        "}",
        ",",
        ":",
        "-",
        "\"\\",
        "\"\\u",
        "\"\\u12",
        "\"a\\",
        "[\"",
        "[[]",
        "t",
        "f",
        "tru",
        /* numbers */
        "01",
        "-01",
        "+1",
        ".5",
        "1.",
        "1.e1",
        "1e",
        "1e+",
        "--1",
        "1-1",
        "0e",
        "1.2.3",
        "1e1.5",
        "1 .5",
        "1e400",
        "-1e999",
        "[0x]",
        "-",
        "-a",
        "1a",
        "0 1",
        "\xef\xbc\x91",
        /* strings */
        "\"\\x41\"",
        "\"\\a\"",
        "\"\\'\"",
        "\"\\0\"",
        "\"\\U0041\"",
        "\"\\u004\"",
        "\"\\u00g0\"",
        "\"\\u+041\"",
        "\"\\ud800\"",
        "\"\\udc00\"",
        "\"\\ud800\\ud800\"",
        "\"\\ud800x\"",
        "\"\\udc00\\ud800\"",
        "\"\\ud800\\n\"",
        "\"\\ud800\\u0041\"",
        "\"\\ud83d\\ude\"",
        "\"a\nb\"",
        "\"a\tb\"",
        "\"\x01\"",
        "\"\x1f\"",
        "\"a\"b\"",
        "a\"",
        /* not UTF-8 */
        "\"\xff\"",
        "\"\x80\"",
        "\"\xc3\"",
        "\"\xc0\x80\"",
        "\"\xed\xa0\x80\"",
        "\"\xf4\x90\x80\x80\"",
        "\"\xe8\xbf\"",
        "{\"\xff\":1}",
        "\xff",
        "\"\xc3\\u00e9\"",
        /* before and after */
        "\xef\xbb\xbf{}",
        "\xef\xbb\xbf",
        "\x0b{}",
        "\x0c{}",
        "{}\x0b",
        "\xc2\xa0{}",
        "\xe2\x80\xa8[]",
        /* keys that json-c would cut */
        "{\"a\\u0000b\":1}",
        "{\"\\u0000\":1}",
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct json_object *value = NULL;

        ck_assert_msg(!parse_text(cases[i], &value), "taken: %s", cases[i]);
        ck_assert_ptr_null(value);
    }
}
END_TEST

START_TEST(a_zero_byte_is_no_end)
{
    struct json_object *value;

    ck_assert(!parse("1\0", 2, &value));
    ck_assert(!parse("{}\0{}", 5, &value));
    ck_assert(!parse("\"a\0b\"", 5, &value));
    ck_assert(!parse("\0", 1, &value));
    ck_assert(!parse("[1,\0 2]", 7, &value));
    ck_assert(!json_parse(NULL, 0, &value));
}
END_TEST

START_TEST(json_is_taken_to_a_depth)
{
    static const struct {
        size_t depth;
        bool taken;
    } cases[] = {{VALUE_DEPTH_MAX, true}, {VALUE_DEPTH_MAX + 1, false}, {10000, false}};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct text arrays = {0}, maps = {0};
        struct json_object *value;

        for (size_t n = 0; n < cases[i].depth; n++) {
            text_add_str(&arrays, "[");
            text_add_str(&maps, n + 1 < cases[i].depth ? "{\"a\":" : "{");
        }
        for (size_t n = 0; n < cases[i].depth; n++) {
            text_add_str(&arrays, "]");
            text_add_str(&maps, "}");
        }
        ck_assert(parse(arrays.data, arrays.size, &value) == cases[i].taken);
        json_object_put(value);
        ck_assert(parse(maps.data, maps.size, &value) == cases[i].taken);
        json_object_put(value);
        text_free(&arrays);
        text_free(&maps);
    }
}
END_TEST

START_TEST(json_cut_anywhere_is_refused)
{
    static const char text[] = "{\"type\":\"chat\",\"n\":[1,-2.5e3,true,false,null],"
                               "\"s\":\"\xe8\xbf\x90\\n\\ud83d\\ude00\",\"m\":{\"a\":{}}}";
    struct json_object *value;

    for (size_t size = 0; size < sizeof text - 1; size++)
        ck_assert_msg(!parse(text, size, &value), "taken: %.*s", (int)size, text);
    ck_assert(parse(text, sizeof text - 1, &value));
    json_object_put(value);
}
END_TEST

/* A special character at each place of strings of each length: runs are found in words of eight. */
START_TEST(strings_of_any_length_come_back)
{
    static const char *const special[] = {"\"",   "\\",   "\n",       "\x01",
                                          "\x1f", "\x7f", "\xc3\xa9", "b"};

    for (size_t which = 0; which < sizeof special / sizeof *special; which++)
        for (size_t size = 0; size < 36; size++)
            for (size_t at = 0; at <= size; at++) {
                struct text string = {0}, out = {0};
                struct json_object *value, *again;

                for (size_t i = 0; i <= size; i++)
                    text_add_str(&string, i == at ? special[which] : "a");
                value = json_object_new_string_len(string.data, (int)string.size);
                ck_assert(write_value(value, &out));
                ck_assert(parse(out.data, out.size, &again));
                ck_assert(json_object_equal(value, again));
                json_object_put(value);
                json_object_put(again);
                text_free(&string);
                text_free(&out);
            }
}
END_TEST

START_TEST(a_long_key_is_whole)
{
    char text[320], key[300];
    struct json_object *value, *inner;

    memset(key, 'k', sizeof key - 1);
    key[sizeof key - 1] = '\0';
    snprintf(text, sizeof text, "{\"%s\":1}", key);
    value = parsed(text);
    ck_assert(json_object_object_get_ex(value, key, &inner));
    json_object_put(value);
}
END_TEST

START_TEST(many_keys_are_fast_enough_to_count)
{
    struct text text = {0};
    struct json_object *value;

    text_add_str(&text, "{");
    for (int i = 0; i < 50000; i++)
        text_addf(&text, "%s\"k%d\":%d", i > 0 ? "," : "", i, i);
    text_add_str(&text, "}");
    ck_assert(parse(text.data, text.size, &value));
    ck_assert_int_eq(json_object_object_length(value), 50000);
    json_object_put(value);
    text_free(&text);
}
END_TEST

/* ---- JSON out ---- */

START_TEST(json_out_knows_its_commas)
{
    struct text out = {0};
    struct json_writer writer;
    struct value_sink *sink = &writer.sink;

    json_writer_init(&writer, &out);
    text_add_str(&out, "> "); /* what stood there stays */
    ck_assert(sink->map_begin(sink, 3));
    ck_assert(sink->key(sink, "a\n", 2) && sink->array_begin(sink, 2));
    ck_assert(sink->map_begin(sink, 0) && sink->map_end(sink) && sink->null(sink));
    ck_assert(sink->array_end(sink));
    ck_assert(sink->key(sink, "b", 1) && sink->boolean(sink, true));
    ck_assert(sink->key(sink, "c", 1) && sink->real(sink, (double)NAN));
    ck_assert(sink->map_end(sink));
    ck_assert_str_eq(out.data, "> {\"a\\n\":[{},null],\"b\":true,\"c\":null}");
    text_free(&out);
}
END_TEST

START_TEST(control_bytes_are_escaped)
{
    struct json_object *value =
        json_object_new_string_len("\0\x01\b\t\n\x0b\f\r\x1f \"\\/\x7f", 14);

    assert_written(value, "\"\\u0000\\u0001\\b\\t\\n\\u000b\\f\\r\\u001f \\\"\\\\/\x7f\"");
    json_object_put(value);
}
END_TEST

/* ---- Without memory ---- */

START_TEST(parsing_survives_failed_allocations)
{
    static const char text[] =
        "{\"a key that is longer than the room that the builder has\":1,"
        "\"s\":\"a\\nb\",\"long\":\"\\t0123456789012345678901234567890123456789"
        "012345678901234567890123456789\"}";
    struct json_object *value = NULL;
    unsigned long nth = 0;
    long before = mem_live();
    bool ok;

    do {
        mem_fail_at(++nth);
        ok = json_parse(text, sizeof text - 1, &value);
        mem_fail_at(0);
        ck_assert(ok || value == NULL);
        ck_assert_int_eq(mem_live(), before);
        ck_assert_uint_lt(nth, 100);
    } while (!ok);
    ck_assert_uint_gt(nth, 2);
    json_object_put(value);
}
END_TEST

START_TEST(writing_survives_failed_allocations)
{
    struct json_object *value =
        parsed("{\"a\":[1,2.5,\"a string with a \\n in it, and more\"],"
               "\"b\":\"0123456789012345678901234567890123456789\\u0001\"}");
    unsigned long nth = 0;
    long before = mem_live();
    bool ok;

    do {
        struct text out = {0};

        mem_fail_at(++nth);
        ok = write_value(value, &out);
        mem_fail_at(0);
        ck_assert(ok != out.failed);
        text_free(&out);
        ck_assert_int_eq(mem_live(), before);
        ck_assert_uint_lt(nth, 100);
    } while (!ok);
    ck_assert_uint_gt(nth, 2);
    json_object_put(value);
}
END_TEST

static TCase *json_cases(void)
{
    TCase *tests = tcase_create("json");

    tcase_add_test(tests, json_is_taken);
    tcase_add_test(tests, what_is_not_json_is_refused);
    tcase_add_test(tests, a_zero_byte_is_no_end);
    tcase_add_test(tests, json_is_taken_to_a_depth);
    tcase_add_test(tests, json_cut_anywhere_is_refused);
    tcase_add_test(tests, strings_of_any_length_come_back);
    tcase_add_test(tests, a_long_key_is_whole);
    tcase_add_test(tests, many_keys_are_fast_enough_to_count);
    tcase_add_test(tests, json_out_knows_its_commas);
    tcase_add_test(tests, control_bytes_are_escaped);
    tcase_add_test(tests, parsing_survives_failed_allocations);
    tcase_add_test(tests, writing_survives_failed_allocations);
    return tests;
}

int main(void)
{
    Suite *suite = suite_create("base/json");

    suite_add_tcase(suite, json_cases());
    return suite_run(suite);
}
