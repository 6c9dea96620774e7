/*
 * Tests of wire/uri: hosts, paths, queries and cookies, and lack of memory.
 */
#include <check.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "wire/uri.h"
#include "suite.h"

#define FFFD "\xef\xbf\xbd"

static void assert_text(struct text *text, const char *expected, size_t size, const char *of)
{
    ck_assert_msg(text->size == size && (size == 0 || memcmp(text->data, expected, size) == 0),
                  "%s: \"%.*s\", not \"%s\"", of, (int)text->size, text->data, expected);
    text_free(text);
}

static const char *const authorities[] = {
    "a",
    "localhost:8000",
    "example.com.",
    "EXAMPLE.com:443",
    "a:",
    "127.0.0.1:0",
    "a:65535",
    "999.999.999.999",
    "a_b~c-d!$&'()*+,;=e",
    "%41%ff%0f",
    "[::1]",
    "[::1]:8000",
    "[2001:db8::ffff:192.0.2.1]:1",
};

static const char *const no_authorities[] = {
    "",
    ":80",
    "a:b",
    "a:65536",
    "a:99999999999",
    "a:+1",
    "a:1:2",
    "a b",
    "a/b",
    "a@b",
    "u:p@a",
    "a?b",
    "a#b",
    "a\\b",
    "a\"b",
    "<a>",
    "%",
    "a%4",
    "a%4g",
    "\xc3\xa4",
    "[",
    "[]",
    "[::1",
    "::1",
    "[a]",
    "[1.2.3.4]",
    "[::1]a",
    "[::1]80",
    "[fe80::1%25eth0]",
    "[v1.a]",
    "[::1]]",
    "[ ::1]",
    "[1111:2222:3333:4444:5555:6666:7777:8888:9999:a]",
    "[1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc]",
};

START_TEST(hosts)
{
    for (size_t i = 0; i < sizeof authorities / sizeof *authorities; i++)
        ck_assert_msg(uri_is_authority(slice_of(authorities[i])), "%s", authorities[i]);
    for (size_t i = 0; i < sizeof no_authorities / sizeof *no_authorities; i++)
        ck_assert_msg(!uri_is_authority(slice_of(no_authorities[i])), "%s", no_authorities[i]);
}
END_TEST

static const struct {
    const char *encoded;
    struct slice decoded;
} paths[] = {
    {"", SLICE("")},
    {"/a/b", SLICE("/a/b")},
    {"/a%2Fb%20%E4%B8%AD", SLICE("/a/b \xe4\xb8\xad")},
    {"%2f%2F%41", SLICE("//A")},
    {"%2541", SLICE("%41")}, /* once */
    {"/a42%0A%41", SLICE("/a42\nA")},
    {"/a+b", SLICE("/a+b")},
    {"%00", SLICE("\0")},
    {"/%", SLICE("/%")},
    {"/%4", SLICE("/%4")},
    {"/%4g%g4%%41", SLICE("/%4g%g4%A")},
    {"\xe4\xb8\xad", SLICE("\xe4\xb8\xad")},
    {"\xff", SLICE(FFFD)},
    {"a%ffb", SLICE("a" FFFD "b")},
    /* As Unicode recommends, and Python and browsers do: one for each longest beginning. */
    {"%e4%b8", SLICE(FFFD)},
    {"%e4%b8a", SLICE(FFFD "a")},
    {"%e4%b8%e4%b8%ad", SLICE(FFFD "\xe4\xb8\xad")},
    {"%f0%9f%98%80", SLICE("\xf0\x9f\x98\x80")},
    {"%f0%9f%98%ff", SLICE(FFFD FFFD)},
    {"%c0%80", SLICE(FFFD FFFD)},
    {"%ed%a0%80", SLICE(FFFD FFFD FFFD)},
    {"%f4%90%80%80", SLICE(FFFD FFFD FFFD FFFD)},
    {"%80", SLICE(FFFD)},
    {"%f0", SLICE(FFFD)},
};

START_TEST(paths_decode_once)
{
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        struct text out = {0};

        ck_assert(uri_decode_path(slice_of(paths[i].encoded), &out));
        assert_text(&out, paths[i].decoded.data, paths[i].decoded.size, paths[i].encoded);
    }
}
END_TEST

START_TEST(paths_are_appended)
{
    struct text out = {0};

    text_add_str(&out, "a");
    ck_assert(uri_decode_path(SLICE("/b"), &out));
    ck_assert(uri_decode_path(SLICE("%2fc"), &out));
    assert_text(&out, "a/b/c", 5, "both");
}
END_TEST

static const struct {
    const char *query, *name;
    const char *value; /* NULL: none */
} queries[] = {
    {"", "a", NULL},
    {"a=b", "a", "b"},
    {"a=b", "b", NULL},
    {"a=b", "", NULL},
    {"a=b&a=c", "a", "c"},
    {"a=b&ab=c&=d", "a", "b"},
    {"a=b&aa=c", "aa", "c"},
    {"a=b=c", "a", "b=c"},
    {"a", "a", ""},
    {"a=", "a", ""},
    {"&&a=b&", "a", "b"},
    {"&&a=b&", "", NULL},
    {"=x", "", "x"},
    {"a=b+c%2Bd%26e", "a", "b c+d&e"},
    {"a=%e4%b8%ad%ff", "a", "\xe4\xb8\xad" FFFD},
    {"a+b%3d=c", "a b=", "c"},
    {"a%=%", "a%", "%"},
    {"a;b=c", "b", NULL},
};

START_TEST(queries_have_values)
{
    for (size_t i = 0; i < sizeof queries / sizeof *queries; i++) {
        struct text out = {0};
        const char *value = queries[i].value;
        bool found = uri_query_value(slice_of(queries[i].query), slice_of(queries[i].name), &out);

        ck_assert_msg(found == (value != NULL), "%s of %s", queries[i].name, queries[i].query);
        if (value != NULL)
            assert_text(&out, value, strlen(value), queries[i].query);
        ck_assert_ptr_null(out.data); /* freed, or nothing was added */
    }
    struct text out = {0};
    ck_assert(!uri_query_value((struct slice){0}, SLICE("a"), &out));
}
END_TEST

/* JSON text is UTF-8; the vectors mean the Latin-1 bytes of its characters. */
static struct text latin1(const char *utf8)
{
    struct text out = {0};

    for (const uint8_t *at = (const uint8_t *)utf8; *at != '\0'; at++) {
        if (*at < 0x80) {
            text_add_byte(&out, (char)*at);
        } else {
            ck_assert(*at == 0xc2 || *at == 0xc3);
            text_add_byte(&out, (char)((*at & 3) << 6 | (at[1] & 0x3f)));
            at++;
        }
    }
    return out;
}

static struct json_object *read_vectors(const char *name)
{
    const char *source = getenv("srcdir");
    char path[4096];

    snprintf(path, sizeof path, "%s/tests/vectors/%s", source != NULL ? source : ".", name);
    struct json_object *vectors = json_object_from_file(path);
    ck_assert_msg(vectors != NULL, "%s: %s", path, json_util_get_last_err());
    return vectors;
}

static unsigned different_names(struct slice header)
{
    struct slice rest = header, name, value;
    unsigned count = 0;

    while (uri_next_cookie(&rest, &name, &value)) {
        struct slice behind = rest, other;
        bool again = false;

        while (uri_next_cookie(&behind, &other, &value))
            again = again || slice_equal(name, other);
        count += !again;
    }
    return count;
}

START_TEST(cookies_are_those_of_django)
{
    struct json_object *vectors = read_vectors("cookies.json");
    struct json_object *cases = json_object_object_get(vectors, "cases");

    ck_assert_uint_gt(json_object_array_length(cases), 20);
    for (size_t i = 0; i < json_object_array_length(cases); i++) {
        struct json_object *one = json_object_array_get_idx(cases, i);
        struct json_object *cookies = json_object_object_get(one, "cookies");
        const char *text = json_object_get_string(json_object_object_get(one, "header_latin1"));
        struct text header = latin1(text);
        struct slice field = {header.data, header.size};

        ck_assert_uint_eq(different_names(field), (unsigned)json_object_object_length(cookies));
        json_object_object_foreach (cookies, key, cookie) {
            struct text name = latin1(key), value = latin1(json_object_get_string(cookie));
            struct text out = {0};
            struct slice wanted = {name.data, name.size};

            bool found = uri_cookie_value(field, wanted, &out);
            ck_assert_msg(found, "%s: no cookie \"%s\"", text, key);
            assert_text(&out, value.data, value.size, text);
            text_free(&name);
            text_free(&value);
        }
        text_free(&header);
    }
    json_object_put(vectors);
}
END_TEST

static const struct {
    const char *quoted, *plain;
} quotes[] = {
    {"", ""},
    {"a", "a"},
    {"\"", "\""},
    {"\"\"", ""},
    {"\"a", "\"a"},
    {"a\"", "a\""},
    {"\"a\\\"", "a\\"},
    {"\"\\101\\\\\\x\"", "A\\x"},
    {"\"\\400\\18\\1\"", "400181"},
    {"\"\\377\"", "\xff"},
    {"\\101", "\\101"},
};

START_TEST(quoted_values)
{
    for (size_t i = 0; i < sizeof quotes / sizeof *quotes; i++) {
        struct text out = {0};

        ck_assert(uri_unquote(slice_of(quotes[i].quoted), &out));
        assert_text(&out, quotes[i].plain, strlen(quotes[i].plain), quotes[i].quoted);
    }
}
END_TEST

START_TEST(cookie_that_is_not_there)
{
    struct text out = {0};

    ck_assert(!uri_cookie_value(SLICE("a=b; ab=c"), SLICE("b"), &out));
    ck_assert(!uri_cookie_value(SLICE(""), SLICE(""), &out));
    ck_assert(!out.failed);
}
END_TEST

START_TEST(without_memory_nothing_is_found)
{
    struct text out[4] = {0};

    mem_fail_at(1);
    ck_assert(!uri_decode_path(SLICE("/a"), &out[0]));
    mem_fail_at(1);
    ck_assert(!uri_decode_path(SLICE("/%41"), &out[1]));
    mem_fail_at(1);
    ck_assert(!uri_query_value(SLICE("a=b"), SLICE("a"), &out[2]));
    mem_fail_at(1);
    ck_assert(!uri_cookie_value(SLICE("a=\"b\""), SLICE("a"), &out[3]));
    for (int i = 0; i < 4; i++)
        ck_assert(out[i].failed);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("wire/uri");
    TCase *tcase = tcase_create("uri");

    suite_add_tcase(suite, tcase);
    tcase_add_test(tcase, hosts);
    tcase_add_test(tcase, paths_decode_once);
    tcase_add_test(tcase, paths_are_appended);
    tcase_add_test(tcase, queries_have_values);
    tcase_add_test(tcase, cookies_are_those_of_django);
    tcase_add_test(tcase, quoted_values);
    tcase_add_test(tcase, cookie_that_is_not_there);
    tcase_add_test(tcase, without_memory_nothing_is_found);
    return suite_run(suite);
}
