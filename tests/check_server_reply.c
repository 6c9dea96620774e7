/*
 * Tests of server/http_reply and server/http_date: heads and small pages of answers, fields that a
 * consumer may add, and dates.
 */
#include <check.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "server/http_date.h"
#include "server/http_reply.h"
#include "suite.h"

static struct text out;

static void teardown(void)
{
    text_free(&out);
}

/* The head or answer with its date, which changes, replaced by D. */
static const char *written(void)
{
    char *date = strstr(out.data, "Date: ");

    if (date != NULL) {
        char *end = strstr(date, "\r\n");
        time_t time;

        ck_assert(http_date_parse((struct slice){date + 6, (size_t)(end - date - 6)}, 0, &time));
        ck_assert_int_le(llabs((long long)time - (long long)clock_wall() / 1000), 5);
        memmove(date + 7, end, strlen(end) + 1);
        date[6] = 'D';
    }
    return out.data;
}

START_TEST(head_of_a_file)
{
    http_reply_head(&out, 200, SLICE("Content-Type: image/png\r\n"), 1234567890123, true);
    ck_assert_str_eq(written(), "HTTP/1.1 200 OK\r\n"
                                "Date: D\r\n"
                                "Content-Type: image/png\r\n"
                                "Content-Length: 1234567890123\r\n"
                                "Connection: keep-alive\r\n"
                                "\r\n");
}
END_TEST

START_TEST(head_without_a_body)
{
    http_reply_head(&out, 304, SLICE(""), 77, false);
    ck_assert_str_eq(written(),
                     "HTTP/1.1 304 Not Modified\r\nDate: D\r\nConnection: close\r\n\r\n");
}
END_TEST

START_TEST(head_of_a_handshake)
{
    http_reply_head(&out, 101, SLICE("Upgrade: websocket\r\n"), 77, true);
    ck_assert_str_eq(written(), "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n");
}
END_TEST

START_TEST(page_says_its_status)
{
    http_reply_text(&out, 404, SLICE(""), (struct slice){0}, false, true);
    ck_assert_str_eq(written(), "HTTP/1.1 404 Not Found\r\n"
                                "Date: D\r\n"
                                "Content-Type: text/plain; charset=utf-8\r\n"
                                "X-Content-Type-Options: nosniff\r\n"
                                "Content-Length: 14\r\n"
                                "Connection: keep-alive\r\n"
                                "\r\n"
                                "404 Not Found\n");
}
END_TEST

START_TEST(page_of_a_consumer)
{
    http_reply_text(&out, 401, SLICE("content-type: text/html\r\nWWW-Authenticate: x\r\n"),
                    SLICE("<p>no"), false, false);
    ck_assert_str_eq(written(), "HTTP/1.1 401 Unauthorized\r\n"
                                "Date: D\r\n"
                                "content-type: text/html\r\n"
                                "WWW-Authenticate: x\r\n"
                                "X-Content-Type-Options: nosniff\r\n"
                                "Content-Length: 5\r\n"
                                "Connection: close\r\n"
                                "\r\n"
                                "<p>no");
    text_clear(&out);
    http_reply_text(&out, 403, SLICE(""), SLICE(""), false, false);
    ck_assert_ptr_nonnull(strstr(out.data, "Content-Length: 0\r\n"));
}
END_TEST

START_TEST(page_for_head_tells_the_length_alone)
{
    http_reply_text(&out, 404, SLICE(""), (struct slice){0}, true, false);
    ck_assert_ptr_nonnull(strstr(out.data, "Content-Length: 14\r\n"));
    ck_assert_str_eq(out.data + out.size - 4, "\r\n\r\n");
}
END_TEST

START_TEST(page_of_a_status_without_body)
{
    http_reply_text(&out, 204, SLICE("X: y\r\n"), SLICE("ignored"), false, true);
    ck_assert_str_eq(
        written(), "HTTP/1.1 204 No Content\r\nDate: D\r\nX: y\r\nConnection: keep-alive\r\n\r\n");
}
END_TEST

START_TEST(page_without_memory_fails)
{
    bool done = false;
    long before = mem_live();

    for (unsigned long nth = 1; !done; nth++) {
        ck_assert_uint_lt(nth, 20);
        mem_fail_at(nth);
        http_reply_text(&out, 404, SLICE("X: y\r\n"), (struct slice){0}, false, true);
        mem_fail_at(0);
        done = !out.failed;
        ck_assert(done || nth < 10);
        if (!done) {
            text_free(&out);
            ck_assert_int_eq(mem_live(), before);
        }
    }
    ck_assert_str_eq(out.data + out.size - 14, "404 Not Found\n");
}
END_TEST

START_TEST(reasons)
{
    ck_assert_str_eq(http_reason(101), "Switching Protocols");
    ck_assert_str_eq(http_reason(426), "Upgrade Required");
    ck_assert_str_eq(http_reason(431), "Request Header Fields Too Large");
    ck_assert_str_eq(http_reason(499), "Client Error");
    ck_assert_str_eq(http_reason(599), "Server Error");
    ck_assert_str_eq(http_reason(99), "Unknown");
    ck_assert_str_eq(http_reason(600), "Unknown");
}
END_TEST

START_TEST(fields_that_http_allows)
{
    ck_assert(http_reply_field(&out, SLICE("Set-Cookie"), SLICE("a=b; Path=/")));
    ck_assert(http_reply_field(&out, SLICE("x"), SLICE("")));
    ck_assert(http_reply_field(&out, SLICE("X-Name"), SLICE("  gr\xc3\xbc\xc3\x9f\te ")));
    ck_assert_str_eq(out.data, "Set-Cookie: a=b; Path=/\r\nx: \r\n"
                               "X-Name: gr\xc3\xbc\xc3\x9f\te\r\n");
}
END_TEST

static const struct {
    struct slice name, value;
} refused[] = {
    {SLICE(""), SLICE("x")},
    {SLICE("a b"), SLICE("x")},
    {SLICE("a:"), SLICE("x")},
    {SLICE("a\r\nb"), SLICE("x")},
    {SLICE("a\0b"), SLICE("x")},
    {SLICE("\xc3\xbc"), SLICE("x")},
    {SLICE("a"), SLICE("x\r\nSet-Cookie: y")},
    {SLICE("a"), SLICE("x\ny")},
    {SLICE("a"), SLICE("x\ry")},
    {SLICE("a"), SLICE("x\0y")},
    {SLICE("a"), SLICE("x\x7f")},
    {SLICE("a"), SLICE("\n")},
};

START_TEST(fields_that_http_does_not_allow)
{
    ck_assert(!http_reply_field(&out, refused[_i].name, refused[_i].value));
    ck_assert_uint_eq(out.size, 0);
    ck_assert(!out.failed);
}
END_TEST

START_TEST(fields_of_the_server)
{
    ck_assert(http_reply_owns(SLICE("Content-Length")));
    ck_assert(http_reply_owns(SLICE("transfer-encoding")));
    ck_assert(http_reply_owns(SLICE("CONNECTION")));
    ck_assert(http_reply_owns(SLICE("Upgrade")));
    ck_assert(http_reply_owns(SLICE("Sec-WebSocket-Accept")));
    ck_assert(http_reply_owns(SLICE("sec-websocket-protocol")));
    ck_assert(http_reply_owns(SLICE("Sec-WebSocket-Extensions")));
    ck_assert(!http_reply_owns(SLICE("Set-Cookie")));
    ck_assert(!http_reply_owns(SLICE("Content-Type")));
    ck_assert(!http_reply_owns(SLICE("Sec-WebSocket")));
    ck_assert(!http_reply_owns(SLICE("")));
}
END_TEST

/* ---- Dates ---- */

#define NOV_1994 784111777
#define MAR_2026 1772389564 /* Sun, 01 Mar 2026 18:26:04 GMT: "now" in what follows */

static const struct {
    const char *text;
    long long time;
} dates[] = {
    {"Sun, 06 Nov 1994 08:49:37 GMT", NOV_1994},    {"Sunday, 06-Nov-94 08:49:37 GMT", NOV_1994},
    {"Sun Nov  6 08:49:37 1994", NOV_1994},         {"Sun Nov 16 08:49:37 1994", NOV_1994 + 864000},
    {"Thu, 01 Jan 1970 00:00:00 GMT", 0},           {"Wed, 31 Dec 1969 23:59:59 GMT", -1},
    {"Tue, 29 Feb 2000 12:00:00 GMT", 951825600},   {"Sat, 31 Dec 2016 23:59:60 GMT", 1483228799},
    {"Mon, 06 Nov 1994 08:49:37 GMT", NOV_1994}, /* a Sunday, but nobody minds */
    {"Sun, 01 Mar 2026 18:26:04 GMT", MAR_2026},    {"Sunday, 01-Mar-26 18:26:04 GMT", MAR_2026},
    {"Sunday, 01-Mar-76 18:26:04 GMT", 3350312764}, /* 50 years ahead */
    {"Tuesday, 01-Mar-77 18:26:04 GMT", 226088764}, /* 51 would be */
};

START_TEST(dates_that_are_read)
{
    time_t time;

    ck_assert(http_date_parse(slice_of(dates[_i].text), MAR_2026, &time));
    ck_assert_int_eq(time, dates[_i].time);
}
END_TEST

static const char *const no_dates[] = {
    "",
    "Sun",
    "Sun, 06 Nov 1994 08:49:37",
    "Sun, 06 Nov 1994 08:49:37 UTC",
    "Sun, 06 Nov 1994 08:49:37 GMT ",
    " Sun, 06 Nov 1994 08:49:37 GMT",
    "Sun, 06 Nov 1994 08:49:37 GMT; length=5",
    "Sun, 6 Nov 1994 08:49:37 GMT",
    "Sun, 06 nov 1994 08:49:37 GMT",
    "Sun, 06 Nox 1994 08:49:37 GMT",
    "Sun 06 Nov 1994 08:49:37 GMT",
    "Son, 06 Nov 1994 08:49:37 GMT",
    "Sun, 00 Nov 1994 08:49:37 GMT",
    "Wed, 30 Feb 1994 08:49:37 GMT",
    "Tue, 29 Feb 1900 12:00:00 GMT",
    "Sun, 06 Nov 1994 24:00:00 GMT",
    "Sun, 06 Nov 1994 08:60:00 GMT",
    "Sun, 06 Nov 1994 08:49:61 GMT",
    "Sun, 06 Nov 94 08:49:37 GMT",
    "Sun, +6 Nov 1994 08:49:37 GMT",
    "Sun, 06 Nov 1994 8:49:37 GMT",
    "Sunday, 06-Nov-1994 08:49:37 GMT",
    "Sunday, 06 Nov 94 08:49:37 GMT",
    "Sunday 06-Nov-94 08:49:37 GMT",
    "Sun Nov 6 08:49:37 1994",
    "Sun Nov  6 08:49:37 94",
    "Sun Nov  6 08:49:37 1994 GMT",
    "1994-11-06T08:49:37Z",
    "784111777",
};

START_TEST(dates_that_are_none)
{
    time_t time;

    ck_assert_msg(!http_date_parse(slice_of(no_dates[_i]), MAR_2026, &time), "%s", no_dates[_i]);
    for (size_t size = 0; size < 29; size++) /* nothing is read beyond the end */
        ck_assert(
            !http_date_parse((struct slice){"Sun, 06 Nov 1994 08:49:37 GMT", size}, 0, &time));
}
END_TEST

START_TEST(dates_are_written_as_they_are_read)
{
    char date[HTTP_DATE_SIZE];
    time_t time;

    setenv("TZ", "Asia/Kathmandu", 1);
    tzset();
    setlocale(LC_ALL, "de_DE.UTF-8");
    for (time_t day = 0; day < 800; day++) {
        time_t then = NOV_1994 + day * 86400 * 17 + day;

        http_date_write(date, then);
        ck_assert_uint_eq(strlen(date), HTTP_DATE_SIZE - 1);
        ck_assert(http_date_parse(slice_of(date), MAR_2026, &time));
        ck_assert_int_eq(time, then);
    }
    http_date_write(date, NOV_1994);
    ck_assert_str_eq(date, "Sun, 06 Nov 1994 08:49:37 GMT");
}
END_TEST

static void add_replies(Suite *suite)
{
    TCase *tcase = tcase_create("replies");

    tcase_add_checked_fixture(tcase, NULL, teardown);
    tcase_add_test(tcase, head_of_a_file);
    tcase_add_test(tcase, head_without_a_body);
    tcase_add_test(tcase, head_of_a_handshake);
    tcase_add_test(tcase, page_says_its_status);
    tcase_add_test(tcase, page_of_a_consumer);
    tcase_add_test(tcase, page_for_head_tells_the_length_alone);
    tcase_add_test(tcase, page_of_a_status_without_body);
    tcase_add_test(tcase, page_without_memory_fails);
    tcase_add_test(tcase, reasons);
    tcase_add_test(tcase, fields_that_http_allows);
    tcase_add_loop_test(tcase, fields_that_http_does_not_allow, 0,
                        sizeof refused / sizeof *refused);
    tcase_add_test(tcase, fields_of_the_server);
    suite_add_tcase(suite, tcase);
}

static void add_dates(Suite *suite)
{
    TCase *tcase = tcase_create("dates");

    tcase_add_loop_test(tcase, dates_that_are_read, 0, sizeof dates / sizeof *dates);
    tcase_add_loop_test(tcase, dates_that_are_none, 0, sizeof no_dates / sizeof *no_dates);
    tcase_add_test(tcase, dates_are_written_as_they_are_read);
    suite_add_tcase(suite, tcase);
}

int main(void)
{
    Suite *suite = suite_create("server_reply");

    add_replies(suite);
    add_dates(suite);
    return suite_run(suite);
}
