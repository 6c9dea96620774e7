/*
 * Tests of a stop with very many connections: they are closed little by little, so that their
 * clients do not come back all at once; who waits for that is served; and a stop that is to be
 * quick is.
 */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "client.h"
#include "harness.h"

#define LIFE "ws /life/ lifecycle.so\n"

enum { MANY = 2000, QUARTERS = 4 };

static struct client clients[MANY];
static uint64_t came[MANY]; /* when its close frame came; 0: not yet */

/* Descriptors for all of them; the server raises its own limit, which it inherits from here. */
static void raise_file_limit(void)
{
    struct rlimit files;

    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &files), 0);
    files.rlim_cur = files.rlim_max;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &files), 0);
    ck_assert_uint_gt(files.rlim_max, MANY + 200);
}

static void open_all(unsigned many)
{
    memset(came, 0, sizeof came);
    for (unsigned i = 0; i < many; i++)
        clients[i] = client_open("/life/");
}

/* Notes when each is closed, and answers. True: all are. */
static bool take_closes(unsigned many, unsigned code)
{
    static struct pollfd waits[MANY];
    unsigned left = 0;

    for (unsigned i = 0; i < many; i++) {
        waits[i] = (struct pollfd){.fd = came[i] == 0 ? clients[i].fd : -1, .events = POLLIN};
        left += came[i] == 0;
    }
    if (left == 0 || poll(waits, many, 1000) <= 0)
        return left == 0;
    for (unsigned i = 0; i < many; i++) {
        if (waits[i].fd < 0 || waits[i].revents == 0)
            continue;
        struct received frame = client_receive(&clients[i]);
        must(frame.opcode == CLOSE, "opcode %u", frame.opcode);
        must(frame.payload[0] * 256u + frame.payload[1] == code, "another code");
        came[i] = now_ms();
        client_close(&clients[i], code, "");
    }
    return false;
}

static void take_all_closes(unsigned many, unsigned code)
{
    uint64_t deadline = now_ms() + PATIENCE_MS;

    while (!take_closes(many, code))
        must(now_ms() < deadline, "not all are closed");
}

static uint64_t spread(unsigned many, uint64_t *first)
{
    uint64_t last = 0;

    *first = UINT64_MAX;
    for (unsigned i = 0; i < many; i++) {
        *first = came[i] < *first ? came[i] : *first;
        last = came[i] > last ? came[i] : last;
    }
    return last - *first;
}

static void hang_up_all(unsigned many)
{
    for (unsigned i = 0; i < many; i++)
        client_hang_up(&clients[i]);
}

/* ---- Paced ----------------------------------------------------------------------------------- */

START_TEST(many_are_closed_little_by_little)
{
    enum { PACE = 2000 };
    unsigned quarters[QUARTERS] = {0};
    uint64_t first, wide;

    raise_file_limit();
    serve_with("loops 2\nserver pace=2s stop=30s\n", LIFE);
    open_all(MANY);
    server_signal(SIGTERM);
    take_all_closes(MANY, 1001);
    server_wait();
    wide = spread(MANY, &first);
    ck_assert_uint_ge(wide, PACE / 2);
    for (unsigned i = 0; i < MANY; i++)
        quarters[(came[i] - first) * QUARTERS / (wide + 1)]++;
    for (unsigned i = 0; i < QUARTERS; i++)
        ck_assert_msg(quarters[i] >= MANY / QUARTERS / 4, "%u, %u, %u, %u", quarters[0],
                      quarters[1], quarters[2], quarters[3]);
    ck_assert_uint_eq(trace_count("disconnect 1001"), MANY);
    log_wait(" server.stopped ");
    hang_up_all(MANY);
}
END_TEST

START_TEST(few_are_closed_at_once)
{
    enum { FEW = 60 };
    uint64_t first;

    serve_with("loops 2\nserver pace=5m stop=10m\n", LIFE);
    open_all(FEW);
    server_signal(SIGTERM);
    take_all_closes(FEW, 1001);
    server_wait();
    ck_assert_uint_lt(spread(FEW, &first), PATIENCE_MS / 2);
    ck_assert_uint_eq(trace_count("disconnect 1001"), FEW);
    hang_up_all(FEW);
}
END_TEST

/* Nobody new is let in, but who is there is served until it is his turn. */
START_TEST(who_waits_is_served)
{
    enum { SOME = 200 };
    struct client *last = &clients[SOME - 1];

    serve_with("loops 1\nserver pace=4s stop=30s\n", LIFE);
    open_all(SOME);
    server_signal(SIGTERM);
    ck_assert_uint_eq(client_receive(&clients[0]).opcode, CLOSE);
    client_close(&clients[0], 1001, "");
    came[0] = now_ms();
    ck_assert(client_is_refused());
    for (int i = 0; i < 10; i++) {
        client_text(last, "still here");
        client_expect_text(last, "still here");
    }
    take_all_closes(SOME, 1001);
    server_wait();
    hang_up_all(SOME);
}
END_TEST

/* Of those that leave by themselves meanwhile nobody is told, and nobody is forgotten. */
START_TEST(some_leave_before_their_turn)
{
    enum { SOME = 400 };

    serve_with("loops 1\nserver pace=1s stop=30s\n", LIFE);
    open_all(SOME);
    server_signal(SIGTERM);
    ck_assert_uint_eq(client_receive(&clients[0]).opcode, CLOSE);
    came[0] = now_ms();
    for (unsigned i = 0; i < SOME; i++) {
        if (i % 2 == 1 && came[i] == 0) {
            client_cut(&clients[i]);
            came[i] = 1;
        }
    }
    client_close(&clients[0], 1001, "");
    take_all_closes(SOME, 1001);
    server_wait();
    for (unsigned i = 0; i < SOME; i += 2)
        client_hang_up(&clients[i]);
}
END_TEST

/* However long the pace, the server is gone in time, and what is left is closed before. */
START_TEST(pace_ends_before_the_stop)
{
    enum { SOME = 200 };
    uint64_t before;

    serve_with("loops 1\nserver pace=10m stop=4s\n", LIFE);
    open_all(SOME);
    before = now_ms();
    server_signal(SIGTERM);
    take_all_closes(SOME, 1001);
    server_wait();
    ck_assert_uint_lt(now_ms() - before, PATIENCE_MS / 2);
    ck_assert_uint_eq(trace_count("disconnect 1001"), SOME);
    hang_up_all(SOME);
}
END_TEST

/* ---- Not paced ------------------------------------------------------------------------------- */

START_TEST(second_signal_cuts_those_that_wait)
{
    enum { SOME = 300 };

    serve_with("loops 1\nserver pace=5m stop=10m\n", LIFE);
    open_all(SOME);
    server_signal(SIGTERM);
    ck_assert_uint_eq(client_receive(&clients[0]).opcode, CLOSE);
    server_signal(SIGTERM);
    server_wait();
    ck_assert_uint_eq(trace_count("disconnect 1001"), SOME);
    hang_up_all(SOME);
}
END_TEST

START_TEST(interrupt_does_not_pace)
{
    enum { SOME = 300 };

    serve_with("loops 1\nserver pace=5m stop=10m\n", LIFE);
    open_all(SOME);
    server_signal(SIGINT);
    server_wait();
    ck_assert_uint_eq(trace_count("disconnect 1001"), SOME);
    hang_up_all(SOME);
}
END_TEST

/* ---- Whether to come back -------------------------------------------------------------------- */

START_TEST(server_that_is_started_again)
{
    struct client client;

    serve("server restarts=on\n" LIFE);
    client = client_open("/life/");
    server_signal(SIGTERM);
    client_expect_code(&client, 1012);
    server_wait();
    ck_assert_uint_eq(trace_count("disconnect 1012"), 1);
}
END_TEST

START_TEST(server_that_was_to_be_started_again)
{
    struct client client;

    serve("server restarts=on\n" LIFE);
    serve_conf("server restarts=off\n" LIFE);
    server_reload();
    client = client_open("/life/");
    server_signal(SIGTERM);
    client_expect_code(&client, 1001);
    server_wait();
    ck_assert_uint_eq(trace_count("disconnect 1001"), 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("server, the end of many");
    TCase *tcase = harness_case(suite, "paced");

    tcase_add_test(tcase, many_are_closed_little_by_little);
    tcase_add_test(tcase, few_are_closed_at_once);
    tcase_add_test(tcase, who_waits_is_served);
    tcase_add_test(tcase, some_leave_before_their_turn);
    tcase_add_test(tcase, pace_ends_before_the_stop);

    tcase = harness_case(suite, "not paced");
    tcase_add_test(tcase, second_signal_cuts_those_that_wait);
    tcase_add_test(tcase, interrupt_does_not_pace);

    tcase = harness_case(suite, "coming back");
    tcase_add_test(tcase, server_that_is_started_again);
    tcase_add_test(tcase, server_that_was_to_be_started_again);
    return harness_run(suite);
}
