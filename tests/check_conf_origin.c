/*
 * tests/check_conf_origin: whose pages may connect, against what Channels' OriginValidator says
 * (tests/vectors/origin.json), and what is stricter here.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <json-c/json.h>

#include "base/mem.h"
#include "conf/origin.h"
#include "suite.h"

static const struct slice none = {NULL, 0};

/* Origins of the entries, which must be good. */
static struct origins *origins_of(const char *const *entries)
{
    struct origins *origins = origins_new();
    const char *why = NULL;

    for (; *entries != NULL; entries++)
        ck_assert_msg(origins_add(origins, slice_of(*entries), &why), "%s: %s", *entries, why);
    return origins;
}

/* Is the origin allowed by one entry? */
static bool allows(const char *entry, const char *origin)
{
    const char *const entries[] = {entry, NULL};
    struct origins *origins = origins_of(entries);
    bool result = origins_allow(origins, slice_of(origin), SLICE("other.example"), false);

    origins_free(origins);
    return result;
}

static bool is_same(const char *origin, const char *host, bool secure)
{
    return origins_allow(NULL, slice_of(origin), slice_of(host), secure);
}

/* Why an entry is refused; NULL: it isn't. */
static const char *refusal(const char *entry)
{
    struct origins *origins = origins_new();
    const char *why = NULL;
    bool added = origins_add(origins, slice_of(entry), &why);

    ck_assert_int_eq(added, why == NULL);
    origins_free(origins);
    return why;
}

/* ---- The vectors ---- */

/* What Channels takes as a pattern and never matches is refused as an entry. */
static bool is_entry_good(const char *entry)
{
    return strncmp(entry, "//", 2) != 0 && strcmp(entry, "example.com:8000") != 0;
}

/* A port that is none: Channels lets it pass where it doesn't look at ports. */
static bool has_bad_port(const char *origin)
{
    return strstr(origin, ":notaport") != NULL || strstr(origin, ":99999") != NULL;
}

static void check_list(const struct origins *origins, struct json_object *list, bool expected,
                       bool any)
{
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        const char *origin = json_object_get_string(json_object_array_get_idx(list, i));
        struct slice text = origin != NULL ? slice_of(origin) : none;
        bool allowed = origins_allow(origins, text, SLICE("served.example"), false);

        ck_assert_msg(allowed == (expected && (any || origin == NULL || !has_bad_port(origin))),
                      "%s", origin != NULL ? origin : "none");
    }
}

static void check_raises(const struct origins *origins, struct json_object *list)
{
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        struct json_object *pair = json_object_array_get_idx(list, i);
        const char *origin = json_object_get_string(json_object_array_get_idx(pair, 0));

        ck_assert_msg(!origins_allow(origins, slice_of(origin), SLICE("served.example"), false),
                      "%s", origin);
    }
}

static void check_case(struct json_object *vector)
{
    struct json_object *allowed = json_object_object_get(vector, "allowed");
    struct origins *origins = origins_new();
    const char *why;
    bool any = false;

    origins_deny_missing(origins);
    for (size_t i = 0; i < json_object_array_length(allowed); i++) {
        const char *entry = json_object_get_string(json_object_array_get_idx(allowed, i));

        any |= strcmp(entry, "*") == 0;
        ck_assert_int_eq(origins_add(origins, slice_of(entry), &why), is_entry_good(entry));
    }
    check_list(origins, json_object_object_get(vector, "accepted"), true, any);
    check_list(origins, json_object_object_get(vector, "denied"), false, any);
    check_raises(origins, json_object_object_get(vector, "raises"));
    origins_free(origins);
}

START_TEST(entries_mean_what_they_mean_to_channels)
{
    const char *srcdir = getenv("srcdir");
    struct json_object *vectors, *cases;
    char path[4096];

    snprintf(path, sizeof path, "%s/tests/vectors/origin.json", srcdir != NULL ? srcdir : ".");
    vectors = json_object_from_file(path);
    ck_assert_msg(vectors != NULL, "%s: %s", path, json_util_get_last_err());
    cases = json_object_object_get(vectors, "cases");
    ck_assert_uint_gt(json_object_array_length(cases), 10);
    for (size_t i = 0; i < json_object_array_length(cases); i++)
        check_case(json_object_array_get_idx(cases, i));
    json_object_put(vectors);
}
END_TEST

/* ---- By hand ---- */

START_TEST(no_origin_passes_unless_it_is_denied)
{
    static const char *const entries[] = {"example.com", NULL};
    struct origins *origins = origins_of(entries);

    ck_assert(origins_allow(NULL, none, SLICE("example.com"), false));
    ck_assert(origins_allow(origins, none, SLICE("example.com"), false));
    origins_deny_missing(origins);
    ck_assert(!origins_allow(origins, none, SLICE("example.com"), false));
    origins_free(origins);
}
END_TEST

START_TEST(same_is_the_host_that_was_asked)
{
    ck_assert(is_same("http://example.com", "example.com", false));
    ck_assert(is_same("http://example.com:80", "example.com", false));
    ck_assert(is_same("http://EXAMPLE.com:8000", "example.COM:8000", false));
    ck_assert(is_same("https://example.com", "example.com", true));
    ck_assert(is_same("https://example.com", "example.com:443", true));
    ck_assert(is_same("http://[::1]:8000", "[::1]:8000", false));
    ck_assert(!is_same("http://example.com", "example.com:8000", false));
    ck_assert(!is_same("http://example.com:8000", "example.com", false));
    ck_assert(!is_same("http://sub.example.com", "example.com", false));
    ck_assert(!is_same("http://example.com", "sub.example.com", false));
    ck_assert(!is_same("http://example.com", "", false));
    ck_assert(!is_same("http://example.com", "exam ple.com", false));
    ck_assert(!origins_allow(NULL, SLICE("http://example.com"), none, false));
}
END_TEST

START_TEST(behind_a_proxy_same_is_the_page_s_host)
{
    ck_assert(is_same("https://example.com", "example.com", false));
    ck_assert(is_same("https://example.com:8443", "example.com:8443", false));
    ck_assert(!is_same("https://example.com:8443", "example.com", false));
}
END_TEST

START_TEST(a_page_without_tls_is_not_the_same_as_a_server_with_it)
{
    ck_assert(!is_same("http://example.com", "example.com", true));
    ck_assert(!is_same("http://example.com:443", "example.com:443", true));
}
END_TEST

START_TEST(same_is_for_web_pages)
{
    ck_assert(!is_same("ws://example.com", "example.com", false));
    ck_assert(!is_same("chrome-extension://example.com", "example.com", false));
    ck_assert(!is_same("//example.com", "example.com", false));
    ck_assert(!is_same("null", "null", false));
    ck_assert(!is_same("example.com", "example.com", false));
}
END_TEST

START_TEST(same_stands_beside_others)
{
    static const char *const entries[] = {"same", "https://chat.example.org", ".example.net", NULL};
    struct origins *origins = origins_of(entries);

    ck_assert(origins_allow(origins, SLICE("http://here.example"), SLICE("here.example"), false));
    ck_assert(origins_allow(origins, SLICE("https://chat.example.org"), SLICE("a"), false));
    ck_assert(origins_allow(origins, SLICE("http://a.b.example.net:99"), SLICE("a"), false));
    ck_assert(!origins_allow(origins, SLICE("http://chat.example.org"), SLICE("a"), false));
    ck_assert(!origins_allow(origins, SLICE("http://aexample.net"), SLICE("a"), false));
    origins_free(origins);
}
END_TEST

START_TEST(other_schemes_compare_as_they_are)
{
    ck_assert(allows("chrome-extension://abcdef", "chrome-extension://abcdef"));
    ck_assert(!allows("chrome-extension://abcdef", "moz-extension://abcdef"));
    ck_assert(allows("abcdef", "chrome-extension://abcdef"));
    ck_assert(allows("wss://example.com", "wss://example.com:443"));
    ck_assert(allows("[::1]", "http://[::1]:8000"));
    ck_assert(allows("http://[2001:DB8::1]:80", "http://[2001:db8::1]"));
}
END_TEST

START_TEST(what_cannot_be_read_is_refused)
{
    static const char *const odd[] = {
        "",
        " ",
        "null",
        "https:",
        "https:/example.com",
        "https:example.com",
        "https://",
        "https:///example.com",
        "https://example.com:",
        "https://example.com:80:80",
        "https://example.com:-1",
        "https://example.com:+1",
        "https://example.com:65536",
        "https://example.com:4294967739", /* 443 and 2 to the power of 32 */
        "https://example.com:18446744073709551616",
        "https://exa mple.com",
        "https://a, https://example.com",
        "https://a b.example.com",
        "https://a\\.example.com",
        "https://[::1].example.com",
        "https://[example.com",
        "https://example.com]",
        "1https://example.com",
        "ht_tp://example.com",
        "://example.com",
        "https://<script>.example.com",
    };

    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
        ck_assert_msg(!allows(".example.com", odd[i]), "%s", odd[i]);
    ck_assert(!origins_allow(NULL, (struct slice){"http://a\0b", 10}, SLICE("a"), false));
    ck_assert(!origins_allow(NULL, SLICE("http://a"), (struct slice){"a\0b", 3}, false));
    ck_assert(allows("*", "https://["));
}
END_TEST

START_TEST(entries_that_could_not_match_are_refused)
{
    static const char *const odd[] = {
        "",
        "null",
        "//example.com",
        "example.com:8000",
        "*.example.com",
        "https://*.example.com",
        "https://example.com/",
        "https://example.com?a",
        "https://me@example.com",
        "https://",
        "file://",
        ".",
        "https://.",
        "例え.jp",
        "https://例え.jp",
        "a b",
        "::1",
        "https://example.com:99999",
        "[::1",
        "same,example.com",
    };

    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
        ck_assert_msg(refusal(odd[i]) != NULL, "%s", odd[i]);
    ck_assert_ptr_null(refusal("xn--r8jz45g.jp"));
    ck_assert_ptr_null(refusal("localhost"));
    ck_assert_ptr_null(refusal("my_host"));
}
END_TEST

static void check_mend(const struct origins *origins, const char *origin, const char *line)
{
    struct text out = {0};

    origins_mend(origins, origin != NULL ? slice_of(origin) : (struct slice){0}, &out);
    ck_assert_str_eq(out.data, line);
    text_free(&out);
}

START_TEST(what_would_allow_an_origin_allows_the_others_still)
{
    struct origins *origins = origins_new();
    const char *why;

    check_mend(NULL, "http://a.example", "origins same http://a.example");
    ck_assert(origins_add(origins, SLICE("b.example"), &why));
    ck_assert(origins_add(origins, SLICE(".c.example"), &why));
    check_mend(origins, " http://a.example ", "origins b.example .c.example http://a.example");
    ck_assert(origins_add(origins, SLICE("same"), &why));
    origins_deny_missing(origins);
    check_mend(origins, "http://a.example",
               "origins same b.example .c.example http://a.example missing=deny");
    check_mend(origins, NULL, "origins same b.example .c.example");
    check_mend(origins, "null", "origins *"); /* routing.conf takes none of these alone */
    check_mend(origins, "", "origins *");
    check_mend(origins, "http://a.example/path", "origins *");
    check_mend(origins, "a b", "origins *");
    origins_free(origins);
}
END_TEST

START_TEST(without_memory_no_entry_is_added)
{
    struct origins *origins = origins_new();
    const char *why = "";
    long before = mem_live();

    mem_fail_at(1);
    ck_assert(!origins_add(origins, SLICE("example.com"), &why));
    ck_assert_ptr_null(why);
    ck_assert_int_eq(mem_live(), before);
    ck_assert(!origins_allow(origins, SLICE("http://example.com"), SLICE("a"), false));
    origins_free(origins);
    mem_fail_at(1);
    ck_assert_ptr_null(origins_new());
    origins_free(NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("conf/origin");
    TCase *tests = tcase_create("origin");

    tcase_add_test(tests, entries_mean_what_they_mean_to_channels);
    tcase_add_test(tests, no_origin_passes_unless_it_is_denied);
    tcase_add_test(tests, same_is_the_host_that_was_asked);
    tcase_add_test(tests, behind_a_proxy_same_is_the_page_s_host);
    tcase_add_test(tests, a_page_without_tls_is_not_the_same_as_a_server_with_it);
    tcase_add_test(tests, same_is_for_web_pages);
    tcase_add_test(tests, same_stands_beside_others);
    tcase_add_test(tests, other_schemes_compare_as_they_are);
    tcase_add_test(tests, what_cannot_be_read_is_refused);
    tcase_add_test(tests, entries_that_could_not_match_are_refused);
    tcase_add_test(tests, what_would_allow_an_origin_allows_the_others_still);
    tcase_add_test(tests, without_memory_no_entry_is_added);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
