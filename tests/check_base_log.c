/*
 * Tests of base/log: lines of both formats, escaping, cutting, and what can't be forged.
 */
#include <check.h>
#include <errno.h>
#include <limits.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include <json-c/json.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/utf8.h"
#include "suite.h"

static int log_end = -1; /* what is written to the log can be read here, one write at a time */

static void log_open(void)
{
    int ends[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, ends), 0);
    log_set_output(ends[0]);
    log_end = ends[1];
}

/* The bytes of the next write; "" where there was none. */
static const char *log_next(void)
{
    static char line[8192];
    ssize_t size = recv(log_end, line, sizeof line - 1, 0);

    line[size > 0 ? size : 0] = '\0';
    return line;
}

/* As log_next, checked to be one line that begins with a time, which is left off. */
static const char *log_line(void)
{
    const char *line = log_next();
    regex_t begins;

    ck_assert_int_eq(regcomp(&begins,
                             "^[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-6][0-9]"
                             "\\.[0-9]{3}Z ",
                             REG_EXTENDED | REG_NOSUB),
                     0);
    ck_assert_msg(regexec(&begins, line, 0, NULL, 0) == 0, "no time: %s", line);
    regfree(&begins);
    ck_assert_msg(strchr(line, '\n') == line + strlen(line) - 1, "not one line: %s", line);
    return line + 25;
}

static struct json_object *log_object(void)
{
    const char *line = log_next();
    struct json_tokener *tokener = json_tokener_new();

    ck_assert_msg(strchr(line, '\n') == line + strlen(line) - 1, "not one line: %s", line);
    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
    struct json_object *object = json_tokener_parse_ex(tokener, line, (int)strlen(line) - 1);
    if (object == NULL) /* a number or object that could go on ends with the text */
        object = json_tokener_parse_ex(tokener, "", 1);
    json_tokener_free(tokener);
    ck_assert_msg(object != NULL, "no JSON: %s", line);
    return object;
}

static const char *member(struct json_object *object, const char *key)
{
    return json_object_get_string(json_object_object_get(object, key));
}

START_TEST(log_prints_key_value)
{
    log_open();
    log_write(LOG_WARN, "origin.refused", LOG_STR("origin", "https://evil.example"),
              LOG_INT("line", 12));
    ck_assert_str_eq(log_line(), "warn origin.refused origin=https://evil.example line=12\n");
    log_write(LOG_ERROR, "layer.lost");
    ck_assert_str_eq(log_line(), "error layer.lost\n");
    log_write(LOG_INFO, "n", LOG_INT("least", LLONG_MIN), LOG_INT("most", LLONG_MAX));
    ck_assert_str_eq(log_line(), "info n least=-9223372036854775808 most=9223372036854775807\n");
}
END_TEST

START_TEST(log_time_is_utc_with_milliseconds)
{
    struct tm tm = {0};
    unsigned milliseconds;

    log_open();
    setenv("TZ", "Asia/Kathmandu", 1);
    tzset();
    uint64_t before = clock_wall();
    log_write(LOG_INFO, "now");
    uint64_t after = clock_wall();
    const char *rest = strptime(log_next(), "%Y-%m-%dT%H:%M:%S.", &tm);
    ck_assert_ptr_nonnull(rest);
    ck_assert_int_eq(sscanf(rest, "%3uZ", &milliseconds), 1);
    uint64_t said = (uint64_t)timegm(&tm) * 1000 + milliseconds;
    ck_assert_uint_ge(said, before);
    ck_assert_uint_le(said, after);
}
END_TEST

START_TEST(log_threshold_holds_lines_back)
{
    log_open();
    log_write(LOG_DEBUG, "quiet");
    ck_assert_str_eq(log_next(), "");
    log_threshold = LOG_DEBUG;
    log_write(LOG_DEBUG, "loud");
    ck_assert_str_eq(log_line(), "debug loud\n");
    log_threshold = LOG_ERROR;
    log_write(LOG_WARN, "quiet");
    ck_assert_str_eq(log_next(), "");
}
END_TEST

START_TEST(log_leaves_out_what_is_not_there)
{
    log_open();
    log_write(LOG_INFO, "e", LOG_STR("none", NULL), LOG_STR("", "nameless"), LOG_STR("a", "b"));
    ck_assert_str_eq(log_line(), "info e a=b\n");
    log_set_format(LOG_JSON);
    log_write(LOG_INFO, "e", LOG_STR("none", NULL), LOG_STR("", "nameless"), LOG_STR("a", "b"));
    struct json_object *object = log_object();
    ck_assert_int_eq(json_object_object_length(object), 4);
    json_object_put(object);
}
END_TEST

static const struct {
    const char *value;
    size_t size;
    const char *plain;
} escapes[] = {
    {"bare", 4, "bare"},
    {"", 0, "\"\""},
    {"two words", 9, "\"two words\""},
    {"a=b", 3, "\"a=b\""},
    {"say \"x\"", 7, "\"say \\\"x\\\"\""},
    {"\"", 1, "\"\\\"\""},
    {"back\\slash", 10, "\"back\\\\slash\""},
    {"a\nb", 3, "\"a\\nb\""},
    {"a\r\tb", 4, "\"a\\r\\tb\""},
    {"a\0b", 3, "\"a\\x00b\""},
    {"\x1b[2J", 4, "\"\\x1b[2J\""},
    {"\x7f", 1, "\"\\x7f\""},
    {"gr\xc3\xbc\xc3\x9f", 6, "gr\xc3\xbc\xc3\x9f"},
    {"\xf0\x9f\x99\x82", 4, "\xf0\x9f\x99\x82"},
    {"\xff", 1, "\"\\xff\""},
    {"a\xc3", 2, "\"a\\xc3\""},
    {"\xc0\xaf", 2, "\"\\xc0\\xaf\""},
    {"\xed\xa0\x80", 3, "\"\\xed\\xa0\\x80\""},
    {"\xc2\x9b\x32J", 4, "\"\\u009b2J\""},  /* CSI, as a terminal knows it */
    {"x\xe2\x80\xa8y", 5, "\"x\\u2028y\""}, /* LINE SEPARATOR */
    {"x\xe2\x80\xaey", 5, "\"x\\u202ey\""}, /* RIGHT-TO-LEFT OVERRIDE */
    {"\xef\xbb\xbf", 3, "\"\\ufeff\""},
};

START_TEST(log_escapes_plain)
{
    char expected[100];

    log_open();
    log_write(LOG_INFO, "e", LOG_STRN("v", escapes[_i].value, escapes[_i].size), LOG_INT("n", 1));
    snprintf(expected, sizeof expected, "info e v=%s n=1\n", escapes[_i].plain);
    ck_assert_str_eq(log_line(), expected);
}
END_TEST

START_TEST(log_escapes_json)
{
    log_open();
    log_set_format(LOG_JSON);
    log_write(LOG_INFO, "e", LOG_STRN("v", escapes[_i].value, escapes[_i].size), LOG_INT("n", 1));

    struct json_object *object = log_object();
    struct json_object *value = json_object_object_get(object, "v");
    ck_assert_ptr_nonnull(value);
    if (utf8_valid(escapes[_i].value, escapes[_i].size)) {
        ck_assert_uint_eq((size_t)json_object_get_string_len(value), escapes[_i].size);
        ck_assert_mem_eq(json_object_get_string(value), escapes[_i].value, escapes[_i].size);
    } else {
        ck_assert_ptr_nonnull(strstr(json_object_get_string(value), "\xef\xbf\xbd"));
    }
    ck_assert_str_eq(member(object, "n"), "1");
    json_object_put(object);
}
END_TEST

START_TEST(log_json_is_an_object_of_the_same_fields)
{
    log_open();
    log_set_format(LOG_JSON);
    log_write(LOG_WARN, "origin.refused", LOG_STR("origin", "https://\xc3\xbc.example"),
              LOG_INT("line", -12));
    struct json_object *object = log_object();
    ck_assert_str_eq(member(object, "level"), "warn");
    ck_assert_str_eq(member(object, "event"), "origin.refused");
    ck_assert_str_eq(member(object, "origin"), "https://\xc3\xbc.example");
    ck_assert(json_object_is_type(json_object_object_get(object, "line"), json_type_int));
    ck_assert_str_eq(member(object, "line"), "-12");
    ck_assert_uint_eq(strlen(member(object, "time")), strlen("2026-03-01T18:26:04.123Z"));
    json_object_put(object);
}
END_TEST

START_TEST(log_broken_text_is_replaced_in_json)
{
    log_open();
    log_set_format(LOG_JSON);
    log_write(LOG_INFO, "e", LOG_STRN("v", "a\xff\xc3", 3));
    ck_assert_ptr_nonnull(strstr(log_next(), "\"v\":\"a\\ufffd\\ufffd\"}"));
}
END_TEST

START_TEST(log_lines_cannot_be_forged)
{
    static const char forged[] = "x\n2026-03-01T18:26:04.123Z error server.died pid=1";

    log_open();
    log_write(LOG_INFO, "request", LOG_STR("path", forged), LOG_STR("user", "u status=101"));
    ck_assert_str_eq(log_line(), "info request path=\"x\\n2026-03-01T18:26:04.123Z error "
                                 "server.died pid=1\" user=\"u status=101\"\n");
    ck_assert_str_eq(log_next(), "");
    log_set_format(LOG_JSON);
    log_write(LOG_INFO, "request", LOG_STR("path", "x\",\"user\":\"admin"));
    struct json_object *object = log_object();
    ck_assert_ptr_null(member(object, "user"));
    json_object_put(object);
}
END_TEST

START_TEST(log_cuts_long_values)
{
    char value[LOG_VALUE_MAX + 2];
    const char *line;

    log_open();
    memset(value, 'v', sizeof value);
    log_write(LOG_INFO, "e", LOG_STRN("v", value, LOG_VALUE_MAX), LOG_INT("n", 1));
    line = log_line();
    ck_assert_uint_eq(strlen(line), strlen("info e v= n=1\n") + LOG_VALUE_MAX);

    log_write(LOG_INFO, "e", LOG_STRN("v", value, LOG_VALUE_MAX + 1), LOG_INT("n", 1));
    line = log_line();
    ck_assert_uint_eq(strlen(line), strlen("info e v=... n=1\n") + LOG_VALUE_MAX);
    ck_assert_ptr_nonnull(strstr(line, "v... n=1"));

    memcpy(value + LOG_VALUE_MAX - 1, "\xe2\x82\xac", 3); /* not cut within a character */
    log_write(LOG_INFO, "e", LOG_STRN("v", value, LOG_VALUE_MAX + 2));
    line = log_line();
    ck_assert_uint_eq(strlen(line), strlen("info e v=...\n") + LOG_VALUE_MAX - 1);
    ck_assert_ptr_nonnull(strstr(line, "v...\n"));

    value[0] = ' ';
    log_write(LOG_INFO, "e", LOG_STRN("v", value, LOG_VALUE_MAX + 2));
    ck_assert_ptr_nonnull(strstr(log_line(), "v...\"\n"));
}
END_TEST

START_TEST(log_line_is_bounded_and_says_so)
{
    char worst[LOG_VALUE_MAX];

    log_open();
    memset(worst, '\x01', sizeof worst);
    for (enum log_format format = LOG_PLAIN; format <= LOG_JSON; format++) {
        log_set_format(format);
        log_write(LOG_INFO, "e", LOG_STRN("a", worst, sizeof worst),
                  LOG_STRN("b", worst, sizeof worst), LOG_STRN("c", worst, sizeof worst),
                  LOG_INT("n", 1));
        const char *line = log_next();
        bool plain = format == LOG_PLAIN;
        ck_assert_uint_le(strlen(line), 4096);
        ck_assert_ptr_nonnull(strstr(line, plain ? " a=\"\\x01\\x01" : "\"a\":\"\\u0001\\u0001"));
        ck_assert_ptr_null(strstr(line, plain ? " b=" : "\"b\":"));
        ck_assert_ptr_null(strstr(line, plain ? " c=" : "\"c\":"));
        ck_assert_ptr_nonnull(
            strstr(line, plain ? " n=1 fields_left_out=2\n" : ",\"n\":1,\"fields_left_out\":2}\n"));
    }
}
END_TEST

START_TEST(log_keeps_errno)
{
    log_set_output(-1);
    errno = EPERM;
    log_write(LOG_INFO, "e");
    ck_assert_int_eq(errno, EPERM);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("base_log");
    TCase *tcase = tcase_create("log");
    int count = sizeof escapes / sizeof *escapes;

    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, log_prints_key_value);
    tcase_add_test(tcase, log_time_is_utc_with_milliseconds);
    tcase_add_test(tcase, log_threshold_holds_lines_back);
    tcase_add_test(tcase, log_leaves_out_what_is_not_there);
    tcase_add_loop_test(tcase, log_escapes_plain, 0, count);
    tcase_add_loop_test(tcase, log_escapes_json, 0, count);
    tcase_add_test(tcase, log_json_is_an_object_of_the_same_fields);
    tcase_add_test(tcase, log_broken_text_is_replaced_in_json);
    tcase_add_test(tcase, log_lines_cannot_be_forged);
    tcase_add_test(tcase, log_cuts_long_values);
    tcase_add_test(tcase, log_line_is_bounded_and_says_so);
    tcase_add_test(tcase, log_keeps_errno);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
