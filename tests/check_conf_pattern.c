/*
 * tests/check_conf_pattern: routes, against what Django makes of them (tests/vectors/routing.json)
 * and against a matcher that goes back and forth without thinking.
 */
#include <check.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <json-c/json.h>

#include "base/mem.h"
#include "conf/pattern.h"
#include "suite.h"

static struct pattern *compile(const char *route)
{
    struct pattern_fault fault;
    struct pattern *pattern = pattern_compile(slice_of(route), &fault);

    ck_assert_msg(pattern != NULL, "%s: %s", route, fault.message);
    return pattern;
}

static bool takes(const char *route, const char *path)
{
    struct pattern_capture captures[PATTERN_CAPTURES_MAX];
    struct pattern *pattern = compile(route);
    bool matches = pattern_match(pattern, slice_of(path), NULL, captures);

    pattern_free(pattern);
    return matches;
}

/* What a prefix leaves over; NULL: it does not match. Good until the next call. */
static const char *rest_of(const char *route, const char *path)
{
    static char text[100];
    struct pattern_capture captures[PATTERN_CAPTURES_MAX];
    struct pattern *pattern = compile(route);
    struct slice rest = {NULL, 0};
    bool matches = pattern_match(pattern, slice_of(path), &rest, captures);

    pattern_free(pattern);
    snprintf(text, sizeof text, "%.*s", (int)rest.size, rest.data != NULL ? rest.data : "");
    return matches ? text : NULL;
}

static bool covers(const char *earlier, const char *later)
{
    struct pattern *a = compile(earlier), *b = compile(later);
    bool result = pattern_covers(a, b);

    pattern_free(a);
    pattern_free(b);
    return result;
}

static bool covers_below(const char *earlier, const char *later, bool below)
{
    struct pattern *a = compile(earlier), *b = compile(later);
    bool result = pattern_covers_below(a, b, below);

    pattern_free(a);
    pattern_free(b);
    return result;
}

/* ---- Django's vectors ---- */

static struct json_object *vectors;

static void read_vectors(void)
{
    const char *srcdir = getenv("srcdir");
    char path[4096];

    snprintf(path, sizeof path, "%s/tests/vectors/routing.json", srcdir != NULL ? srcdir : ".");
    vectors = json_object_from_file(path);
    ck_assert_msg(vectors != NULL, "%s: %s", path, json_util_get_last_err());
}

static void free_vectors(void)
{
    json_object_put(vectors);
}

static struct json_object *row(const char *list, size_t index)
{
    return json_object_array_get_idx(json_object_object_get(vectors, list), index);
}

static size_t rows(const char *list)
{
    return json_object_array_length(json_object_object_get(vectors, list));
}

static const char *text_in(struct json_object *object, const char *key)
{
    return json_object_get_string(json_object_object_get(object, key));
}

static struct slice slice_in(struct json_object *string)
{
    return (struct slice){json_object_get_string(string),
                          (size_t)json_object_get_string_len(string)};
}

/* Do the captures have the names, kinds and values of Django's kwargs? */
static void check_captures(const struct pattern *pattern, const struct pattern_capture *captures,
                           struct json_object *kwargs)
{
    unsigned count = pattern_capture_count(pattern);

    ck_assert_uint_eq(count, (unsigned)json_object_object_length(kwargs));
    for (unsigned i = 0; i < count; i++) {
        struct json_object *value =
            json_object_object_get(kwargs, pattern_capture_name(pattern, i));
        const char *type = json_object_get_string(json_object_array_get_idx(value, 0));
        struct json_object *expected = json_object_array_get_idx(value, 1);

        ck_assert_int_eq(strcmp(type, "int") == 0, pattern_capture_kind(pattern, i) == PATTERN_INT);
        ck_assert_int_eq(strcmp(type, "uuid") == 0,
                         pattern_capture_kind(pattern, i) == PATTERN_UUID);
        if (strcmp(type, "int") == 0)
            ck_assert_int_eq(captures[i].integer, atoll(json_object_get_string(expected)));
        else
            ck_assert(slice_equal(captures[i].text, slice_in(expected)));
    }
}

/* Numbers that don't fit are no match here. */
static bool is_too_large(struct json_object *kwargs)
{
    json_object_object_foreach (kwargs, name, value) {
        (void)name;
        if (strcmp(json_object_get_string(json_object_array_get_idx(value, 0)), "int") == 0 &&
            json_object_get_string_len(json_object_array_get_idx(value, 1)) > 19)
            return true;
    }
    return false;
}

static void check_route(struct json_object *vector)
{
    struct json_object *matches = json_object_object_get(vector, "matches");
    struct json_object *others = json_object_object_get(vector, "no_match");
    struct pattern *pattern = compile(text_in(vector, "route"));
    struct pattern_capture captures[PATTERN_CAPTURES_MAX];

    for (size_t i = 0; i < json_object_array_length(matches); i++) {
        struct json_object *match = json_object_array_get_idx(matches, i);
        struct json_object *kwargs = json_object_object_get(match, "kwargs");
        bool taken =
            pattern_match(pattern, slice_in(json_object_object_get(match, "path")), NULL, captures);

        ck_assert_msg(taken == !is_too_large(kwargs), "%s takes %s", text_in(vector, "route"),
                      text_in(match, "path"));
        if (taken)
            check_captures(pattern, captures, kwargs);
    }
    for (size_t i = 0; i < json_object_array_length(others); i++)
        ck_assert_msg(
            !pattern_match(pattern, slice_in(json_object_array_get_idx(others, i)), NULL, captures),
            "%s does not take %s", text_in(vector, "route"),
            json_object_get_string(json_object_array_get_idx(others, i)));
    pattern_free(pattern);
}

START_TEST(routes_take_what_django_s_take)
{
    ck_assert_uint_gt(rows("single_route"), 10);
    for (size_t i = 0; i < rows("single_route"); i++) {
        /* Django's routes have no slash in front, and one that has it takes nothing. */
        if (text_in(row("single_route", i), "route")[0] != '/')
            check_route(row("single_route", i));
    }
}
END_TEST

START_TEST(slashes_in_front_mean_nothing)
{
    ck_assert(takes("/ws/abs/", "/ws/abs/"));
    ck_assert(takes("ws/abs/", "//ws/abs/"));
    ck_assert(takes("//ws/abs/", "ws/abs/"));
    ck_assert(takes("/", "/"));
    ck_assert(takes("", "///"));
    ck_assert(takes("/", ""));
    ck_assert(!takes("/", "/a"));
    ck_assert(!takes("/ws/abs/", "/ws//abs/"));
}
END_TEST

START_TEST(routes_are_refused_as_by_django)
{
    for (size_t i = 0; i < rows("route_errors"); i++) {
        struct json_object *vector = row("route_errors", i);
        const char *route = text_in(vector, "route");
        struct pattern_fault fault;
        struct pattern *pattern = pattern_compile(slice_of(route), &fault);

        ck_assert_msg((pattern != NULL) ==
                          json_object_get_boolean(json_object_object_get(vector, "ok")),
                      "%s: %s", route, fault.message);
        if (pattern == NULL) {
            ck_assert_str_ne(fault.message, "");
            ck_assert_uint_gt(fault.size, 0);
            ck_assert_uint_le(fault.offset + fault.size, strlen(route));
        }
        pattern_free(pattern);
    }
}
END_TEST

/* ---- By hand ---- */

START_TEST(names_and_kinds_are_told_in_order)
{
    struct pattern *pattern = compile("/<a>/<int:b>-<slug:c>/<uuid:d><path:房间>");
    static const char *const names[] = {"a", "b", "c", "d", "房间"};
    static const enum pattern_kind kinds[] = {PATTERN_STR, PATTERN_INT, PATTERN_SLUG, PATTERN_UUID,
                                              PATTERN_PATH};

    ck_assert_uint_eq(pattern_capture_count(pattern), 5);
    for (unsigned i = 0; i < 5; i++) {
        ck_assert_str_eq(pattern_capture_name(pattern, i), names[i]);
        ck_assert_int_eq(pattern_capture_kind(pattern, i), kinds[i]);
    }
    pattern_free(pattern);
}
END_TEST

START_TEST(integers_end_at_the_largest)
{
    struct pattern_capture captures[PATTERN_CAPTURES_MAX];
    struct pattern *pattern = compile("<int:n>");

    ck_assert(pattern_match(pattern, SLICE("9223372036854775807"), NULL, captures));
    ck_assert_int_eq(captures[0].integer, INT64_MAX);
    ck_assert(pattern_match(pattern, SLICE("00000000000000000000000000000000007"), NULL, captures));
    ck_assert_int_eq(captures[0].integer, 7);
    ck_assert(!pattern_match(pattern, SLICE("9223372036854775808"), NULL, captures));
    ck_assert(!pattern_match(pattern, SLICE("18446744073709551617"), NULL, captures));
    pattern_free(pattern);
    ck_assert(!takes("<int:a><int:b>", "92233720368547758089")); /* not split another way */
    ck_assert(takes("<int:a><int:b>", "92233720368547758079"));
}
END_TEST

START_TEST(captures_end_between_characters)
{
    struct pattern_capture captures[PATTERN_CAPTURES_MAX];
    struct pattern *pattern = compile("<a><b>");

    ck_assert(pattern_match(pattern, SLICE("房间号"), NULL, captures));
    ck_assert(slice_equal(captures[0].text, SLICE("房间")));
    ck_assert(slice_equal(captures[1].text, SLICE("号")));
    ck_assert(!pattern_match(pattern, SLICE("房"), NULL, captures));
    pattern_free(pattern);
    ck_assert(takes("<a>", "a\nb"));
    ck_assert(!takes("<path:a>", "a\nb"));
    ck_assert(!takes("<path:a>/x", "a\nb/x"));
}
END_TEST

START_TEST(uuids_are_lower_case_with_hyphens)
{
    ck_assert(takes("<uuid:u>", "075194d3-6885-417e-a8a8-6c931e272f00"));
    ck_assert(takes("<uuid:u>", "00000000-0000-0000-0000-000000000000"));
    ck_assert(!takes("<uuid:u>", "075194D3-6885-417e-a8a8-6c931e272f00"));
    ck_assert(!takes("<uuid:u>", "075194d3-6885-417e-a8a8-6c931e272f0g"));
    ck_assert(!takes("<uuid:u>", "075194d3-6885-417e-a8a8-6c931e272f0"));
    ck_assert(!takes("<uuid:u>", "075194d3-6885-417e-a8a8-6c931e272f001"));
    ck_assert(!takes("<uuid:u>", "075194d3-6885-417ea-8a8-6c931e272f00"));
    ck_assert(takes("<uuid:u><int:n>", "075194d3-6885-417e-a8a8-6c931e272f0012"));
    ck_assert(takes("<path:p><uuid:u>", "075194d3-6885-417e-a8a8-6c931e272f00"
                                        "075194d3-6885-417e-a8a8-6c931e272f00"));
}
END_TEST

START_TEST(a_prefix_ends_beside_a_slash)
{
    ck_assert_str_eq(rest_of("/static/", "/static/site.css"), "site.css");
    ck_assert_str_eq(rest_of("/static/", "/static/"), "");
    ck_assert_str_eq(rest_of("/static/", "/static//../etc"), "../etc");
    ck_assert_str_eq(rest_of("/static", "/static/a/b"), "a/b");
    ck_assert_str_eq(rest_of("/static", "/static"), "");
    ck_assert_ptr_null(rest_of("/static", "/staticfoo"));
    ck_assert_ptr_null(rest_of("/static/", "/static"));
    ck_assert_str_eq(rest_of("/", "/a/b"), "a/b");
    ck_assert_str_eq(rest_of("/", "/"), "");
    ck_assert_str_eq(rest_of("/u/<int:n>", "/u/12/a"), "a");
    ck_assert_ptr_null(rest_of("/u/<int:n>", "/u/12a/"));
    ck_assert_str_eq(rest_of("/u/<slug:s>/files", "/u/x/files/a"), "a");
    ck_assert_str_eq(rest_of("/u/<path:p>x", "/u/ax/bxc"), "bxc"); /* not "c" */
    ck_assert_str_eq(rest_of("/u/<path:p>", "/u/a/b\nc"), "b\nc");
}
END_TEST

START_TEST(what_looks_wrong_comes_with_a_warning)
{
    static const char *const odd[] = {"^ws/a", "ws/a$", "ws/(?P<room>[^/]+)/", "/a/<int:n",
                                      "/<int:a>/<b"};
    static const char *const fine[] = {"/a<>b/", "/a>b", "/ws/<int:n>/", "/a^b$c", "/"};
    struct pattern_fault fault;

    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        struct pattern *pattern = pattern_compile(slice_of(odd[i]), &fault);

        ck_assert_ptr_nonnull(pattern);
        ck_assert_msg(fault.message[0] != '\0', "%s", odd[i]);
        pattern_free(pattern);
    }
    for (size_t i = 0; i < sizeof fine / sizeof *fine; i++) {
        struct pattern *pattern = pattern_compile(slice_of(fine[i]), &fault);

        ck_assert_ptr_nonnull(pattern);
        ck_assert_str_eq(fault.message, "");
        pattern_free(pattern);
    }
}
END_TEST

START_TEST(sixteen_captures_are_the_most)
{
    const char *most = "<a><b><c><d><e><f><g><h><i><j><k><l><m><n><o><p>";
    struct pattern_capture captures[PATTERN_CAPTURES_MAX];
    struct pattern *pattern = compile(most);
    struct pattern_fault fault;

    ck_assert_uint_eq(pattern_capture_count(pattern), PATTERN_CAPTURES_MAX);
    ck_assert(pattern_match(pattern, SLICE("0123456789abcdefg"), NULL, captures));
    ck_assert(slice_equal(captures[0].text, SLICE("01")));
    ck_assert(slice_equal(captures[15].text, SLICE("g")));
    pattern_free(pattern);
    ck_assert_ptr_null(pattern_compile(SLICE("a<a>b<b>c<c>d<d>e<e>f<f>g<g>h<h>i<i>j<j>k<k>l<l>m<m>"
                                             "n<n>o<o>p<p>q<q>r"),
                                       &fault));
    ck_assert_str_eq(fault.message, "a pattern has at most 16 parts in <...>");
}
END_TEST

START_TEST(nothing_takes_long)
{
    const char *route = "<path:a>/<path:b>/<path:c>/<path:d>/<path:e>/<path:f>/<path:g>/x<str:h>"
                        "-<str:i>-<slug:j>--<slug:k>-y";
    struct pattern *pattern = compile(route);
    struct pattern_capture captures[PATTERN_CAPTURES_MAX];
    static char path[65536];
    clock_t start = clock();

    memset(path, '/', sizeof path);
    path[0] = 'x';
    ck_assert(!pattern_match(pattern, (struct slice){path, sizeof path}, NULL, captures));
    memset(path, '-', sizeof path);
    ck_assert(!pattern_match(pattern, (struct slice){path, sizeof path}, NULL, captures));
    for (size_t i = 1; i < sizeof path; i += 2)
        path[i] = '/';
    ck_assert(!pattern_match(pattern, (struct slice){path, sizeof path}, NULL, captures));
    ck_assert_int_lt((clock() - start) / (CLOCKS_PER_SEC / 1000), 2000); /* ms; it takes 20 */
    pattern_free(pattern);
}
END_TEST

START_TEST(without_memory_there_is_no_pattern_and_no_match)
{
    struct pattern_capture captures[PATTERN_CAPTURES_MAX];
    struct pattern *pattern = compile("<path:a>/<path:b>");
    struct pattern_fault fault;
    static char path[5000];
    long before = mem_live();

    memset(path, '/', sizeof path);
    path[0] = 'x';
    for (unsigned long nth = 1; nth <= 2; nth++) {
        mem_fail_at(nth);
        ck_assert_ptr_null(pattern_compile(SLICE("/ws/<int:n>/"), &fault));
        ck_assert_str_eq(fault.message, "");
    }
    mem_fail_at(1);
    ck_assert(!pattern_match(pattern, (struct slice){path, sizeof path}, NULL, captures));
    ck_assert(pattern_match(pattern, (struct slice){path, sizeof path}, NULL, captures));
    mem_fail_at(1); /* a short one needs none */
    ck_assert(pattern_match(pattern, (struct slice){path, 100}, NULL, captures));
    mem_fail_at(0);
    ck_assert_int_eq(mem_live(), before);
    pattern_free(pattern);
}
END_TEST

/* ---- Which covers which ---- */

START_TEST(covered_is_what_is_never_reached)
{
    static const char *const yes[][2] = {
        {"/a/", "a/"},
        {"/<a>/", "/lobby/"},
        {"/<a>/", "/<b>/"},
        {"/<a>/", "/<int:b>/"},
        {"/<a>/", "/room-<int:b>.<slug:c>/"},
        {"/<slug:a>/", "/<int:b>-<uuid:c>/"},
        {"/<path:a>", "/x/<int:b>/y"},
        {"/<int:a>/", "/<int:b>/"},
        {"/<int:a>/", "/12345/"},
        {"/<uuid:a>/<b>", "/<uuid:c>/x"},
        {"/<path:a>/<path:b>/", "/<path:x>/<path:y>/"},
    };
    static const char *const no[][2] = {
        {"/a/", "/b/"},
        {"/a/", "/a"},
        {"/a", "/a/"},
        {"/", "/a"},
        {"/a", "/"},
        {"/<int:a>/", "/<b>/"},
        {"/<int:a>/", "/<slug:b>/"},
        {"/<int:a>/", "/1<int:b>/"}, /* may be too large */
        {"/<int:a>/", "/<int:b>0/"},
        {"/<int:a>/", "/9999999999999999999/"},
        {"/<a>/", "/<b>/<c>/"},
        {"/<a>/<b>/", "/<c>/"},
        {"/<path:a>", "/<b>"}, /* may hold a newline */
        {"/<a>", "/<path:b>"},
        {"/<slug:a>.html", "/<b>.html"},
        {"/lobby/", "/<a>/"},
        {"/<uuid:a>/", "/<slug:b>/"},
    };

    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
        ck_assert_msg(covers(yes[i][0], yes[i][1]), "%s covers %s", yes[i][0], yes[i][1]);
    for (size_t i = 0; i < sizeof no / sizeof *no; i++)
        ck_assert_msg(!covers(no[i][0], no[i][1]), "%s does not cover %s", no[i][0], no[i][1]);
}
END_TEST

START_TEST(a_prefix_covers_what_lies_below)
{
    ck_assert(covers_below("/static/", "/static/site.css", false));
    ck_assert(covers_below("/static/", "/static/img/", true));
    ck_assert(covers_below("/static/", "/static/", true));
    ck_assert(covers_below("/static", "/static/", true));
    ck_assert(covers_below("/static", "/static", true));
    ck_assert(covers_below("/static", "/static", false));
    ck_assert(covers_below("/", "/<path:p>", false));
    ck_assert(covers_below("/u/<slug:s>", "/u/<int:n>/a", false));
    ck_assert(!covers_below("/static", "/staticfoo", false));
    ck_assert(!covers_below("/static/", "/static", true));
    ck_assert(!covers_below("/static/img/", "/static/", true));
    ck_assert(!covers_below("/u/<int:n>", "/u/<int:m>a", false));
    ck_assert(!covers_below("/u/<slug:s>", "/u/<int:n>.html", false));
}
END_TEST

/* ---- At random ---- */

struct part {
    int kind; /* of a capture; -1: literal */
    const char *text;
};

static uint32_t seed;

static unsigned dice(unsigned sides)
{
    seed = seed * 1664525 + 1013904223;
    return (seed >> 16) % sides;
}

#define UUID "075194d3-6885-417e-a8a8-6c931e272f00"

static const char *const scraps[] = {"/", "/", "a", "1", "-", "é", "房", "\n", "12", "a/", UUID};
#define SCRAPS (sizeof scraps / sizeof *scraps)

/* Parts, and the route that says them. */
static unsigned random_route(struct part *parts, char *route)
{
    static const char *const kinds[] = {"str", "int", "slug", "uuid", "path"};
    unsigned count = 1 + dice(5);

    *route = '\0';
    for (unsigned i = 0; i < count; i++) {
        parts[i].kind = (int)dice(10) - 5;
        parts[i].kind = parts[i].kind < 0 ? -1 : parts[i].kind;
        if (i == 0)
            parts[i].kind = -1; /* slashes in front are no part of a path */
        parts[i].text = i == 0 ? "x" : scraps[dice(5)];
        if (parts[i].kind < 0)
            strcat(route, parts[i].text);
        else
            sprintf(route + strlen(route), "<%s:n%u>", kinds[parts[i].kind], i);
    }
    return count;
}

static void random_path(char *path)
{
    strcpy(path, dice(10) > 0 ? "x" : "");
    for (unsigned i = dice(8); i > 0; i--)
        strcat(path, scraps[dice(SCRAPS)]);
}

/* A path that the parts may take. */
static void likely_path(const struct part *parts, unsigned count, char *path)
{
    static const char *const values[][3] = {{"a", "é\n1", "1-a"},
                                            {"1", "012", "9223372036854775807"},
                                            {"a", "1-a", "-"},
                                            {UUID, UUID, UUID},
                                            {"a", "1/a", "/é/"}};

    *path = '\0';
    for (unsigned i = 0; i < count; i++)
        strcat(path, parts[i].kind < 0 ? parts[i].text : values[parts[i].kind][dice(3)]);
    if (dice(3) == 0)
        strcat(path, scraps[dice(SCRAPS)]);
}

static bool fits(int kind, const char *from, const char *to)
{
    if (kind == PATTERN_UUID)
        return to - from == 36 && memcmp(from, UUID, 36) == 0;
    for (; from < to; from++)
        if ((kind == PATTERN_STR && *from == '/') || (kind == PATTERN_PATH && *from == '\n') ||
            (kind == PATTERN_INT && strchr("0123456789", *from) == NULL) ||
            (kind == PATTERN_SLUG && (*from & 0x80 || strchr("/\n.", *from) != NULL)))
            return false;
    return true;
}

/* Tries everything, the longest first. */
static bool try(const struct part *parts, unsigned count, const char *path, bool below,
                struct slice *captures, const char **end)
{
    const char *stop = path + strlen(path);

    if (count == 0) {
        *end = path;
        return *path == '\0' || (below && (*path == '/' || path[-1] == '/'));
    }
    if (parts->kind < 0) {
        size_t size = strlen(parts->text);

        return strncmp(path, parts->text, size) == 0 &&
               try(parts + 1, count - 1, path + size, below, captures, end);
    }
    for (; stop > path; stop--) {
        if ((*stop & 0xc0) == 0x80 || !fits(parts->kind, path, stop))
            continue;
        *captures = (struct slice){path, (size_t)(stop - path)};
        if (try(parts + 1, count - 1, stop, below, captures + 1, end))
            return true;
    }
    return false;
}

static bool has_large_integer(const struct part *parts, unsigned count,
                              const struct slice *captures)
{
    for (unsigned i = 0; i < count; i++) {
        char digits[100];

        if (parts[i].kind < 0)
            continue;
        snprintf(digits, sizeof digits, "%.*s", (int)captures->size, captures->data);
        errno = 0;
        if (parts[i].kind == PATTERN_INT && strtoll(digits, NULL, 10) == INT64_MAX && errno != 0)
            return true;
        captures++;
    }
    return false;
}

static void check_path(const struct part *parts, unsigned count, const char *route,
                       const struct pattern *pattern, const char *path, bool below)
{
    struct pattern_capture captures[PATTERN_CAPTURES_MAX];
    struct slice expected[8], rest;
    const char *end = NULL;
    bool matches = pattern_match(pattern, slice_of(path), below ? &rest : NULL, captures);
    bool should = try(parts, count, path, below, expected, &end) &&
                  !has_large_integer(parts, count, expected);

    ck_assert_msg(matches == should, "%s and %s%s", route, path, below ? " below" : "");
    for (unsigned i = 0; matches && i < pattern_capture_count(pattern); i++)
        ck_assert_msg(slice_equal(captures[i].text, expected[i]), "%s and %s: %u", route, path, i);
    if (matches && below) {
        while (*end == '/')
            end++;
        ck_assert_msg(slice_equal(rest, slice_of(end)), "%s and %s", route, path);
    }
}

START_TEST(all_agree_with_trying_everything)
{
    struct part parts[8];
    char route[300], path[1000];

    seed = 1;
    for (unsigned i = 0; i < 3000; i++) {
        unsigned count = random_route(parts, route);
        struct pattern *pattern = compile(route);

        for (unsigned j = 0; j < 40; j++) {
            if (j % 2 == 0)
                random_path(path);
            else
                likely_path(parts, count, path);
            if (path[0] == '/')
                continue;
            check_path(parts, count, route, pattern, path, false);
            check_path(parts, count, route, pattern, path, true);
        }
        pattern_free(pattern);
    }
}
END_TEST

START_TEST(what_is_covered_is_taken)
{
    struct pattern_capture captures[PATTERN_CAPTURES_MAX];
    struct part parts[8];
    char routes[2][300], path[1000];
    unsigned covered = 0;
    struct slice rest;

    seed = 2;
    for (unsigned i = 0; i < 30000; i++) {
        unsigned count = random_route(parts, routes[0]);
        struct pattern *later = compile(routes[0]), *earlier;
        struct part others[8];
        bool whole, file, below;

        random_route(others, routes[1]);
        earlier = compile(routes[1]);
        whole = pattern_covers(earlier, later);
        file = pattern_covers_below(earlier, later, false);
        below = pattern_covers_below(earlier, later, true);
        covered += whole + file + below;
        for (unsigned j = 0; (whole || file || below) && j < 40; j++) {
            bool taken, taken_below;

            likely_path(parts, count, path);
            taken = pattern_match(later, slice_of(path), NULL, captures);
            taken_below = pattern_match(later, slice_of(path), &rest, captures);
            if (whole && taken)
                ck_assert_msg(pattern_match(earlier, slice_of(path), NULL, captures),
                              "%s covers %s: %s", routes[1], routes[0], path);
            if ((file && taken) || (below && taken_below))
                ck_assert_msg(pattern_match(earlier, slice_of(path), &rest, captures),
                              "%s covers %s below: %s", routes[1], routes[0], path);
        }
        pattern_free(earlier);
        pattern_free(later);
    }
    ck_assert_uint_gt(covered, 500);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("conf/pattern");
    TCase *tests = tcase_create("pattern");

    tcase_add_checked_fixture(tests, read_vectors, free_vectors);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, routes_take_what_django_s_take);
    tcase_add_test(tests, slashes_in_front_mean_nothing);
    tcase_add_test(tests, routes_are_refused_as_by_django);
    tcase_add_test(tests, names_and_kinds_are_told_in_order);
    tcase_add_test(tests, integers_end_at_the_largest);
    tcase_add_test(tests, captures_end_between_characters);
    tcase_add_test(tests, uuids_are_lower_case_with_hyphens);
    tcase_add_test(tests, a_prefix_ends_beside_a_slash);
    tcase_add_test(tests, what_looks_wrong_comes_with_a_warning);
    tcase_add_test(tests, sixteen_captures_are_the_most);
    tcase_add_test(tests, nothing_takes_long);
    tcase_add_test(tests, without_memory_there_is_no_pattern_and_no_match);
    tcase_add_test(tests, covered_is_what_is_never_reached);
    tcase_add_test(tests, a_prefix_covers_what_lies_below);
    tcase_add_test(tests, all_agree_with_trying_everything);
    tcase_add_test(tests, what_is_covered_is_taken);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
