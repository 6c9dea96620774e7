/*
 * tests/check_base_template: templates and their arguments.
 */
#include <check.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <json-c/json.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/template.h"
#include "base/text.h"
#include "base/value.h"
#include "suite.h"

/* No format attribute: some templates here are wrong on purpose. Where they are right, the compiler
 * has checked them in the consumers. */
static enum template_result tell(struct value_sink *sink, const char **why, size_t *at,
                                 const char *text, ...)
{
    enum template_result result;
    va_list args;

    va_start(args, text);
    result = template_tell(text, args, sink, why, at);
    va_end(args);
    return result;
}

/* The JSON text that a template and its arguments make, until the next. */
static const char *told(const char *text, ...)
{
    static char kept[4096];
    struct text out = {0};
    struct json_writer writer;
    const char *why = "";
    size_t at = 0;
    va_list args;
    enum template_result result;

    json_writer_init(&writer, &out);
    va_start(args, text);
    result = template_tell(text, args, &writer.sink, &why, &at);
    va_end(args);
    ck_assert_msg(result == TEMPLATE_DONE, "%s: %d, %s at %zu", text, (int)result, why, at);
    ck_assert_uint_lt(out.size, sizeof kept);
    memcpy(kept, out.data, out.size + 1);
    text_free(&out);
    return kept;
}

static struct json_object *made(const char *text, ...)
{
    struct value_builder builder;
    enum template_result result;
    va_list args;

    value_builder_init(&builder);
    va_start(args, text);
    result = template_tell(text, args, &builder.sink, NULL, NULL);
    va_end(args);
    return value_builder_take(&builder, result == TEMPLATE_DONE);
}

/* An object that counts when it goes. */
static unsigned gone;

static void count_gone(struct json_object *object, void *userdata)
{
    (void)object;
    (void)userdata;
    gone++;
}

static struct json_object *counted(void)
{
    struct json_object *object = json_object_new_object();

    json_object_set_userdata(object, NULL, count_gone);
    gone = 0;
    return object;
}

/* ---- The language ---- */

START_TEST(json_is_a_template)
{
    ck_assert_str_eq(told("{}"), "{}");
    ck_assert_str_eq(told("[]"), "[]");
    ck_assert_str_eq(told(" [ ] "), "[]");
    ck_assert_str_eq(told("null"), "null");
    ck_assert_str_eq(told("true"), "true");
    ck_assert_str_eq(told("[false]"), "[false]");
    ck_assert_str_eq(told("\"\""), "\"\"");
    ck_assert_str_eq(told("-12"), "-12");
    ck_assert_str_eq(told("18446744073709551615"), "18446744073709551615");
    ck_assert_str_eq(told("[1.5,-2e3]"), "[1.5,-2000.0]");
    ck_assert_str_eq(told("{\"a\":{\"b\":[1,[2,{}]]},\"c\":\"\\u4e2d\\n\"}"),
                     "{\"a\":{\"b\":[1,[2,{}]]},\"c\":\"\xe4\xb8\xad\\n\"}");
    ck_assert_str_eq(told("\t{\r\n\"a\" : 1 , \"b\" : 2 }\n"), "{\"a\":1,\"b\":2}");
}
END_TEST

START_TEST(keys_may_be_bare_and_quotes_single)
{
    ck_assert_str_eq(told("{type:'chat.message',_x:1,$:2,a1:3,\"q\":4,'r':5}"),
                     "{\"type\":\"chat.message\",\"_x\":1,\"$\":2,\"a1\":3,\"q\":4,\"r\":5}");
    ck_assert_str_eq(told("{null:1,true:2}"), "{\"null\":1,\"true\":2}");
    ck_assert_str_eq(told("'say \"hi\"'"), "\"say \\\"hi\\\"\"");
    ck_assert_str_eq(told("\"it's\""), "\"it's\"");
    ck_assert_str_eq(told("['it\\'s',\"it\\'s\",'\\\"']"), "[\"it's\",\"it's\",\"\\\"\"]");
    ck_assert_str_eq(told("{'':'','\xc3\xa9':'\\ud83d\\ude00'}"),
                     "{\"\":\"\",\"\xc3\xa9\":\"\xf0\x9f\x98\x80\"}");
}
END_TEST

START_TEST(a_conversion_is_a_value)
{
    ck_assert_str_eq(told("{message: %s, at: %lld}", "hi \"you\"\n", 5LL),
                     "{\"message\":\"hi \\\"you\\\"\\n\",\"at\":5}");
    ck_assert_str_eq(told("%s", "x"), "\"x\"");
    ck_assert_str_eq(told("[%s,%s]", "", NULL), "[\"\",null]");
    ck_assert_str_eq(told("[%hhd,%hhi]", true, false), "[true,false]");
    ck_assert_str_eq(told("[%g,%g,%g,%g]", 0.1, (double)NAN, (double)INFINITY, 2.0),
                     "[0.1,null,null,2.0]");
    ck_assert_str_eq(told("[%d,%i,%u]", -1, -2, 4000000000u), "[-1,-2,4000000000]");
    ck_assert_str_eq(told("[%ld,%lu]", -3L, ~0UL), "[-3,18446744073709551615]");
    ck_assert_str_eq(told("[%lld,%llu]", INT64_MIN, UINT64_MAX),
                     "[-9223372036854775808,18446744073709551615]");
    ck_assert_str_eq(told("[%zd,%zu]", (ssize_t)-4, (size_t)4), "[-4,4]");
    ck_assert_str_eq(told("[%jd,%ju,%td]", (intmax_t)-5, (uintmax_t)5, (ptrdiff_t)-6), "[-5,5,-6]");
    ck_assert_str_eq(told("[%hd,%hu,%hhu]", (short)-7, (unsigned short)65535, (unsigned char)255),
                     "[-7,65535,255]");
}
END_TEST

START_TEST(words_between_arguments_keep_their_commas)
{
    ck_assert_str_eq(told("[%d,%d]", 1, 2), "[1,2]");
    ck_assert_str_eq(told("[0,%d,1,%d,2]", 5, 6), "[0,5,1,6,2]");
    ck_assert_str_eq(told("[[%d],{a:[{},%s,[]],b:%d},[]]", 1, "x", 2),
                     "[[1],{\"a\":[{},\"x\",[]],\"b\":2},[]]");
    ck_assert_str_eq(told("{a:'%d',b:null,c:{d:%p}}", 1, NULL),
                     "{\"a\":\"1\",\"b\":null,\"c\":{\"d\":null}}");
    ck_assert_str_eq(
        told("[%p,%p,3]", (void *)json_object_new_array(), (void *)made("[%d,{a:[%d]}]", 1, 2)),
        "[[],[1,{\"a\":[2]}],3]");
}
END_TEST

/* More than fit into registers, of both kinds. */
START_TEST(arguments_keep_their_order)
{
    ck_assert_str_eq(told("[%d,%g,%s,%g,%ld,%g,%d,%g,%s,%g,%d,%g,%d,%g,%zu,%g,%d,%g,%d,%g]", 1, 0.1,
                          "a", 0.2, 2L, 0.3, 3, 0.4, "b", 0.5, 4, 0.6, 5, 0.7, (size_t)6, 0.8, 7,
                          0.9, 8, 1.5),
                     "[1,0.1,\"a\",0.2,2,0.3,3,0.4,\"b\",0.5,4,0.6,5,0.7,6,0.8,7,0.9,8,1.5]");
}
END_TEST

START_TEST(inside_quotes_a_conversion_is_text)
{
    ck_assert_str_eq(told("{message: '%s%s'}", "a\"", "b"), "{\"message\":\"a\\\"b\"}");
    ck_assert_str_eq(told("'%s'", NULL), "\"\"");
    ck_assert_str_eq(told("'<%s>'", NULL), "\"<>\"");
    ck_assert_str_eq(told("\"%d of %zu: %g, %hhd\"", -1, (size_t)2, 0.5, true),
                     "\"-1 of 2: 0.5, true\"");
    ck_assert_str_eq(told("['%u%llu',%d,'%s']", 1u, 2ULL, 3, "x"), "[\"12\",3,\"x\"]");
    ck_assert_str_eq(told("'%g'", (double)NAN), "\"null\"");
    ck_assert_str_eq(told("'\\u4e2d%s\\n'", "\xe6\x96\x87"), "\"\xe4\xb8\xad\xe6\x96\x87\\n\"");
}
END_TEST

START_TEST(two_percent_signs_are_one)
{
    ck_assert_str_eq(told("'100%%'"), "\"100%\"");
    ck_assert_str_eq(told("{'%%':'%%%d%%'}", 5), "{\"%\":\"%5%\"}");
    ck_assert_str_eq(told("'%%s'"), "\"%s\"");
}
END_TEST

START_TEST(what_is_not_utf8_is_mended)
{
    static const char *const cases[][2] = {
        {"a\xff", "a\xef\xbf\xbd"},
        {"\xe4\xb8\xad", "\xe4\xb8\xad"},
        {"\xe4\xb8", "\xef\xbf\xbd"},
        {"\xe4\xb8z", "\xef\xbf\xbdz"},
        {"\xf0\x9f\x98\xc3\xa9", "\xef\xbf\xbd\xc3\xa9"},
        {"\xc0\x80", "\xef\xbf\xbd\xef\xbf\xbd"},
        {"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
        {"\xf4\x90\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
        {"\xc3\xc3\xa9", "\xef\xbf\xbd\xc3\xa9"},
        {"\xe4\xe4\xb8\xad\x80", "\xef\xbf\xbd\xe4\xb8\xad\xef\xbf\xbd"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char expected[64];

        snprintf(expected, sizeof expected, "\"%s\"", cases[i][1]);
        ck_assert_str_eq(told("%s", cases[i][0]), expected);
        snprintf(expected, sizeof expected, "\"<%s>\"", cases[i][1]);
        ck_assert_str_eq(told("'<%s>'", cases[i][0]), expected);
    }
    /* Halves of a character in two arguments make no whole one. */
    ck_assert_str_eq(told("'%s%s'", "\xc3", "\xa9"), "\"\xef\xbf\xbd\xef\xbf\xbd\"");
}
END_TEST

/* The arguments serve any two conversions: zero in registers of each kind. */
static const char *broken(const char *text, size_t *at)
{
    struct text out = {0};
    struct json_writer writer;
    const char *why = NULL;

    json_writer_init(&writer, &out);
    ck_assert_msg(tell(&writer.sink, &why, at, text, NULL, NULL, 0.0, 0.0) == TEMPLATE_BROKEN,
                  "taken: %s", text);
    ck_assert_uint_eq(out.size, 0);
    text_free(&out);
    return why;
}

START_TEST(broken_templates_say_why_and_where)
{
    static const struct {
        const char *text;
        size_t at;
        const char *why; /* a part of it */
    } cases[] = {
        {"", 0, "a value must stand here"},
        {NULL, 0, "a value must stand here"},
        {"  ", 2, "a value must stand here"},
        {"{a:}", 3, "a value must stand here"},
        {"[1,]", 3, "a value must stand here"},
        {"[,1]", 1, "a value must stand here"},
        {"]", 0, "a value must stand here"},
        {"{a:b}", 3, "must be quoted"},
        {"hello", 0, "must be quoted"},
        {"nulls", 0, "must be quoted"},
        {"NaN", 0, "must be quoted"},
        {"{} {}", 3, "nothing more"},
        {"1 %d", 2, "nothing more"},
        {"{", 1, "a key must stand here"},
        {"{,}", 1, "a key must stand here"},
        {"{a:1,}", 5, "a key must stand here"},
        {"{1:2}", 1, "a key must stand here"},
        {"{a-b:1}", 2, "a colon must stand here"},
        {"{a 1}", 3, "a colon must stand here"},
        {"{'a'}", 4, "a colon must stand here"},
        {"{%s:1}", 1, "a conversion can't be a key"},
        {"{'%s':1}", 2, "a conversion can't be in a key"},
        {"{'a\\u0000':1}", 10, "zero byte"},
        {"{a:1 b:2}", 5, "a comma or }"},
        {"{a:1", 4, "a comma or }"},
        {"[1 2]", 3, "a comma or ]"},
        {"[1}", 2, "a comma or ]"},
        {"[%d%d]", 3, "a comma or ]"},
        {"'abc", 4, "a quote is missing"},
        {"{\"abc", 5, "a quote is missing"},
        {"'abc\"", 5, "a quote is missing"},
        {"'%d", 3, "a quote is missing"},
        {"'a\nb'", 2, "a control byte"},
        {"'\\x41'", 1, "no such escape"},
        {"'\\ud800'", 1, "no such escape"},
        {"'\\%d'", 1, "no such escape"},
        {"01", 0, "no number"},
        {"[-]", 1, "no number"},
        {"1e400", 0, "no number"},
        {"1.", 0, "no number"},
        {"'\xff'", 0, "not UTF-8"},
        {"%", 0, "no such conversion"},
        {"%%", 0, "no such conversion"},
        {"%x", 0, "no such conversion"},
        {"[1,%f]", 3, "no such conversion"},
        {"%lg", 0, "no such conversion"},
        {"%ls", 0, "no such conversion"},
        {"%c", 0, "no such conversion"},
        {"'%n'", 1, "no such conversion"},
        {"%5d", 0, "no flags"},
        {"%-s", 0, "no flags"},
        {"'%.2f'", 1, "no flags"},
        {"%*d", 0, "no flags"},
        {"%.*s", 0, "no flags"},
        {"'%p'", 1, "inside quotes"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t at = 999;
        const char *why = broken(cases[i].text, &at);

        ck_assert_msg(strstr(why, cases[i].why) != NULL, "%s: %s", cases[i].text, why);
        ck_assert_msg(at == cases[i].at, "%s: at %zu, not %zu", cases[i].text, at, cases[i].at);
    }
}
END_TEST

START_TEST(a_template_has_a_depth)
{
    char text[2 * (VALUE_DEPTH_MAX + 1) + 1];
    size_t at = 0;

    for (size_t depth = VALUE_DEPTH_MAX; depth <= VALUE_DEPTH_MAX + 1; depth++) {
        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        text[2 * depth] = '\0';
        if (depth == VALUE_DEPTH_MAX) {
            ck_assert_str_eq(told(text), text);
        } else {
            ck_assert_ptr_nonnull(strstr(broken(text, &at), "too deep"));
            ck_assert_uint_eq(at, VALUE_DEPTH_MAX);
        }
    }
}
END_TEST

/* ---- References ---- */

START_TEST(an_object_is_a_value)
{
    struct json_object *object = counted();

    json_object_object_add(object, "x", json_object_new_int(1));
    ck_assert_str_eq(told("{a: %p, b: %p}", (void *)object, NULL), "{\"a\":{\"x\":1},\"b\":null}");
    ck_assert_uint_eq(gone, 1);
}
END_TEST

START_TEST(a_tree_holds_the_object_itself)
{
    struct json_object *object = counted(), *tree;

    ck_assert_ptr_eq(made("%p", (void *)object), object);
    tree = made("{type: 'x', a: [%p, %d, '%d']}", (void *)object, 7, 8);
    ck_assert_ptr_eq(json_object_array_get_idx(json_object_object_get(tree, "a"), 0), object);
    ck_assert_str_eq(json_object_to_json_string_ext(tree, JSON_C_TO_STRING_PLAIN),
                     "{\"type\":\"x\",\"a\":[{},7,\"8\"]}");
    ck_assert_uint_eq(gone, 0);
    json_object_put(tree);
    ck_assert_uint_eq(gone, 1);
    ck_assert_ptr_null(made("%p", NULL));
}
END_TEST

static enum template_result to_text(const char *text, ...)
{
    struct text out = {0};
    struct json_writer writer;
    enum template_result result;
    va_list args;

    json_writer_init(&writer, &out);
    va_start(args, text);
    result = template_tell(text, args, &writer.sink, NULL, NULL);
    va_end(args);
    text_free(&out);
    return result;
}

START_TEST(a_broken_template_puts_its_references)
{
    static const char *const texts[] = {
        "{%d %s %g %p",
        "%p:%d:%s:%g",
        "{a:%d,b:'%s',c:%g,d:'%p'}",
        "%*d%p",
        "%.*s %p",
        "%5.3ld%%%p",
        "%c%hhx%Lf%p",
        "%e%a%G%X%o%p",
        "\xff%p",
        "{a:%n%zu,b:%m%jd,c:%p",
        "'%lc%ls' + %p %q",
        "%+d %-5s %#x % i %'u %p",
    };

    ck_assert_int_eq(to_text(texts[0], 1, "s", 0.5, counted()), TEMPLATE_BROKEN);
    ck_assert_uint_eq(gone, 1);
    ck_assert_int_eq(to_text(texts[1], counted(), 1, "s", 0.5), TEMPLATE_BROKEN);
    ck_assert_uint_eq(gone, 1);
    ck_assert_int_eq(to_text(texts[2], 1, "s", 0.5, counted()), TEMPLATE_BROKEN);
    ck_assert_uint_eq(gone, 1);
    ck_assert_int_eq(to_text(texts[3], 1, 2, counted()), TEMPLATE_BROKEN);
    ck_assert_uint_eq(gone, 1);
    ck_assert_int_eq(to_text(texts[4], 1, "s", counted()), TEMPLATE_BROKEN);
    ck_assert_uint_eq(gone, 1);
    ck_assert_int_eq(to_text(texts[5], 1L, counted()), TEMPLATE_BROKEN);
    ck_assert_uint_eq(gone, 1);
    ck_assert_int_eq(to_text(texts[6], 'c', 1, (long double)1, counted()), TEMPLATE_BROKEN);
    ck_assert_uint_eq(gone, 1);
    ck_assert_int_eq(to_text(texts[7], 1.0, 2.0, 3.0, 4, 5, counted()), TEMPLATE_BROKEN);
    ck_assert_uint_eq(gone, 1);
    ck_assert_int_eq(to_text(texts[8], counted()), TEMPLATE_BROKEN);
    ck_assert_uint_eq(gone, 1);
    ck_assert_int_eq(to_text(texts[9], NULL, (size_t)1, (intmax_t)1, counted()), TEMPLATE_BROKEN);
    ck_assert_uint_eq(gone, 1);
    ck_assert_int_eq(to_text(texts[10], L'c', L"s", counted()), TEMPLATE_BROKEN);
    ck_assert_uint_eq(gone, 1);
    ck_assert_int_eq(to_text(texts[11], 1, "s", 2, 3, 4, counted()), TEMPLATE_BROKEN);
    ck_assert_uint_eq(gone, 1);
}
END_TEST

START_TEST(a_refusing_sink_puts_all_references)
{
    struct json_object *object = counted();
    struct json_object *bytes = value_bytes_new("\xff", 1);

    ck_assert_int_eq(
        to_text("[%p,%p,%d,'%s',%g,%p]", json_object_get(object), bytes, 1, "s", 0.5, object),
        TEMPLATE_REFUSED);
    ck_assert_uint_eq(gone, 1);
}
END_TEST

START_TEST(a_tree_behind_a_conversion_has_a_depth)
{
    struct json_object *tree = NULL;

    for (unsigned depth = 0; depth < VALUE_DEPTH_MAX; depth++)
        tree = made("[%p]", tree);
    ck_assert_int_eq(to_text("%p", json_object_get(tree)), TEMPLATE_DONE);
    ck_assert_int_eq(to_text("[%p]", tree), TEMPLATE_REFUSED);
    ck_assert_int_eq(to_text("%p", json_object_new_string("\xff")), TEMPLATE_REFUSED);
}
END_TEST

/* ---- What is kept ---- */

START_TEST(an_address_may_come_back_with_other_words)
{
    char text[32];

    strcpy(text, "{a: %d}");
    ck_assert_str_eq(told(text, 1), "{\"a\":1}");
    ck_assert_str_eq(told(text, 2), "{\"a\":2}");
    strcpy(text, "['%s', %s]");
    ck_assert_str_eq(told(text, "x", "y"), "[\"x\",\"y\"]");
    strcpy(text, "{a: %d");
    ck_assert_int_eq(to_text(text, 1), TEMPLATE_BROKEN);
    strcpy(text, "{a: %d}");
    ck_assert_str_eq(told(text, 3), "{\"a\":3}");
}
END_TEST

/* Far more templates than a thread keeps, and one that is longer than any it keeps. */
START_TEST(what_is_kept_is_bounded)
{
    static char texts[5000][32];
    static char longest[4000];
    long before = mem_live();

    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 5000; i++) {
            char expected[32];

            snprintf(texts[i], sizeof texts[i], "[%d,%%d]", i);
            snprintf(expected, sizeof expected, "[%d,%d]", i, round);
            ck_assert_str_eq(told(texts[i], round), expected);
        }
    ck_assert_int_le(mem_live() - before, 256 * 4); /* a template is four blocks */
    template_forget();
    ck_assert_int_eq(mem_live(), before);

    memset(longest, 'x', sizeof longest - 1);
    longest[0] = longest[sizeof longest - 2] = '\'';
    ck_assert_str_eq(told(longest) + sizeof longest - 2, "\"");
    ck_assert_int_eq(mem_live(), before);
}
END_TEST

START_TEST(a_template_may_be_long)
{
    struct text text = {0}, out = {0};
    struct json_writer writer;

    text_add_str(&text, "[");
    for (int i = 0; i < 100000; i++)
        text_add_str(&text, "1,");
    text_add_str(&text, "%d,2]");
    json_writer_init(&writer, &out);
    ck_assert_int_eq(tell(&writer.sink, NULL, NULL, text.data, 7), TEMPLATE_DONE);
    ck_assert_uint_eq(out.size, 200000 + 5);
    ck_assert_str_eq(out.data + out.size - 8, "1,1,7,2]");
    text_free(&text);
    text_free(&out);
}
END_TEST

START_TEST(a_huge_string_is_not_kept)
{
    size_t size = 1 << 20;
    char *huge = malloc(size + 1);
    long before = mem_live();

    memset(huge, '\xff', size);
    huge[size] = '\0';
    ck_assert_int_eq(to_text("'<%s>'", huge), TEMPLATE_DONE);
    ck_assert_int_le(mem_live() - before, 4); /* the template's */
    template_forget();
    ck_assert_int_eq(mem_live(), before);
    free(huge);
}
END_TEST

/* ---- Without memory ---- */

/* One allocation, the giving back of room, may fail without harm: so all are tried. */
#define ALLOCATIONS 20

START_TEST(telling_survives_failed_allocations)
{
    long before = mem_live();
    enum template_result result = TEMPLATE_BROKEN;
    unsigned failures = 0;

    for (unsigned long nth = 1; nth <= ALLOCATIONS; nth++) {
        struct json_object *object = counted();

        mem_fail_at(nth);
        result = to_text("{a: %p, b: '<%s>', c: %s, d: %p}", json_object_get(object), "text",
                         "\xff", object);
        mem_fail_at(0);
        failures += result != TEMPLATE_DONE;
        ck_assert_uint_eq(gone, 1);
        ck_assert_int_ne(result, TEMPLATE_BROKEN);
        template_forget();
        ck_assert_int_eq(mem_live(), before);
    }
    ck_assert_int_eq(result, TEMPLATE_DONE);
    ck_assert_uint_ge(failures, 5); /* three for the template, some for what it says */
}
END_TEST

START_TEST(building_survives_failed_allocations)
{
    long before = mem_live();
    struct json_object *tree = NULL;
    unsigned failures = 0;

    for (unsigned long nth = 1; nth <= ALLOCATIONS; nth++) {
        struct json_object *object = counted();

        mem_fail_at(nth);
        tree = made("{a_key_that_is_longer_than_the_room_of_the_builder: [%p], b: '<%s>'}", object,
                    "text");
        mem_fail_at(0);
        failures += tree == NULL;
        ck_assert_uint_eq(gone, tree == NULL);
        json_object_put(tree);
        ck_assert_uint_eq(gone, 1);
        template_forget();
        ck_assert_int_eq(mem_live(), before);
    }
    ck_assert_ptr_nonnull(tree);
    ck_assert_uint_ge(failures, 5);
}
END_TEST

static TCase *language_cases(void)
{
    TCase *tests = tcase_create("language");

    tcase_add_test(tests, json_is_a_template);
    tcase_add_test(tests, keys_may_be_bare_and_quotes_single);
    tcase_add_test(tests, a_conversion_is_a_value);
    tcase_add_test(tests, words_between_arguments_keep_their_commas);
    tcase_add_test(tests, arguments_keep_their_order);
    tcase_add_test(tests, inside_quotes_a_conversion_is_text);
    tcase_add_test(tests, two_percent_signs_are_one);
    tcase_add_test(tests, what_is_not_utf8_is_mended);
    tcase_add_test(tests, broken_templates_say_why_and_where);
    tcase_add_test(tests, a_template_has_a_depth);
    return tests;
}

static TCase *reference_cases(void)
{
    TCase *tests = tcase_create("references");

    tcase_add_test(tests, an_object_is_a_value);
    tcase_add_test(tests, a_tree_holds_the_object_itself);
    tcase_add_test(tests, a_broken_template_puts_its_references);
    tcase_add_test(tests, a_refusing_sink_puts_all_references);
    tcase_add_test(tests, a_tree_behind_a_conversion_has_a_depth);
    return tests;
}

static TCase *memory_cases(void)
{
    TCase *tests = tcase_create("memory");

    tcase_add_test(tests, an_address_may_come_back_with_other_words);
    tcase_add_test(tests, what_is_kept_is_bounded);
    tcase_add_test(tests, a_template_may_be_long);
    tcase_add_test(tests, a_huge_string_is_not_kept);
    tcase_add_test(tests, telling_survives_failed_allocations);
    tcase_add_test(tests, building_survives_failed_allocations);
    return tests;
}

int main(void)
{
    Suite *suite = suite_create("base/template");
    TCase *cases[] = {language_cases(), reference_cases(), memory_cases()};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tcase_add_checked_fixture(cases[i], NULL, template_forget);
        suite_add_tcase(suite, cases[i]);
    }
    return suite_run(suite);
}
