/*
 * Tests of permessage-deflate (RFC 7692), by a client that knows zlib and nothing of the runtime's:
 * what is agreed on, what is sent and taken, and that a group hears the same, each member in the
 * way that it agreed to.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "deflating.h"
#include "harness.h"

#define ECHO     "compress on\nws /echo/ good.so\n"
#define TAKEOVER "compress takeover=on\nws /echo/ good.so\n"
#define PRESS    "limits ping=off\nws /press/ press.so\n"
#define PLAIN    "permessage-deflate"
#define APART    PLAIN "; server_no_context_takeover; client_no_context_takeover"

/* ---- What is said ---------------------------------------------------------------------------- */

/* Bytes of a text that compresses as texts do, until the next call. */
static const char *text_of(size_t size)
{
    static char text[3000001];
    static const char *const words[] = {"and", "the ", "wire ", "holds, ", "what is "};
    unsigned seed = 7;

    must(size < sizeof text, "a text too long");
    for (size_t at = 0; at < size;) {
        const char *word = words[(seed = seed * 1103515245 + 12345) >> 16 & 3];
        size_t length = strlen(word);

        if (length > size - at)
            length = size - at;
        memcpy(text + at, word, length);
        at += length;
    }
    text[size] = '\0';
    return text;
}

/* Bytes that nothing compresses, until the next call. */
static const char *noise_from(uint32_t x, size_t size)
{
    static char noise[100000];

    must(size <= sizeof noise, "too much noise");
    for (size_t i = 0; i < size; i++) {
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        noise[i] = (char)(x >> 8);
    }
    return noise;
}

static const char *noise_of(size_t size)
{
    return noise_from(2463534242u, size);
}

/* What the consumer press says as its nth event. */
static const char *press_text(unsigned n, size_t size)
{
    static char text[200001];
    char number[24];
    size_t length = (size_t)snprintf(number, sizeof number, "%u ", n);

    for (size_t i = 0; i < size; i++)
        text[i] = number[i % length];
    text[size] = '\0';
    return text;
}

/* Expects a message that was compressed, or was not. */
static void expect_message(struct client *client, unsigned opcode, const char *payload, size_t size,
                           bool packed)
{
    struct received frame = client_receive(client);

    must(frame.fin && frame.opcode == opcode, "opcode %u", frame.opcode);
    must(frame.packed == packed, "%zu bytes came %s", frame.size,
         frame.packed ? "compressed" : "as they are");
    must(frame.size == size && memcmp(frame.payload, payload, size) == 0,
         "%zu other bytes in place of %zu", frame.size, size);
    if (packed)
        must(frame.on_line < size, "compressed, %zu bytes are %zu", size, frame.on_line);
}

/* ---- Agreeing -------------------------------------------------------------------------------- */

static void expect_agreed(const char *path, const char *offer, const char *answer)
{
    struct client client = client_open_deflating(path, offer);

    ck_assert_str_eq(client_agreed(), answer);
    client_text(&client, "hello");
    client_expect_text(&client, "hello");
    client_leave(&client);
}

START_TEST(agreed_where_the_mount_wants_it)
{
    serve(
        "ws /before/ good.so\ncompress on\nws /on/ good.so\nws /off/ good.so {\n compress off\n}\n"
        "ws /small/ good.so {\n compress window=10\n}\n"
        "ws /takeover/ good.so {\n compress takeover=on\n}\n");
    expect_agreed("/before/", PLAIN, "");
    expect_agreed("/off/", PLAIN, "");
    expect_agreed("/on/", "x-webkit-deflate-frame", "");
    expect_agreed("/on/", PLAIN "; no_such_parameter", "");
    expect_agreed("/on/", PLAIN, APART);
    expect_agreed("/on/", "permessage-bzip2, " PLAIN "; client_max_window_bits", APART);
    ck_assert_ptr_null(strstr(client_agreed(), "bzip2"));
    expect_agreed("/takeover/", PLAIN, PLAIN);
    struct client client = client_open_deflating("/small/", PLAIN "; server_max_window_bits=15");
    ck_assert_ptr_nonnull(strstr(client_agreed(), "server_max_window_bits=10"));
    client_hang_up(&client);
    client = client_open("/on/"); /* without an offer there is nothing to agree on */
    client_text(&client, text_of(5000));
    expect_message(&client, TEXT, text_of(5000), 5000, false);
    client_leave(&client);
}
END_TEST

/* New connections meet what the table says now, the others what was agreed with them. */
START_TEST(reload_changes_it_for_who_comes_then)
{
    struct client before, after;

    serve(ECHO);
    before = client_open_deflating("/echo/", PLAIN);
    serve_conf("compress off\nws /echo/ good.so\n");
    server_reload();
    after = client_open_deflating("/echo/", PLAIN);
    ck_assert_str_eq(client_agreed(), "");
    for (unsigned i = 0; i < 3; i++) {
        client_packed(&before, 0x80 | TEXT, text_of(4000), 4000);
        expect_message(&before, TEXT, text_of(4000), 4000, true);
        client_text(&after, text_of(4000));
        expect_message(&after, TEXT, text_of(4000), 4000, false);
    }
    serve_conf("compress on\nws /echo/ good.so\n");
    server_reload();
    expect_agreed("/echo/", PLAIN, APART);
    client_leave(&before);
    client_leave(&after);
}
END_TEST

/* ---- Messages -------------------------------------------------------------------------------- */

static const char *const offers[] = {
    PLAIN,
    APART,
    PLAIN "; server_no_context_takeover",
    PLAIN "; client_no_context_takeover",
    PLAIN "; server_max_window_bits=9; client_max_window_bits=9",
    PLAIN "; server_max_window_bits=8",
    PLAIN "; server_no_context_takeover; server_max_window_bits=8",
    PLAIN "; server_max_window_bits=12; client_max_window_bits",
};

enum { OFFERS = sizeof offers / sizeof *offers };

static const size_t sizes[] = {0,    1,    125,   126,   255,   256,    1000,   4096,
                               8000, 8192, 32768, 65535, 65536, 100000, 1000000};

/* Any message comes back as it was, whatever was agreed on, in whichever way it was sent. */
static void try_echo(const char *conf, const char *offer)
{
    struct client client;

    serve(conf);
    client = client_open_deflating("/echo/", offer);
    for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        const char *text = text_of(sizes[i]);
        bool packed = sizes[i] >= 256 && client_agreed()[0] != '\0';

        if (client_agreed()[0] != '\0')
            client_packed(&client, 0x80 | TEXT, text, sizes[i]);
        else
            client_text(&client, text);
        expect_message(&client, TEXT, text, sizes[i], packed);
        client_binary(&client, text, sizes[i]);
        expect_message(&client, BINARY, text, sizes[i], packed);
    }
    client_leave(&client);
    server_stop();
}

START_TEST(echo_of_what_was_offered)
{
    try_echo(ECHO, offers[_i]);
}
END_TEST

START_TEST(echo_with_windows_taken_over)
{
    try_echo(TAKEOVER, offers[_i]);
}
END_TEST

/* From `min` on, and what would be no smaller goes as it is. */
START_TEST(only_what_gains_is_compressed)
{
    struct client client;

    serve("compress min=100\nws /echo/ good.so\n");
    client = client_open_deflating("/echo/", PLAIN);
    client_packed(&client, 0x80 | TEXT, text_of(99), 99);
    expect_message(&client, TEXT, text_of(99), 99, false);
    client_packed(&client, 0x80 | TEXT, text_of(100), 100);
    expect_message(&client, TEXT, text_of(100), 100, true);
    client_packed(&client, 0x80 | BINARY, noise_of(50000), 50000);
    expect_message(&client, BINARY, noise_of(50000), 50000, false);
    client_leave(&client);
}
END_TEST

/* A window that is taken over knows the message before. */
START_TEST(window_that_is_taken_over_is_used)
{
    struct client client;

    serve(TAKEOVER);
    client = client_open_deflating("/echo/", PLAIN);
    for (unsigned i = 0; i < 10; i++) {
        client_binary(&client, noise_of(2000), 2000);

        struct received frame = client_receive(&client);

        must(frame.size == 2000 && memcmp(frame.payload, noise_of(2000), 2000) == 0, "other bytes");
        if (i > 0)
            ck_assert_uint_lt(frame.on_line, 200);
    }
    client_leave(&client);
}
END_TEST

/* A compressed message in fragments, with a ping between them. */
START_TEST(fragments_of_a_compressed_message)
{
    struct client client;
    size_t size;
    uint8_t *packed;

    serve(ECHO);
    client = client_open_deflating("/echo/", PLAIN);
    for (unsigned round = 0; round < 3; round++) {
        z_stream stream = {0};

        ck_assert_int_eq(deflateInit2(&stream, 9, Z_DEFLATED, -15, 8, 0), Z_OK);
        packed = malloc(100000);
        stream.next_in = (void *)text_of(50000);
        stream.avail_in = 50000;
        stream.next_out = packed;
        stream.avail_out = 100000;
        ck_assert_int_eq(deflate(&stream, Z_SYNC_FLUSH), Z_OK);
        size = stream.total_out - 4;
        deflateEnd(&stream);
        client_frame(&client, 0x40 | TEXT, packed, 10);
        client_ping(&client, "between");
        client_frame(&client, CONTINUATION, packed + 10, 0);
        client_frame(&client, CONTINUATION, packed + 10, size - 20);
        client_frame(&client, 0x80 | CONTINUATION, packed + size - 10, 10);
        client_expect(&client, PONG, "between", 7);
        expect_message(&client, TEXT, text_of(50000), 50000, true);
        free(packed);
    }
    client_leave(&client);
}
END_TEST

/* Three megabytes are three kilobytes on the line, and so they would be a billion. */
START_TEST(bomb_is_cut_at_the_limit)
{
    struct client client;
    char *zeros = calloc(1, 3000000);

    serve("limits message=1m\n" ECHO);
    client = client_open_deflating("/echo/", PLAIN);
    client_packed(&client, 0x80 | BINARY, zeros, 1024 * 1024);
    expect_message(&client, BINARY, zeros, 1024 * 1024, true);
    client_packed(&client, 0x80 | BINARY, zeros, 1024 * 1024 + 1);
    client_expect_fault(&client, 1009);
    client = client_open_deflating("/echo/", PLAIN);
    client_packed(&client, 0x80 | BINARY, zeros, 3000000);
    client_expect_fault(&client, 1009);
    free(zeros);
    expect_agreed("/echo/", PLAIN, APART);
}
END_TEST

START_TEST(what_was_not_agreed_on_is_a_fault)
{
    struct client client;

    serve(ECHO);
    client = client_open("/echo/");
    client_frame(&client, 0x80 | 0x40 | TEXT, "\xf2\x48\xcd\xc9\xc9\x07\x00", 7);
    client_expect_fault(&client, 1002);
    client = client_open_deflating("/echo/", PLAIN);
    client_frame(&client, 0x80 | 0x40 | TEXT, "\xf2\x48\xcd\xc9\xc9\x07\x00", 7);
    client_expect_text(&client, "Hello");
    client_frame(&client, 0x80 | 0x20 | TEXT, "hello", 5);
    client_expect_fault(&client, 1002);
    client = client_open_deflating("/echo/", PLAIN);
    client_frame(&client, 0x80 | 0x40 | PING, "hello", 5);
    client_expect_fault(&client, 1002);
    client = client_open_deflating("/echo/", PLAIN);
    client_packed(&client, 0x80 | TEXT, "\xff\xfe not UTF-8", 12);
    client_expect_fault(&client, 1007);
}
END_TEST

/* A blocking consumer's messages are compressed on the loop, whoever says them. */
START_TEST(blocking_consumer)
{
    struct client client;

    serve("compress takeover=on\nws /blocking/ blocking.so\n");
    client = client_open_deflating("/blocking/", PLAIN);
    for (unsigned i = 0; i < 5; i++) {
        client_packed(&client, 0x80 | TEXT, text_of(3000 + i), 3000 + i);
        client_packed(&client, 0x80 | TEXT, text_of(20000 + i), 20000 + i);
        expect_message(&client, TEXT, text_of(3000 + i), 3000 + i, true);
        expect_message(&client, TEXT, text_of(20000 + i), 20000 + i, true);
    }
    client_leave(&client);
}
END_TEST

/* A peer that reads slowly gets whole what the socket did not take at once. */
START_TEST(slow_reader_gets_all_of_it)
{
    struct client client;

    serve("limits backlog=1g\n" TAKEOVER);
    client = client_open_deflating("/echo/", PLAIN);
    for (unsigned i = 0; i < 100; i++)
        client_binary(&client, noise_of(100000 - i), 100000 - i);
    for (unsigned i = 0; i < 100; i++) {
        struct received frame = client_receive(&client);

        must(frame.size == 100000 - i &&
                 memcmp(frame.payload, noise_of(frame.size), frame.size) == 0,
             "message %u is another", i);
    }
    client_leave(&client);
}
END_TEST

/* The nth of many messages, until the next call. */
static const char *numbered(unsigned n)
{
    static char bytes[20000];

    memcpy(bytes, noise_from(n, sizeof bytes), sizeof bytes);
    memcpy(bytes, &n, sizeof n);
    return bytes;
}

/* What is skipped is in nobody's window: what comes behind it can be read. */
START_TEST(skipped_messages_break_no_window)
{
    enum { MESSAGES = 500 };
    struct client client;
    unsigned count = 0;

    serve("limits backlog=64k policy=drop\n" TAKEOVER);
    client = client_dial_narrow();
    client_shake_deflating(&client, "/echo/", PLAIN);
    for (unsigned n = 1; n <= MESSAGES; n++)
        client_binary(&client, numbered(n), 20000);
    log_wait(" message.skipped ", "mount=/echo/");
    for (unsigned last = 0;; count++) {
        unsigned n;

        client_text(&client, "the end"); /* skipped as well, while there is no room */
        struct received frame = client_receive(&client);
        if (frame.opcode == TEXT)
            break;
        must(frame.size == 20000, "%zu bytes", frame.size);
        memcpy(&n, frame.payload, sizeof n);
        must(n > last && n <= MESSAGES, "message %u behind %u", n, last);
        must(memcmp(frame.payload, numbered(n), 20000) == 0, "message %u is another", n);
        last = n;
    }
    ck_assert_uint_gt(count, 1);
    ck_assert_uint_lt(count, MESSAGES);
    client_hang_up(&client);
}
END_TEST

/* ---- Groups ---------------------------------------------------------------------------------- */

static const char *const ways[] = {
    "", /* no compression */
    PLAIN "; server_no_context_takeover",
    PLAIN "; server_no_context_takeover; server_max_window_bits=9",
    PLAIN "; server_max_window_bits=8",
    PLAIN,
};

enum { WAYS = sizeof ways / sizeof *ways, MEMBERS = 3 * WAYS };

static void send_events(struct client *sender, const char *kind, size_t size, unsigned count)
{
    char text[64];

    snprintf(text, sizeof text, "send %s %zu %u", kind, size, count);
    client_text(sender, text);
}

static void expect_number(struct client *member, unsigned n)
{
    char number[24];

    snprintf(number, sizeof number, "%u", n);
    expect_message(member, TEXT, number, strlen(number), false);
}

static void join_all(struct client *members)
{
    for (unsigned i = 0; i < MEMBERS; i++)
        members[i] = ways[i % WAYS][0] == '\0' ? client_open("/press/")
                                               : client_open_deflating("/press/", ways[i % WAYS]);
}

static void leave_all(struct client *members)
{
    for (unsigned i = 0; i < MEMBERS; i++) {
        client_expect_nothing(&members[i]);
        client_leave(&members[i]);
    }
}

/* Each member hears each event, in order, compressed in its own way. */
static void try_group(const char *conf, const char *kind, size_t size, unsigned count)
{
    struct client members[MEMBERS];

    serve(conf);
    join_all(members);
    for (unsigned round = 0; round < 2; round++) {
        send_events(&members[round], kind, size, count);
        for (unsigned i = 0; i < MEMBERS; i++) {
            for (unsigned n = 0; n < count; n++) {
                if (strcmp(kind, "both") == 0)
                    expect_number(&members[i], n);
                expect_message(&members[i], TEXT, press_text(n, size), size,
                               size >= 256 && members[i].unpacker != NULL);
            }
        }
    }
    leave_all(members);
    server_stop();
    ck_assert_uint_eq(log_count(" mount.dropped "), 0);
}

static const char *const kinds[] = {"say", "tell", "mixed", "both"};

enum { KINDS = sizeof kinds / sizeof *kinds };

START_TEST(group_hears_the_same)
{
    try_group("compress on\n" PRESS, kinds[_i], 2000, 100);
}
END_TEST

START_TEST(group_with_windows_taken_over_hears_the_same)
{
    try_group("compress takeover=on\n" PRESS, kinds[_i], 2000, 100);
}
END_TEST

START_TEST(group_hears_what_is_small)
{
    try_group("compress on\n" PRESS, kinds[_i], 200, 100);
}
END_TEST

START_TEST(group_hears_what_is_large)
{
    try_group("compress takeover=on\n" PRESS, kinds[_i], 200000, 3);
}
END_TEST

/* Own messages and those for all, by turns. */
START_TEST(order_of_own_messages_and_a_groups)
{
    struct client members[MEMBERS];

    serve_with("loops 1\n", "compress takeover=on\n" PRESS);
    join_all(members);
    for (unsigned n = 0; n < 20; n++) {
        for (unsigned i = 0; i < MEMBERS; i++)
            client_text(&members[i], text_of(1000 + n));
        for (unsigned i = 0; i < MEMBERS; i++)
            expect_message(&members[i], TEXT, text_of(1000 + n), 1000 + n,
                           members[i].unpacker != NULL);
        send_events(&members[0], "mixed", 1000, n);
        for (unsigned i = 0; i < MEMBERS; i++)
            for (unsigned k = 0; k < n; k++)
                expect_message(&members[i], TEXT, press_text(k, 1000), 1000,
                               members[i].unpacker != NULL);
    }
    leave_all(members);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("server, compression");
    TCase *tcase = harness_case(suite, "agreeing");

    tcase_add_test(tcase, agreed_where_the_mount_wants_it);
    tcase_add_test(tcase, reload_changes_it_for_who_comes_then);
    tcase = harness_case(suite, "messages");
    tcase_add_loop_test(tcase, echo_of_what_was_offered, 0, OFFERS);
    tcase_add_loop_test(tcase, echo_with_windows_taken_over, 0, OFFERS);
    tcase_add_test(tcase, only_what_gains_is_compressed);
    tcase_add_test(tcase, window_that_is_taken_over_is_used);
    tcase_add_test(tcase, fragments_of_a_compressed_message);
    tcase_add_test(tcase, bomb_is_cut_at_the_limit);
    tcase_add_test(tcase, what_was_not_agreed_on_is_a_fault);
    tcase_add_test(tcase, blocking_consumer);
    tcase_add_test(tcase, slow_reader_gets_all_of_it);
    tcase_add_test(tcase, skipped_messages_break_no_window);
    tcase = harness_case(suite, "groups");
    tcase_add_loop_test(tcase, group_hears_the_same, 0, KINDS);
    tcase_add_loop_test(tcase, group_with_windows_taken_over_hears_the_same, 0, KINDS);
    tcase_add_loop_test(tcase, group_hears_what_is_small, 0, KINDS);
    tcase_add_loop_test(tcase, group_hears_what_is_large, 0, KINDS);
    tcase_add_test(tcase, order_of_own_messages_and_a_groups);
    return harness_run(suite);
}
