/*
 * Tests of base: memory, clock, log lines, text, UTF-8, random bytes.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <json-c/json.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/random.h"
#include "base/table.h"
#include "base/text.h"
#include "base/utf8.h"

/* --- mem ------------------------------------------------------------------------------------- */

START_TEST(mem_counts_what_lives)
{
    long before = mem_live();
    void *one = mem_alloc(10);
    char *two = mem_zalloc(100);
    char *three = mem_strndup("abc", 2);
    char *four = mem_strdup("abc");

    ck_assert_int_eq(mem_live() - before, 4);
    ck_assert_int_eq(two[0] | two[99], 0);
    ck_assert_str_eq(three, "ab");
    ck_assert_str_eq(four, "abc");
    one = mem_realloc(one, 1000);
    ck_assert_int_eq(mem_live() - before, 4);
    mem_free(one);
    mem_free(two);
    mem_free(three);
    mem_free(four);
    mem_free(NULL);
    ck_assert_int_eq(mem_live(), before);
}
END_TEST

START_TEST(mem_realloc_is_malloc_and_never_free)
{
    long before = mem_live();
    void *memory = mem_realloc(NULL, 10);

    ck_assert_int_eq(mem_live() - before, 1);
    memory = mem_realloc(memory, 0);
    ck_assert_ptr_nonnull(memory);
    ck_assert_int_eq(mem_live() - before, 1);
    mem_free(memory);
}
END_TEST

START_TEST(mem_fails_once_at_the_nth)
{
    void *memory[4];

    mem_fail_at(3);
    memory[0] = mem_alloc(1);
    memory[1] = mem_zalloc(1);
    memory[2] = mem_strdup("third");
    memory[3] = mem_alloc(1);
    ck_assert_ptr_nonnull(memory[0]);
    ck_assert_ptr_nonnull(memory[1]);
    ck_assert_ptr_null(memory[2]);
    ck_assert_ptr_nonnull(memory[3]);
    for (int i = 0; i < 4; i++)
        mem_free(memory[i]);
}
END_TEST

START_TEST(mem_fail_can_be_taken_back)
{
    mem_fail_at(1);
    mem_fail_at(0);
    void *memory = mem_alloc(1);
    ck_assert_ptr_nonnull(memory);
    mem_free(memory);
}
END_TEST

START_TEST(mem_failed_realloc_keeps_the_old)
{
    char *memory = mem_strdup("kept");

    mem_fail_at(1);
    ck_assert_ptr_null(mem_realloc(memory, 100000));
    ck_assert_str_eq(memory, "kept");
    mem_free(memory);
}
END_TEST

static void *allocate_here_free_there(void *fails)
{
    if (fails != NULL)
        mem_fail_at(1);
    return mem_alloc(8);
}

START_TEST(mem_counts_over_threads_and_fails_in_one)
{
    long before = mem_live();
    pthread_t thread;
    void *memory;

    mem_fail_at(1); /* of this thread, so the other's succeeds */
    ck_assert_int_eq(pthread_create(&thread, NULL, allocate_here_free_there, NULL), 0);
    pthread_join(thread, &memory);
    ck_assert_ptr_nonnull(memory);
    mem_fail_at(0);
    ck_assert_int_eq(mem_live() - before, 1);
    mem_free(memory);
    ck_assert_int_eq(mem_live(), before);
    ck_assert_int_eq(pthread_create(&thread, NULL, allocate_here_free_there, &before), 0);
    pthread_join(thread, &memory);
    ck_assert_ptr_null(memory);
}
END_TEST

struct entry {
    int key;
    UT_hash_handle hh;
};

START_TEST(table_survives_each_failed_allocation)
{
    long before = mem_live();

    for (unsigned long nth = 1; nth <= 3; nth++) {
        struct entry *table = NULL, *found, one = {.key = 1};
        int key = 1;

        mem_fail_at(nth);
        HASH_ADD_INT(table, key, &one);
        mem_fail_at(0);
        HASH_FIND_INT(table, &key, found);
        if (one.hh.tbl == NULL) {
            ck_assert_ptr_null(found);
        } else {
            ck_assert_ptr_eq(found, &one);
            HASH_DEL(table, &one);
        }
        ck_assert(nth > 2 || one.hh.tbl == NULL); /* a table is made of two allocations */
        ck_assert_int_eq(mem_live(), before);
    }
}
END_TEST

/* --- clock ----------------------------------------------------------------------------------- */

START_TEST(clock_stands_still_and_is_moved)
{
    clock_freeze(5000);
    ck_assert_uint_eq(clock_now(), 5000);
    clock_advance(250);
    ck_assert_uint_eq(clock_now(), 5250);
    clock_freeze(0);
    ck_assert_uint_eq(clock_now(), 0);
    clock_thaw();
    ck_assert_uint_ne(clock_now(), 0);
}
END_TEST

START_TEST(clock_runs_by_the_real_one)
{
    uint64_t before = clock_now();
    uint64_t coarse = clock_coarse();

    clock_advance(1000000); /* means nothing while it runs */
    ck_assert_uint_ge(clock_now(), before);
    ck_assert_uint_lt(clock_now(), before + 900000);
    ck_assert_uint_le(coarse, clock_now());
    ck_assert_uint_lt(clock_now() - coarse, 100000);
    ck_assert_uint_le(clock_wall() / 1000, (uint64_t)time(NULL) + 1);
    ck_assert_uint_ge(clock_wall() / 1000 + 1, (uint64_t)time(NULL));
}
END_TEST

START_TEST(clock_coarse_is_real_whatever_tests_set)
{
    clock_freeze(7);
    ck_assert_uint_ne(clock_coarse(), 7);
    clock_thaw();
}
END_TEST

/* --- log ------------------------------------------------------------------------------------- */

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

/* --- text ------------------------------------------------------------------------------------ */

START_TEST(slices_compare)
{
    ck_assert(slice_equal(SLICE("abc"), slice_of("abc")));
    ck_assert(!slice_equal(SLICE("abc"), SLICE("abC")));
    ck_assert(!slice_equal(SLICE("abc"), SLICE("ab")));
    ck_assert(slice_equal((struct slice){NULL, 0}, SLICE("")));
    ck_assert(slice_equal(slice_of(NULL), SLICE("")));
    ck_assert(slice_equal_nocase(SLICE("Sec-WebSocket-Key"), SLICE("sec-websocket-kEY")));
    ck_assert(!slice_equal_nocase(SLICE("a@"), SLICE("a`")));
    ck_assert(!slice_equal_nocase(SLICE("a["), SLICE("a{")));
    ck_assert(!slice_equal_nocase(SLICE("\xc3\x84"), SLICE("\xc3\xa4"))); /* ASCII only */
    ck_assert(!slice_equal_nocase(SLICE("a\0b"), SLICE("a\0c")));
    ck_assert(!slice_equal_nocase(SLICE("abc"), SLICE("abcd")));
}
END_TEST

START_TEST(slices_trim)
{
    ck_assert(slice_equal(slice_trim(SLICE(" \t a b\t ")), SLICE("a b")));
    ck_assert(slice_equal(slice_trim(SLICE(" \t ")), SLICE("")));
    ck_assert(slice_equal(slice_trim(SLICE("")), SLICE("")));
    ck_assert(slice_equal(slice_trim(SLICE("\ra\n")), SLICE("\ra\n")));
}
END_TEST

START_TEST(text_grows)
{
    struct text text = {0};

    text_add(&text, "", 0);
    ck_assert_ptr_null(text.data);
    for (int i = 0; i < 1000; i++) {
        text_add_str(&text, "abc");
        text_add_byte(&text, '\0');
        text_addf(&text, "%d", i % 10);
        ck_assert_int_eq(text.data[text.size], '\0');
        ck_assert_uint_lt(text.size, text.room);
    }
    ck_assert_uint_eq(text.size, 5000);
    ck_assert_mem_eq(text.data + 4990,
                     "abc\0"
                     "8abc\0"
                     "9",
                     11);
    text_clear(&text);
    ck_assert_uint_eq(text.size, 0);
    ck_assert_uint_gt(text.room, 5000);
    ck_assert_str_eq(text.data, "");
    text_free(&text);
    ck_assert_ptr_null(text.data);
    ck_assert_uint_eq(text.room, 0);
}
END_TEST

START_TEST(text_formats_what_does_not_fit_yet)
{
    struct text text = {0};

    text_addf(&text, "%s", "");
    ck_assert_uint_eq(text.size, 0);
    for (unsigned width = 60; width < 70; width++) { /* around the first room of 64 */
        text_free(&text);
        text_addf(&text, "%0*d", (int)width, 7);
        ck_assert_uint_eq(text.size, width);
        ck_assert_uint_eq(strlen(text.data), width);
        ck_assert_int_eq(text.data[width - 1], '7');
    }
    text_addf(&text, "-%s", "x");
    ck_assert_str_eq(text.data + text.size - 3, "7-x");
    text_free(&text);
}
END_TEST

START_TEST(text_reserve_gives_room)
{
    struct text text = {0};

    text_add_str(&text, "ab");
    char *end = text_reserve(&text, 1000);
    ck_assert_ptr_eq(end, text.data + 2);
    ck_assert_uint_eq(text.size, 2);
    ck_assert_uint_ge(text.room, 1003);
    memset(end, 'c', 1000);
    text.size += 1000;
    char *taken = text_take(&text);
    ck_assert_uint_eq(strlen(taken), 1002);
    ck_assert_ptr_null(text.data);
    mem_free(taken);
}
END_TEST

START_TEST(text_take_of_nothing_is_an_empty_string)
{
    struct text text = {0};
    char *taken = text_take(&text);

    ck_assert_str_eq(taken, "");
    mem_free(taken);
}
END_TEST

START_TEST(text_failed_keeps_what_was_there)
{
    struct text text = {0};
    long before = mem_live();

    text_add_str(&text, "kept");
    mem_fail_at(1);
    text_addf(&text, "%100d", 1);
    ck_assert(text.failed);
    text_add_str(&text, " and no more");
    text_add_byte(&text, 'x');
    text_addf(&text, "y");
    ck_assert_ptr_null(text_reserve(&text, 1));
    ck_assert_str_eq(text.data, "kept");
    ck_assert_uint_eq(text.size, 4);
    ck_assert_ptr_null(text_take(&text));
    ck_assert_int_eq(mem_live(), before);
    ck_assert(!text.failed); /* as new */

    mem_fail_at(1);
    text_add_byte(&text, 'x');
    ck_assert(text.failed);
    ck_assert_ptr_null(text.data);
    text_clear(&text);
    text_add_byte(&text, 'x');
    ck_assert_str_eq(text.data, "x");
    text_free(&text);
}
END_TEST

START_TEST(text_refuses_sizes_that_overflow)
{
    struct text text = {0};

    text_add_str(&text, "x");
    ck_assert_ptr_null(text_reserve(&text, SIZE_MAX));
    ck_assert(text.failed);
    text_clear(&text);
    ck_assert_ptr_null(text_reserve(&text, SIZE_MAX / 2));
    ck_assert(text.failed);
    text_free(&text);
}
END_TEST

static const struct {
    const char *a, *b;
    unsigned distance;
} distances[] = {
    {"", "", 0},
    {"", "abc", 3},
    {"same", "same", 0},
    {"same", "some", 1},
    {"same", "sme", 1},
    {"same", "samne", 1},
    {"same", "smae", 1},
    {"consumer", "consumre", 1},
    {"ca", "abc", 3}, /* restricted: what was swapped is not edited again */
    {"kitten", "sitting", 3},
    {"routing", "running", 3},
    {"abcdef", "badcfe", 3},
    {"saturday", "sunday", 3},
    {"aab", "aba", 1},
    {"abab", "baba", 2},
    {"a", "b", 1},
};

START_TEST(distance_counts_edits)
{
    struct slice a = slice_of(distances[_i].a), b = slice_of(distances[_i].b);

    ck_assert_uint_eq(text_distance(a, b, 10), distances[_i].distance);
    ck_assert_uint_eq(text_distance(b, a, 10), distances[_i].distance);
    if (distances[_i].distance > 0)
        ck_assert_uint_eq(text_distance(a, b, distances[_i].distance - 1), distances[_i].distance);
    if (distances[_i].distance > 1)
        ck_assert_uint_eq(text_distance(a, b, 0), 1);
}
END_TEST

START_TEST(distance_of_long_words)
{
    char a[1000], b[1000];

    memset(a, 'a', sizeof a);
    memcpy(b, a, sizeof b);
    b[500] = 'b';
    ck_assert_uint_eq(text_distance((struct slice){a, 1000}, (struct slice){b, 1000}, 3), 1);
    memset(b, 'b', sizeof b);
    ck_assert_uint_eq(text_distance((struct slice){a, 1000}, (struct slice){b, 1000}, 3), 4);
    ck_assert_uint_eq(text_distance((struct slice){a, 64}, (struct slice){b, 64}, 100), 64);
    ck_assert_uint_eq(text_distance((struct slice){a, 65}, (struct slice){b, 65}, 100), 101);
}
END_TEST

START_TEST(suggest_finds_the_nearest)
{
    static const char *const choices[] = {"listen", "limits", "mount", "layer", "sessions", NULL};

    ck_assert_str_eq(text_suggest(SLICE("lisen"), choices), "listen");
    ck_assert_str_eq(text_suggest(SLICE("limit"), choices), "limits");
    ck_assert_str_eq(text_suggest(SLICE("moutn"), choices), "mount");
    ck_assert_str_eq(text_suggest(SLICE("mount"), choices), "mount");
    ck_assert_ptr_null(text_suggest(SLICE("frobnicate"), choices));
    ck_assert_ptr_null(text_suggest(SLICE(""), choices));
    ck_assert_ptr_null(text_suggest(SLICE("m"), choices));
}
END_TEST

START_TEST(suggest_wants_fewer_than_half_of_the_word)
{
    static const char *const choices[] = {"on", "off", "abcd", NULL};

    ck_assert_ptr_null(text_suggest(SLICE("in"), choices));      /* 1 of 2 */
    ck_assert_str_eq(text_suggest(SLICE("onn"), choices), "on"); /* 1 of 3 */
    ck_assert_ptr_null(text_suggest(SLICE("xbyd"), choices));    /* 2 of 4 */
    ck_assert_str_eq(text_suggest(SLICE("abxcd"), choices), "abcd");
}
END_TEST

START_TEST(hex_digits)
{
    char out[2 * 4 + 1 + 1] = "..........";

    text_hex(out, "\x00\x7f\xa5\xff", 4);
    ck_assert_str_eq(out, "007fa5ff");
    text_hex(out, "", 0);
    ck_assert_str_eq(out, "");
}
END_TEST

/* --- UTF-8 ----------------------------------------------------------------------------------- */

/* The plain reading of RFC 3629: bits first, then what the number may be. Gives the bytes that are
 * good and whole, the length of `bytes` if all are. */
static size_t oracle(const unsigned char *bytes, size_t size)
{
    size_t at = 0;

    while (at < size) {
        unsigned long code = bytes[at];
        size_t length = code < 0x80           ? 1
                        : (code >> 5) == 0x06 ? 2
                        : (code >> 4) == 0x0e ? 3
                        : (code >> 3) == 0x1e ? 4
                                              : 0;
        static const unsigned long least[] = {0, 0, 0x80, 0x800, 0x10000};

        if (length == 0 || at + length > size)
            return at;
        if (length > 1)
            code &= 0x7ful >> length;
        for (size_t i = 1; i < length; i++) {
            if ((bytes[at + i] >> 6) != 2)
                return at;
            code = code << 6 | (bytes[at + i] & 63);
        }
        if (code < least[length] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
            return at;
        at += length;
    }
    return at;
}

static bool fed_in_two(const unsigned char *bytes, size_t size, size_t split)
{
    struct utf8_state state = {0};

    return utf8_feed(&state, bytes, split) && utf8_feed(&state, bytes + split, size - split) &&
           utf8_complete(&state);
}

static bool fed_by_bytes(const unsigned char *bytes, size_t size)
{
    struct utf8_state state = {0};

    for (size_t i = 0; i < size; i++)
        if (!utf8_feed(&state, bytes + i, 1))
            return false;
    return utf8_complete(&state);
}

/* The same answer alone, within ASCII, in every pair of pieces and byte by byte. */
static void agree(const unsigned char *bytes, size_t size)
{
    unsigned char framed[32];
    bool valid = oracle(bytes, size) == size;
    bool same = utf8_valid(bytes, size) == valid && fed_by_bytes(bytes, size) == valid;

    memset(framed, 'a', sizeof framed);
    memcpy(framed + 17, bytes, size);
    same = same && utf8_valid(framed, sizeof framed) == (oracle(framed, 32) == 32);
    for (size_t split = 0; split <= size; split++)
        same = same && fed_in_two(bytes, size, split) == valid;
    ck_assert_msg(same, "%zu bytes: %02x %02x %02x %02x", size, bytes[0], size > 1 ? bytes[1] : 0,
                  size > 2 ? bytes[2] : 0, size > 3 ? bytes[3] : 0);
}

/* Both ends of every range that a byte of UTF-8 can be in. */
static const unsigned char ends[] = {0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf,
                                     0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec, 0xed, 0xee,
                                     0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xf7, 0xf8, 0xff};
#define ENDS (sizeof ends)

START_TEST(utf8_all_of_one_and_two_bytes)
{
    for (unsigned first = 0; first < 256; first++) {
        agree((unsigned char[]){(unsigned char)first}, 1);
        for (unsigned second = 0; second < 256; second++)
            agree((unsigned char[]){(unsigned char)first, (unsigned char)second}, 2);
    }
}
END_TEST

START_TEST(utf8_all_classes_of_three_bytes)
{
    for (unsigned first = 0; first < 256; first++)
        for (unsigned i = 0; i < ENDS * ENDS; i++)
            agree((unsigned char[]){(unsigned char)first, ends[i / ENDS], ends[i % ENDS]}, 3);
}
END_TEST

START_TEST(utf8_all_classes_of_four_bytes)
{
    for (unsigned i = 0; i < ENDS * ENDS; i++)
        for (unsigned k = 0; k < ENDS * ENDS; k++)
            agree((unsigned char[]){ends[i / ENDS], ends[i % ENDS], ends[k / ENDS], ends[k % ENDS]},
                  4);
}
END_TEST

/* What a code point would be in `length` bytes, whether it may or not. */
static void encode(uint32_t code, unsigned length, unsigned char out[4])
{
    static const unsigned char first[] = {0, 0, 0xc0, 0xe0, 0xf0};

    for (unsigned i = length; i-- > 0; code >>= 6)
        out[i] = (unsigned char)(i > 0 ? 0x80 | (code & 0x3f) : first[length] | code);
}

START_TEST(utf8_all_code_points)
{
    for (uint32_t code = 0; code < 0x110000; code++) {
        unsigned length = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
        bool surrogate = code >= 0xd800 && code <= 0xdfff;
        unsigned char bytes[4] = {0};
        uint32_t read = 0;

        encode(code, length, bytes);
        bool ok = utf8_valid(bytes, length) == !surrogate &&
                  utf8_valid(bytes, length - 1) == (length == 1) &&
                  utf8_character((const char *)bytes, length, &read) == (surrogate ? 0 : length) &&
                  utf8_character((const char *)bytes, length - 1, &read) == 0 &&
                  (surrogate || read == code);
        ck_assert_msg(ok, "U+%04X", code);
    }
}
END_TEST

START_TEST(utf8_refuses_overlong_and_beyond)
{
    unsigned char bytes[4];

    for (unsigned length = 2; length <= 4; length++)
        for (uint32_t code = 0; code < (length == 2   ? 0x80
                                        : length == 3 ? 0x800
                                                      : 0x10000);
             code++) {
            encode(code, length, bytes);
            ck_assert_msg(!utf8_valid(bytes, length), "U+%04X in %u bytes", code, length);
        }
    for (uint32_t code = 0x110000; code < 0x200000; code++) {
        encode(code, 4, bytes);
        ck_assert_msg(!utf8_valid(bytes, 4), "0x%X", code);
    }
}
END_TEST

/* A wrong byte is refused in the call that brings it, wherever it stands in a longer text. */
START_TEST(utf8_fails_at_the_first_wrong_byte)
{
    static const char text[] = "ascii that is longer than sixteen bytes \xc3\xa4\xe2\x82\xac"
                               "\xf0\x9f\x99\x82\xf4\x8f\xbf\xbf and ASCII again, to the end.";
    char copy[sizeof text];
    size_t size = sizeof text - 1;

    ck_assert(utf8_valid(text, size));
    for (size_t wrong = 0; wrong < size; wrong++) {
        struct utf8_state state = {0};

        memcpy(copy, text, size);
        copy[wrong] = (char)0xff;
        ck_assert(utf8_feed(&state, copy, wrong));
        ck_assert(!utf8_feed(&state, copy + wrong, 1));
        ck_assert(!utf8_valid(copy, size));
    }
}
END_TEST

START_TEST(utf8_every_pair_of_splits)
{
    static const char text[] = "twenty ASCII bytes..\xc3\xa4\xe2\x82\xac\xf0\x9f\x99\x82.";
    size_t size = sizeof text - 1;

    for (size_t one = 0; one <= size; one++)
        for (size_t two = one; two <= size; two++) {
            struct utf8_state state = {0};

            ck_assert(utf8_feed(&state, text, one));
            ck_assert(utf8_feed(&state, text + one, two - one));
            ck_assert(utf8_feed(&state, text + two, size - two));
            ck_assert(utf8_complete(&state));
        }
}
END_TEST

/* One byte that is not ASCII, at each place and alignment of a run that is skipped in blocks. */
START_TEST(utf8_sees_every_byte_of_a_run)
{
    _Alignas(16) char bytes[80];

    for (size_t from = 0; from < 16; from++)
        for (size_t at = from; at < sizeof bytes; at++) {
            memset(bytes, 'a', sizeof bytes);
            ck_assert(utf8_valid(bytes + from, sizeof bytes - from));
            bytes[at] = (char)0x80;
            ck_assert(!utf8_valid(bytes + from, sizeof bytes - from));
        }
}
END_TEST

START_TEST(utf8_nothing_is_valid)
{
    struct utf8_state state = {0};

    ck_assert(utf8_valid(NULL, 0));
    ck_assert(utf8_feed(&state, "\xe2", 1));
    ck_assert(utf8_feed(&state, NULL, 0));
    ck_assert(!utf8_complete(&state));
    ck_assert(!utf8_valid("\xe2\x82", 2));
}
END_TEST

START_TEST(utf8_cuts_between_characters)
{
    static const char text[] = "a\xc3\xa4\xe2\x82\xac\xf0\x9f\x99\x82";
    static const size_t expected[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 10};

    for (size_t most = 0; most < sizeof expected / sizeof *expected; most++)
        ck_assert_uint_eq(utf8_cut(text, 10, most), expected[most]);
    ck_assert_uint_le(utf8_cut("\x80\x80\x80\x80\x80\x80\x80\x80", 8, 6), 6);
    ck_assert_uint_eq(utf8_cut("\x80\x80", 2, 1), 0);
}
END_TEST

/* --- random ---------------------------------------------------------------------------------- */

START_TEST(random_fills_all_and_differs)
{
    unsigned char one[1024] = {0}, two[1024] = {0};
    unsigned zeros = 0;

    ck_assert(random_bytes(one, sizeof one));
    ck_assert(random_bytes(two, sizeof two));
    ck_assert_mem_ne(one, two, 512);
    ck_assert_mem_ne(one + 512, two + 512, 512);
    for (size_t i = 0; i < sizeof one; i++)
        zeros += one[i] == 0;
    ck_assert_uint_lt(zeros, 64); /* about 4 are due */
    ck_assert(random_bytes(one, 0));
}
END_TEST

static TCase *add_case(Suite *suite, const char *name)
{
    TCase *tcase = tcase_create(name);

    tcase_set_timeout(tcase, 60);
    suite_add_tcase(suite, tcase);
    return tcase;
}

static void add_memory_and_clock(Suite *suite)
{
    TCase *tcase = add_case(suite, "mem");

    tcase_add_test(tcase, mem_counts_what_lives);
    tcase_add_test(tcase, mem_realloc_is_malloc_and_never_free);
    tcase_add_test(tcase, mem_fails_once_at_the_nth);
    tcase_add_test(tcase, mem_fail_can_be_taken_back);
    tcase_add_test(tcase, mem_failed_realloc_keeps_the_old);
    tcase_add_test(tcase, mem_counts_over_threads_and_fails_in_one);
    tcase_add_test(tcase, table_survives_each_failed_allocation);

    tcase = add_case(suite, "clock");
    tcase_add_test(tcase, clock_stands_still_and_is_moved);
    tcase_add_test(tcase, clock_runs_by_the_real_one);
    tcase_add_test(tcase, clock_coarse_is_real_whatever_tests_set);

    tcase = add_case(suite, "random");
    tcase_add_test(tcase, random_fills_all_and_differs);
}

static void add_log(Suite *suite)
{
    TCase *tcase = add_case(suite, "log");
    int count = sizeof escapes / sizeof *escapes;

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
}

static void add_text(Suite *suite)
{
    TCase *tcase = add_case(suite, "text");

    tcase_add_test(tcase, slices_compare);
    tcase_add_test(tcase, slices_trim);
    tcase_add_test(tcase, text_grows);
    tcase_add_test(tcase, text_formats_what_does_not_fit_yet);
    tcase_add_test(tcase, text_reserve_gives_room);
    tcase_add_test(tcase, text_take_of_nothing_is_an_empty_string);
    tcase_add_test(tcase, text_failed_keeps_what_was_there);
    tcase_add_test(tcase, text_refuses_sizes_that_overflow);
    tcase_add_loop_test(tcase, distance_counts_edits, 0, sizeof distances / sizeof *distances);
    tcase_add_test(tcase, distance_of_long_words);
    tcase_add_test(tcase, suggest_finds_the_nearest);
    tcase_add_test(tcase, suggest_wants_fewer_than_half_of_the_word);
    tcase_add_test(tcase, hex_digits);
}

static void add_utf8(Suite *suite)
{
    TCase *tcase = add_case(suite, "utf8");

    tcase_add_test(tcase, utf8_all_of_one_and_two_bytes);
    tcase_add_test(tcase, utf8_all_classes_of_three_bytes);
    tcase_add_test(tcase, utf8_all_classes_of_four_bytes);
    tcase_add_test(tcase, utf8_all_code_points);
    tcase_add_test(tcase, utf8_refuses_overlong_and_beyond);
    tcase_add_test(tcase, utf8_fails_at_the_first_wrong_byte);
    tcase_add_test(tcase, utf8_every_pair_of_splits);
    tcase_add_test(tcase, utf8_sees_every_byte_of_a_run);
    tcase_add_test(tcase, utf8_nothing_is_valid);
    tcase_add_test(tcase, utf8_cuts_between_characters);
}

int main(void)
{
    Suite *suite = suite_create("base");

    add_memory_and_clock(suite);
    add_log(suite);
    add_text(suite);
    add_utf8(suite);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
