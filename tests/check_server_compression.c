/*
 * Tests of server/compression and server/audience: what is sent to many is compressed once for all
 * of one window, and what had no memory is sent nevertheless.
 */
#include <check.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "plugin/generation.h"
#include "server/audience.h"
#include "server/compression.h"
#include "server/server.h"
#include "suite.h"

enum { CONNS = 12, FUSE_MOST = 40 /* more allocations than serving an audience makes */ };

static struct mount_config config;
static struct server server;
static struct worker worker;
static struct routing routing;
static struct generation generation;
static struct mount mount;
static struct conn conns[CONNS];
static int peers[CONNS]; /* the other ends */

/* By turns: no compression, windows of 15 and of 9 bits, and one that is taken over. */
static const struct deflate_terms terms[] = {
    {0},
    {15, 15, false, false},
    {9, 15, false, false},
    {15, 15, true, false},
};

enum { WAYS = sizeof terms / sizeof *terms };

static void note_nothing(evutil_socket_t fd, short what, void *context)
{
    (void)fd, (void)what, (void)context;
}

static void open_conn(unsigned i)
{
    int ends[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    peers[i] = ends[1];
    conns[i] = (struct conn){.worker = &worker,
                             .fd = ends[0],
                             .state = CONN_OPEN,
                             .mount = &mount,
                             .routing = &routing,
                             .generation = &generation};
    ck_assert_int_eq(
        event_assign(&conns[i].event, loop_base(worker.loop), ends[0], EV_READ, note_nothing, NULL),
        0);
    if (terms[i % WAYS].server_bits != 0)
        ck_assert(compression_begin(&conns[i], &terms[i % WAYS]));
}

static void set_up(void)
{
    log_threshold = LOG_ERROR + 1;
    config = (struct mount_config){.route = "/", .compress = {.on = true, .level = 1, .min = 100}};
    mount = (struct mount){.config = &config, .routing = &routing, .generation = &generation};
    routing.references = generation.references = 1;
    worker = (struct worker){.server = &server, .loop = loop_new(0, "loop-0")};
    worker.compression = compression_new();
    ck_assert(worker.loop != NULL && worker.compression != NULL);
    STAILQ_INIT(&worker.ready);
    for (unsigned i = 0; i < CONNS; i++)
        open_conn(i);
}

static void tear_down(void)
{
    for (unsigned i = 0; i < CONNS; i++) {
        outbox_free(&conns[i].outbox, &worker.pool);
        message_reader_free(&conns[i].reader);
        if (conns[i].fd >= 0)
            close(conns[i].fd);
        close(peers[i]);
    }
    compression_free(worker.compression);
    chunk_pool_free(&worker.pool);
    loop_free(worker.loop);
    ck_assert_uint_eq(routing.references, 1);
    ck_assert_uint_eq(generation.references, 1);
    ck_assert_int_eq(mem_live(), 0);
}

/* ---- What goes over the wire ---------------------------------------------------------------- */

static const char *text_of(unsigned n, size_t size)
{
    static char text[100001];
    char number[16];
    size_t length = (size_t)snprintf(number, sizeof number, "%u ", n);

    for (size_t i = 0; i < size; i++)
        text[i] = number[i % length];
    text[size] = '\0';
    return text;
}

/* All bytes that have come to the peer. */
static size_t received(unsigned i, uint8_t *out, size_t room)
{
    ssize_t count;

    ck_assert_int_eq(outbox_write(&conns[i].outbox, &worker.pool, conns[i].fd), OUTBOX_EMPTY);
    count = recv(peers[i], out, room, MSG_DONTWAIT);
    return count > 0 ? (size_t)count : 0;
}

/* Takes a frame; gives its payload's size on the wire. */
static size_t take_frame(const uint8_t *data, size_t size, size_t *at, bool compressed)
{
    struct frame frame;
    const char *why;

    ck_assert_int_eq(frame_parse(data + *at, size - *at, &frame, &why), FRAME_DONE);
    ck_assert_int_eq(frame.opcode, FRAME_TEXT);
    ck_assert(frame.fin && !frame.masked);
    ck_assert_uint_eq(frame.rsv, compressed ? FRAME_RSV1 : 0);
    *at += frame.header_size + (size_t)frame.length;
    ck_assert_uint_le(*at, size);
    return (size_t)frame.length;
}

static void send_text(unsigned i, unsigned n, size_t size)
{
    conn_send(&conns[i], FRAME_TEXT, (struct slice){text_of(n, size), size});
}

/* ---- The same message for each -------------------------------------------------------------- */

START_TEST(message_for_each_is_compressed_once)
{
    compression_expect_repeats(worker.compression, true);
    for (unsigned i = 0; i < CONNS; i++) {
        send_text(i, 1, 1000);
        send_text(i, 2, 1000);
        send_text(i, 3, 50);
    }
    /* two messages: for 15 bits, for 9 bits, and for each whose window is taken over */
    ck_assert_uint_eq(compression_count(worker.compression), 2 + 2 + 2 * CONNS / WAYS);
    for (unsigned i = 0; i < CONNS; i++) {
        uint8_t data[4000];
        size_t size = received(i, data, sizeof data), at = 0;

        for (unsigned n = 0; n < 2; n++) {
            bool compressed = i % WAYS != 0;
            size_t length = take_frame(data, size, &at, compressed);
            ck_assert(compressed ? length < 100 : length == 1000);
        }
        ck_assert_uint_eq(take_frame(data, size, &at, false), 50);
        ck_assert_uint_eq(at, size);
    }
}
END_TEST

START_TEST(nothing_is_remembered_unless_it_is_expected)
{
    send_text(1, 1, 1000);
    send_text(5, 1, 1000);
    ck_assert_uint_eq(compression_count(worker.compression), 2);
    compression_expect_repeats(worker.compression, true);
    send_text(1, 1, 1000);
    send_text(5, 1, 1000);
    ck_assert_uint_eq(compression_count(worker.compression), 3);
    compression_expect_repeats(worker.compression, false);
    send_text(1, 1, 1000);
    ck_assert_uint_eq(compression_count(worker.compression), 4);
}
END_TEST

/* More than is remembered is compressed again, and no byte of it is another's. */
START_TEST(what_is_remembered_is_bounded)
{
    static uint8_t first[400000], second[400000];
    enum { MESSAGES = 200 };

    compression_expect_repeats(worker.compression, true);
    for (unsigned n = 0; n < MESSAGES; n++)
        send_text(1, n, 30000);
    size_t size = received(1, first, sizeof first);
    for (unsigned n = 0; n < MESSAGES; n++)
        send_text(5, n, 30000);
    ck_assert_uint_gt(compression_count(worker.compression), MESSAGES);
    ck_assert_uint_lt(compression_count(worker.compression), 2 * MESSAGES);
    ck_assert_uint_eq(received(5, second, sizeof second), size);
    ck_assert_int_eq(memcmp(first, second, size), 0);
}
END_TEST

START_TEST(what_is_not_used_is_given_back)
{
    long before = mem_live();

    compression_expect_repeats(worker.compression, true);
    send_text(1, 1, 1000);
    send_text(2, 1, 1000);
    compression_expect_repeats(worker.compression, false);
    for (unsigned i = 1; i <= 2; i++)
        ck_assert_int_eq(outbox_write(&conns[i].outbox, &worker.pool, conns[i].fd), OUTBOX_EMPTY);
    chunk_pool_free(&worker.pool);
    ck_assert_int_gt(mem_live(), before);
    compression_trim(worker.compression);
    compression_trim(worker.compression);
    ck_assert_int_eq(mem_live(), before);
    send_text(1, 1, 1000);
    ck_assert_uint_eq(compression_count(worker.compression), 3);
}
END_TEST

/* ---- Broadcasts ----------------------------------------------------------------------------- */

/* What a broadcast handler of one event sends: a large message, a small one, another large one. */
static bool say(struct audience *audience, unsigned index)
{
    struct showing *showing = &audience->showings[index];
    size_t before = audience->batch->bytes.size;
    static const size_t sizes[] = {2000, 20, 3000};

    for (unsigned i = 0; i < 3; i++) {
        if (!batch_frame(audience->batch, FRAME_TEXT, 0,
                         (struct slice){text_of(index + i, sizes[i]), sizes[i]}))
            return false;
    }
    showing->done = true;
    showing->plain =
        (struct passage){audience->batch, before, audience->batch->bytes.size - before, 3};
    return true;
}

static void serve_all(struct audience *audience, unsigned events)
{
    for (unsigned i = 0; i < CONNS; i++) {
        struct passage waiting = {0};

        for (unsigned index = 0; index < events; index++) {
            if (audience->showings[index].done || say(audience, index))
                audience_show(audience, index, &conns[i], &waiting);
        }
        passage_send(&conns[i], &waiting);
    }
}

START_TEST(broadcast_is_compressed_once)
{
    enum { EVENTS = 3 };
    struct audience *audience = audience_new(&conns[0]);

    ck_assert_ptr_nonnull(audience);
    serve_all(audience, EVENTS);
    ck_assert_uint_eq(compression_count(worker.compression),
                      (2 + 2 + 2 * CONNS / WAYS) * (unsigned)EVENTS);
    for (unsigned i = 0; i < CONNS; i++) {
        static uint8_t data[20000];
        size_t size = received(i, data, sizeof data), at = 0;

        for (unsigned index = 0; index < EVENTS; index++) {
            take_frame(data, size, &at, i % WAYS != 0);
            ck_assert_uint_eq(take_frame(data, size, &at, false), 20);
            take_frame(data, size, &at, i % WAYS != 0);
        }
        ck_assert_uint_eq(at, size);
        ck_assert_uint_eq(conns[i].messages_out, 3 * EVENTS);
    }
    audience_free(audience);
}
END_TEST

/* Who joined late is shown the second event first: a dialect holds them in another order. */
START_TEST(broadcasts_are_shown_in_any_order)
{
    static uint8_t first[20000], second[20000];
    struct audience *audience = audience_new(&conns[0]);
    struct passage waiting = {0};

    ck_assert_ptr_nonnull(audience);
    ck_assert(say(audience, 0) && say(audience, 1));
    audience_show(audience, 1, &conns[1], &waiting);
    passage_send(&conns[1], &waiting);
    audience_show(audience, 0, &conns[5], &waiting);
    audience_show(audience, 1, &conns[5], &waiting);
    passage_send(&conns[5], &waiting);
    ck_assert_uint_eq(compression_count(worker.compression), 4);
    size_t size = received(1, first, sizeof first), both = received(5, second, sizeof second);
    ck_assert_uint_gt(size, 0);
    ck_assert_uint_gt(both, size);
    ck_assert_int_eq(memcmp(second + both - size, first, size), 0);
    audience_free(audience);
}
END_TEST

START_TEST(what_gains_nothing_goes_from_the_plain_batch)
{
    struct audience *audience = audience_new(&conns[0]);
    struct passage waiting = {0};

    ck_assert_ptr_nonnull(audience);
    config.compress.min = 100000;
    ck_assert(say(audience, 0));
    audience_show(audience, 0, &conns[1], &waiting);
    ck_assert_ptr_eq(waiting.batch, audience->batch);
    ck_assert_uint_eq(waiting.size, audience->batch->bytes.size);
    ck_assert_uint_eq(waiting.frames, 3);
    ck_assert_uint_eq(compression_count(worker.compression), 0);
    audience_free(audience);
}
END_TEST

START_TEST(one_alone)
{
    for (unsigned i = 0; i < WAYS; i++) {
        uint8_t data[8000];
        size_t at = 0;
        struct audience *audience = audience_new(&conns[i]);

        ck_assert_ptr_nonnull(audience);
        ck_assert(say(audience, 0));
        passage_send_alone(&conns[i], &audience->showings[0].plain);
        audience_free(audience);
        size_t size = received(i, data, sizeof data);
        take_frame(data, size, &at, i != 0);
        take_frame(data, size, &at, false);
        take_frame(data, size, &at, i != 0);
        ck_assert_uint_eq(at, size);
    }
}
END_TEST

/* Whoever's own memory failed is cut; all others get whole messages. */
START_TEST(memory_fails_anywhere)
{
    static uint8_t data[20000];

    for (unsigned long nth = 1; nth <= FUSE_MOST; nth++) {
        unsigned cut = 0;

        mem_fail_at(nth);
        struct audience *audience = audience_new(&conns[0]);
        if (audience != NULL)
            serve_all(audience, 2);
        mem_fail_at(0);
        for (unsigned i = 0; i < CONNS; i++) {
            struct frame frame;
            const char *why;

            cut += conns[i].state == CONN_GONE;
            size_t size = conns[i].state == CONN_GONE ? 0 : received(i, data, sizeof data);
            for (size_t at = 0; at < size; at += frame.header_size + (size_t)frame.length)
                ck_assert_int_eq(frame_parse(data + at, size - at, &frame, &why), FRAME_DONE);
        }
        ck_assert_uint_le(cut, 1);
        if (audience != NULL)
            audience_free(audience);
        tear_down();
        set_up();
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("server/compression");
    TCase *tcase = tcase_create("messages");

    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, message_for_each_is_compressed_once);
    tcase_add_test(tcase, nothing_is_remembered_unless_it_is_expected);
    tcase_add_test(tcase, what_is_remembered_is_bounded);
    tcase_add_test(tcase, what_is_not_used_is_given_back);
    tcase_add_test(tcase, broadcast_is_compressed_once);
    tcase_add_test(tcase, broadcasts_are_shown_in_any_order);
    tcase_add_test(tcase, what_gains_nothing_goes_from_the_plain_batch);
    tcase_add_test(tcase, one_alone);
    tcase_add_test(tcase, memory_fails_anywhere);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
