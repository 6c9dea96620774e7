/*
 * Tests of server/files_condition, files_content and files_parts: which version of a file it is,
 * who wants which part of it, and what they are answered.
 */
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "server/files_condition.h"
#include "server/files_content.h"
#include "suite.h"

#define MODIFIED 784111777 /* Sun, 06 Nov 1994 08:49:37 GMT */
#define BEFORE   "Sun, 06 Nov 1994 08:49:36 GMT"
#define THEN     "Sun, 06 Nov 1994 08:49:37 GMT"
#define NOW_MS   ((MODIFIED + 10000) * (uint64_t)1000)

static const struct stat old = {
    .st_mode = S_IFREG,
    .st_ino = 7,
    .st_size = 100,
    .st_mtim = {MODIFIED, 123456789},
    .st_ctim = {MODIFIED, 123456789},
};

/* A request's head, in memory until the next one. */
static const struct http_request *request_of(const char *method, const char *lines)
{
    static const struct http_limits limits = {100000, 100000, 100};
    static struct http_request request;
    static char head[4000];
    struct http_scan scan = {0};

    snprintf(head, sizeof head, "%s / HTTP/1.1\r\nHost: x\r\n%s\r\n", method, lines);
    ck_assert_int_eq(http_parse(head, strlen(head), &limits, &scan, &request), HTTP_DONE);
    return &request;
}

/* ---- Versions -------------------------------------------------------------------------------- */

static const char *tag_at(const struct stat *status, uint64_t now)
{
    static struct version versions[2];
    static unsigned next;
    struct version *version = &versions[next++ % 2];

    version_read(version, status, now);
    return version->tag;
}

START_TEST(a_tag_is_strong_and_stays)
{
    const char *tag = tag_at(&old, NOW_MS);

    ck_assert_uint_eq(strlen(tag), 34);
    ck_assert_int_eq(tag[0], '"');
    ck_assert_str_eq(tag_at(&old, NOW_MS + 1000000), tag);
}
END_TEST

START_TEST(each_change_is_another_tag)
{
    struct stat other[6] = {old, old, old, old, old, old};

    other[0].st_ino++;
    other[1].st_size++;
    other[2].st_mtim.tv_sec--;
    other[3].st_mtim.tv_nsec++;
    other[4].st_ctim.tv_sec--;
    other[5].st_ctim.tv_nsec++;
    for (size_t i = 0; i < sizeof other / sizeof *other; i++)
        ck_assert_str_ne(tag_at(&other[i], NOW_MS), tag_at(&old, NOW_MS));
}
END_TEST

/* What may still change without a trace has a tag that names no content. */
START_TEST(a_fresh_tag_is_weak_and_never_the_same)
{
    struct stat coarse = old;
    uint64_t changed = MODIFIED * (uint64_t)1000 + 123;

    coarse.st_ctim.tv_nsec = 0; /* a file system that counts in seconds */
    ck_assert_int_eq(strncmp(tag_at(&old, changed + 19), "W/\"", 3), 0);
    ck_assert_int_eq(tag_at(&old, changed + 20)[0], '"');
    ck_assert_int_eq(tag_at(&coarse, changed + 1800)[0], 'W');
    ck_assert_int_eq(tag_at(&coarse, changed + 1900)[0], '"');
    ck_assert_int_eq(tag_at(&old, changed - 1000)[0], 'W'); /* the clock was set back */
    ck_assert_str_ne(tag_at(&old, changed + 1), tag_at(&old, changed + 2));
    ck_assert_str_ne(tag_at(&old, changed + 1) + 2, tag_at(&old, NOW_MS));
}
END_TEST

/* ---- Conditions ------------------------------------------------------------------------------ */

/* TAG is the file's own. */
static const struct {
    const char *lines;
    unsigned status;
} conditions[] = {
    {"", 200},
    {"If-None-Match: TAG\r\n", 304},
    {"If-None-Match: W/TAG\r\n", 304},
    {"If-None-Match: \"x\", TAG\r\n", 304},
    {"If-None-Match: \"x\"\r\nIf-None-Match: TAG\r\n", 304},
    {"If-None-Match: *\r\n", 304},
    {"If-None-Match: \"x\"\r\n", 200},
    {"If-None-Match: TAG, x\r\n", 200},
    {"If-None-Match: TAG\r\nIf-None-Match: *\r\n", 200},
    {"If-None-Match: *\r\nIf-None-Match: *\r\n", 200},
    {"If-None-Match: \r\n", 200},
    {"If-Match: TAG\r\n", 200},
    {"If-Match: *\r\n", 200},
    {"If-Match: \"x\", TAG\r\n", 200},
    {"If-Match: W/TAG\r\n", 412},
    {"If-Match: \"x\"\r\n", 412},
    {"If-Match: \"x\"\r\nIf-Match: \"y\"\r\n", 412},
    {"If-Match: x\r\n", 200}, /* not to be read: as if there were none */
    {"If-Modified-Since: " THEN "\r\n", 304},
    {"If-Modified-Since: " BEFORE "\r\n", 200},
    {"If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT\r\n", 304},
    {"If-Modified-Since: yesterday\r\n", 200},
    {"If-Modified-Since: " THEN "\r\nIf-Modified-Since: " THEN "\r\n", 200},
    {"If-Unmodified-Since: " THEN "\r\n", 200},
    {"If-Unmodified-Since: " BEFORE "\r\n", 412},
    {"If-Unmodified-Since: Sunday, 06-Nov-94 08:49:36 GMT\r\n", 412},
    {"If-Unmodified-Since: Sun Nov  6 08:49:36 1994\r\n", 412},
    {"If-Unmodified-Since: yesterday\r\n", 200},
    {"If-Unmodified-Since: " BEFORE "\r\nIf-Unmodified-Since: " BEFORE "\r\n", 200},
    /* which one counts: RFC 9110, section 13.2.2 */
    {"If-None-Match: \"x\"\r\nIf-Modified-Since: " THEN "\r\n", 200},
    {"If-Modified-Since: " THEN "\r\nIf-None-Match: x\r\n", 200},
    {"If-Modified-Since: " BEFORE "\r\nIf-None-Match: TAG\r\n", 304},
    {"If-Match: TAG\r\nIf-Unmodified-Since: " BEFORE "\r\n", 200},
    {"If-Match: \"x\"\r\nIf-Unmodified-Since: " THEN "\r\n", 412},
    {"If-Match: TAG\r\nIf-None-Match: TAG\r\n", 304},
    {"If-Match: \"x\"\r\nIf-None-Match: TAG\r\n", 412},
    {"If-Unmodified-Since: " BEFORE "\r\nIf-None-Match: TAG\r\n", 412},
    {"If-Unmodified-Since: " THEN "\r\nIf-Modified-Since: " THEN "\r\n", 304},
};

/* The lines with the file's own tag in the place of TAG; until the next call. */
static const char *with_tag(const char *lines, const char *tag)
{
    static char out[1000];
    size_t size = 0;

    for (const char *at = lines; *at != '\0';) {
        bool found = strncmp(at, "TAG", 3) == 0;

        size += (size_t)snprintf(out + size, sizeof out - size, "%.*s", found ? 40 : 1,
                                 found ? tag : at);
        at += found ? 3 : 1;
    }
    out[size] = '\0';
    return out;
}

START_TEST(conditions_are_judged)
{
    static const char *const methods[] = {"GET", "HEAD"};
    struct version version;
    struct conditions found;

    version_read(&version, &old, NOW_MS);
    for (size_t i = 0; i < 2; i++) {
        conditions_read(&found, request_of(methods[i], with_tag(conditions[_i].lines, version.tag)),
                        &version);
        unsigned status = conditions_judge(&found, &version, NOW_MS / 1000);
        ck_assert_msg(status == conditions[_i].status, "%u: %s", status, conditions[_i].lines);
    }
}
END_TEST

/* ---- Ranges ---------------------------------------------------------------------------------- */

static const struct {
    const char *lines;
    enum range_result result;
} ranges[] = {
    {"Range: bytes=0-9\r\n", RANGE_TAKEN},
    {"Range: bytes=100-\r\n", RANGE_BEYOND},
    {"Range: lines=0-9\r\n", RANGE_IGNORED},
    {"Range: bytes=0-9\r\nRange: bytes=20-29\r\n", RANGE_IGNORED},
    {"If-Range: TAG\r\n", RANGE_IGNORED},
    {"Range: bytes=0-9\r\nIf-Range: TAG\r\n", RANGE_TAKEN},
    {"Range: bytes=100-\r\nIf-Range: TAG\r\n", RANGE_BEYOND},
    {"Range: bytes=100-\r\nIf-Range: \"x\"\r\n", RANGE_IGNORED},
    {"Range: bytes=0-9\r\nIf-Range: \"x\"\r\n", RANGE_IGNORED},
    {"Range: bytes=0-9\r\nIf-Range: W/TAG\r\n", RANGE_IGNORED},
    {"Range: bytes=0-9\r\nIf-Range: TAG, TAG\r\n", RANGE_IGNORED},
    {"Range: bytes=0-9\r\nIf-Range: TAG\r\nIf-Range: TAG\r\n", RANGE_IGNORED},
    {"Range: bytes=0-9\r\nIf-Range: *\r\n", RANGE_IGNORED},
    {"Range: bytes=0-9\r\nIf-Range: \r\n", RANGE_IGNORED},
    {"Range: bytes=0-9\r\nIf-Range: " THEN "\r\n", RANGE_TAKEN},
    {"Range: bytes=0-9\r\nIf-Range: " BEFORE "\r\n", RANGE_IGNORED},
    {"Range: bytes=0-9\r\nIf-Range: Sun, 06 Nov 1994 08:49:38 GMT\r\n", RANGE_IGNORED},
};

static enum range_result ask_range(const struct stat *status, const char *lines, uint64_t now)
{
    struct version version;
    struct conditions found;
    struct ranges asked;

    version_read(&version, status, now);
    conditions_read(&found, request_of("GET", with_tag(lines, version.tag)), &version);
    return conditions_range(&found, &version, 100, (time_t)(now / 1000), &asked);
}

START_TEST(ranges_hold_for_the_same_version)
{
    ck_assert_int_eq(ask_range(&old, ranges[_i].lines, NOW_MS), ranges[_i].result);
}
END_TEST

/* It may yet become another one of the same tag or date. */
START_TEST(a_version_that_is_not_settled_has_no_parts)
{
    uint64_t changed = MODIFIED * (uint64_t)1000 + 123;

    ck_assert_int_eq(ask_range(&old, "Range: bytes=0-9\r\nIf-Range: TAG\r\n", changed + 10),
                     RANGE_IGNORED);
    ck_assert_int_eq(ask_range(&old, "Range: bytes=0-9\r\nIf-Range: TAG\r\n", changed + 30),
                     RANGE_TAKEN);
    ck_assert_int_eq(ask_range(&old, "Range: bytes=0-9\r\nIf-Range: " THEN "\r\n", changed + 500),
                     RANGE_IGNORED);
    ck_assert_int_eq(ask_range(&old, "Range: bytes=0-9\r\nIf-Range: " THEN "\r\n", changed + 900),
                     RANGE_TAKEN);
    ck_assert_int_eq(ask_range(&old, "Range: bytes=0-9\r\n", changed), RANGE_TAKEN);
}
END_TEST

/* ---- Answers --------------------------------------------------------------------------------- */

static struct files_answer answer;

static void forget(void)
{
    files_parts_free(answer.parts);
    text_free(&answer.fields);
    answer = (struct files_answer){.fd = -1};
}

static unsigned ask(const char *method, const char *lines)
{
    struct text fields = {0};

    forget();
    text_add_str(&fields, "Cache-Control: no-cache\r\n");
    files_content(&answer, request_of(method, lines), &fields, &old, SLICE("a.txt"));
    text_free(&fields);
    return answer.status;
}

/* The value of a field of the answer; "" where there is none; until the next call. */
static const char *field_of(const char *name)
{
    static char value[200];
    struct slice rest = {answer.fields.data, answer.fields.size};
    struct http_field field;

    value[0] = '\0';
    while (http_next_field(&rest, &field))
        if (slice_equal(field.name, slice_of(name)))
            snprintf(value, sizeof value, "%.*s", (int)field.value.size, field.value.data);
    return value;
}

START_TEST(the_whole_file_says_that_it_has_parts)
{
    ck_assert_uint_eq(ask("GET", ""), 200);
    ck_assert_uint_eq(answer.size, 100);
    ck_assert_uint_eq(answer.part.offset, 0);
    ck_assert_uint_eq(answer.part.size, 100);
    ck_assert_str_eq(field_of("Accept-Ranges"), "bytes");
    ck_assert_str_eq(field_of("Last-Modified"), THEN);
    ck_assert_uint_eq(strlen(field_of("ETag")), 34);
}
END_TEST

START_TEST(one_range_is_a_part)
{
    ck_assert_uint_eq(ask("GET", "Range: bytes=-5\r\n"), 206);
    ck_assert_uint_eq(answer.size, 5);
    ck_assert_uint_eq(answer.part.offset, 95);
    ck_assert_uint_eq(answer.part.size, 5);
    ck_assert_str_eq(field_of("Content-Range"), "bytes 95-99/100");
    ck_assert_str_eq(field_of("Content-Type"), "text/plain; charset=utf-8");
    ck_assert_str_eq(field_of("Cache-Control"), "no-cache");
    ck_assert_str_eq(field_of("Last-Modified"), THEN);
    ck_assert_uint_eq(strlen(field_of("ETag")), 34);
    ck_assert_ptr_null(answer.parts);
}
END_TEST

START_TEST(several_ranges_are_several_parts)
{
    static const char format[] =
        "--%1$s\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Range: bytes 0-1/100\r\n\r\n"
        "[2]\r\n--%1$s\r\nContent-Type: text/plain; charset=utf-8\r\n"
        "Content-Range: bytes 50-59/100\r\n\r\n[10]\r\n--%1$s--\r\n";
    char type[100], expected[1000];
    struct text found = {0};
    struct range part;
    uint64_t inside = 0, marks = 0;

    ck_assert_uint_eq(ask("GET", "Range: bytes=0-1,50-59\r\n"), 206);
    ck_assert_str_eq(field_of("Content-Range"), "");
    snprintf(type, sizeof type, "%s", field_of("Content-Type"));
    const char *boundary = strstr(type, "boundary=");
    ck_assert_ptr_nonnull(boundary);
    while (files_parts_next(answer.parts, &found, &part)) {
        size_t before = found.size;

        text_addf(&found, "[%u]", (unsigned)part.size);
        marks += found.size - before;
        inside += part.size;
    }
    snprintf(expected, sizeof expected, format, boundary + 9);
    ck_assert_str_eq(found.data, expected);
    ck_assert_uint_eq(answer.size, found.size - marks + inside);
    text_free(&found);
}
END_TEST

START_TEST(a_range_beyond_says_how_long_the_file_is)
{
    ck_assert_uint_eq(ask("GET", "Range: bytes=100-\r\n"), 416);
    ck_assert_str_eq(field_of("Content-Range"), "bytes */100");
    ck_assert_str_eq(field_of("ETag"), "");
    ck_assert_ptr_nonnull(answer.why);
}
END_TEST

START_TEST(head_knows_no_ranges)
{
    ck_assert_uint_eq(ask("HEAD", "Range: bytes=0-9\r\n"), 200);
    ck_assert_uint_eq(answer.size, 100);
    ck_assert_str_eq(field_of("Accept-Ranges"), "bytes");
    ck_assert_uint_eq(ask("HEAD", "Range: bytes=100-\r\n"), 200);
}
END_TEST

START_TEST(conditions_come_before_ranges)
{
    ck_assert_uint_eq(ask("GET", "Range: bytes=0-9\r\nIf-None-Match: *\r\n"), 304);
    ck_assert_str_eq(field_of("Content-Range"), "");
    ck_assert_str_eq(field_of("Content-Type"), "");
    ck_assert_str_eq(field_of("Cache-Control"), "no-cache");
    ck_assert_uint_eq(strlen(field_of("ETag")), 34);
    ck_assert_uint_eq(ask("GET", "Range: bytes=100-\r\nIf-None-Match: *\r\n"), 304);
    ck_assert_uint_eq(ask("GET", "Range: bytes=100-\r\nIf-Match: \"x\"\r\n"), 412);
    ck_assert_str_eq(field_of("Cache-Control"), "");
    ck_assert_uint_eq(ask("GET", "Range: bytes=0-9\r\nIf-Match: *\r\n"), 206);
}
END_TEST

START_TEST(parts_do_without_memory)
{
    long before = mem_live();

    for (unsigned long nth = 1; nth < 20; nth++) {
        mem_fail_at(nth);
        struct text fields = {0};
        struct files_answer poor = {.fd = -1};
        files_content(&poor, request_of("GET", "Range: bytes=0-1,50-59\r\n"), &fields, &old,
                      SLICE("a.txt"));
        mem_fail_at(0);
        ck_assert(poor.fields.failed || poor.parts != NULL);
        files_parts_free(poor.parts);
        text_free(&poor.fields);
    }
    ck_assert_int_eq(mem_live(), before);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("server/files_condition, files_content, files_parts");
    TCase *tcase = tcase_create("versions");

    tcase_add_test(tcase, a_tag_is_strong_and_stays);
    tcase_add_test(tcase, each_change_is_another_tag);
    tcase_add_test(tcase, a_fresh_tag_is_weak_and_never_the_same);
    suite_add_tcase(suite, tcase);

    tcase = tcase_create("conditions");
    tcase_add_loop_test(tcase, conditions_are_judged, 0, sizeof conditions / sizeof *conditions);
    tcase_add_loop_test(tcase, ranges_hold_for_the_same_version, 0, sizeof ranges / sizeof *ranges);
    tcase_add_test(tcase, a_version_that_is_not_settled_has_no_parts);
    suite_add_tcase(suite, tcase);

    tcase = tcase_create("answers");
    tcase_add_checked_fixture(tcase, forget, forget);
    tcase_add_test(tcase, the_whole_file_says_that_it_has_parts);
    tcase_add_test(tcase, one_range_is_a_part);
    tcase_add_test(tcase, several_ranges_are_several_parts);
    tcase_add_test(tcase, a_range_beyond_says_how_long_the_file_is);
    tcase_add_test(tcase, head_knows_no_ranges);
    tcase_add_test(tcase, conditions_come_before_ranges);
    tcase_add_test(tcase, parts_do_without_memory);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
