/*
 * Tests of the end: SIGTERM closes all that is open, and the server is gone in time whatever peers
 * and callbacks do. Each end is clean: status 0, all memory freed where no callback is stuck.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client.h"
#include "harness.h"

#define LIFE "ws /life/ lifecycle.so\n"

START_TEST(all_are_told)
{
    enum { MANY = 50 };
    struct client clients[MANY], never, plain, half;

    serve(LIFE "ws /never/ never_answers.so\n");
    for (int i = 0; i < MANY; i++)
        clients[i] = client_open("/life/");
    never = client_dial();
    client_shake(&never, "/never/", "");
    trace_wait("asked", 1);
    plain = client_dial();
    half = client_dial();
    client_say(&half, "GET / HTTP/1.1\r\n");
    server_signal(SIGTERM);
    for (int i = 0; i < MANY; i++)
        client_expect_code(&clients[i], 1001);
    client_expect_end(&plain);
    client_hang_up(&plain);
    client_expect_end(&half);
    client_hang_up(&half);
    client_drain(&never);
    client_hang_up(&never);
    server_wait();
    ck_assert_uint_eq(trace_count("disconnect 1001"), MANY + 1);
    ck_assert_uint_eq(trace_count("connect"), MANY);
    log_wait(" server.stopping ", "why=SIGTERM");
    log_wait(" server.stopped ");
}
END_TEST

START_TEST(handshake_that_waits_is_503)
{
    struct client client;

    serve("ws /never/ never_answers.so\n");
    client = client_dial();
    client_shake(&client, "/never/", "");
    trace_wait("asked", 1);
    server_signal(SIGTERM);
    ck_assert_uint_eq(client_answer(&client).status, 503);
    client_hang_up(&client);
    server_wait();
}
END_TEST

START_TEST(nobody_is_let_in_any_more)
{
    struct client client;
    uint64_t began;

    serve(LIFE);
    client = client_open("/life/");
    server_signal(SIGTERM);
    ck_assert_uint_eq(client_receive(&client).opcode, CLOSE); /* and so the end has begun */
    for (began = now_ms(); !client_is_refused();) /* each loop has a socket of its own */
        ck_assert_uint_lt(now_ms() - began, 4000);
    client_close(&client, 1001, "");
    client_expect_end(&client);
    client_hang_up(&client);
    server_wait();
    ck_assert_uint_eq(trace_count("connect"), 1);
}
END_TEST

/* It answers nothing, and takes nothing. */
START_TEST(peers_that_read_nothing_are_cut)
{
    struct client silent, full;
    uint64_t before;

    serve_with("loops 2\nserver stop=2s\n", "limits backlog=100m\nws /flood/ flood.so\n");
    silent = client_open("/flood/");
    full = client_dial_narrow();
    client_shake(&full, "/flood/", "");
    ck_assert_uint_eq(client_answer(&full).status, 101);
    client_text(&full, "2000 10000");
    client_fill(&full, 1);
    before = now_ms();
    server_stop();
    ck_assert_uint_lt(now_ms() - before, PATIENCE_MS / 2);
    ck_assert_uint_eq(trace_count("disconnect 1001"), 2);
    client_hang_up(&silent);
    client_hang_up(&full);
}
END_TEST

/* The last words of a consumer are sent before the close. */
START_TEST(what_is_queued_is_sent)
{
    struct client client;

    serve("limits backlog=100m\nws /flood/ flood.so\n");
    client = client_dial_narrow();
    client_shake(&client, "/flood/", "");
    ck_assert_uint_eq(client_answer(&client).status, 101);
    client_text(&client, "200 10000");
    ck_assert_uint_eq(client_receive(&client).size, 10000);
    server_signal(SIGTERM);
    for (int i = 1; i < 200; i++)
        ck_assert_uint_eq(client_receive(&client).size, 10000);
    client_expect_code(&client, 1001);
    server_wait();
    ck_assert_uint_eq(trace_count("disconnect 1001"), 1);
}
END_TEST

START_TEST(file_under_way_is_sent)
{
    enum { SIZE = 8 * 1024 * 1024 };
    struct client client;

    put_directory("pages");
    put_file("pages/large.bin", "");
    ck_assert_int_eq(truncate(in_dir("pages/large.bin"), SIZE), 0);
    serve("http /pages/ dir=pages\n");
    client = client_dial_narrow();
    client_say(&client, "GET /pages/large.bin HTTP/1.1\r\nHost: example.org\r\n\r\n");
    client_fill(&client, 1);
    server_signal(SIGTERM);
    log_wait(" server.stopping ");
    ck_assert_uint_eq(client_answer(&client).size, SIZE);
    client_expect_end(&client);
    client_hang_up(&client);
    server_wait();
}
END_TEST

START_TEST(interrupt_hurries)
{
    struct client silent;
    uint64_t before;

    serve_with("loops 2\nserver stop=10m\n", LIFE);
    silent = client_open("/life/");
    before = now_ms();
    server_signal(SIGINT);
    server_wait();
    ck_assert_uint_lt(now_ms() - before, PATIENCE_MS);
    client_hang_up(&silent);
    ck_assert_uint_eq(trace_count("disconnect 1001"), 1);
    log_wait(" server.stopping ", "why=SIGINT");
}
END_TEST

START_TEST(second_signal_hurries)
{
    struct client silent;

    serve_with("loops 2\nserver stop=10m\n", "limits closing=10m\n" LIFE);
    silent = client_open("/life/");
    server_signal(SIGTERM);
    ck_assert_uint_eq(client_receive(&silent).opcode, CLOSE);
    server_signal(SIGTERM);
    server_wait();
    client_hang_up(&silent);
    ck_assert_uint_eq(trace_count("disconnect 1001"), 1);
}
END_TEST

/* ---- Callbacks under way --------------------------------------------------------------------- */

START_TEST(blocking_callback_ends_first)
{
    struct client client;

    serve("ws /pool/ pool.so\n");
    client = client_open("/pool/");
    client_text(&client, "wait");
    trace_wait("waiting", 1);
    server_signal(SIGTERM);
    log_wait(" server.stopping ");
    gate_open(1);
    client_expect_code(&client, 1001);
    server_wait();
    ck_assert_uint_eq(trace_count("disconnect 1001"), 1);
}
END_TEST

START_TEST(job_that_does_not_end)
{
    struct client client;

    serve_with("loops 2\nserver stop=300ms\n", "ws /endless/ endless.so\n");
    client = client_open("/endless/");
    client_text(&client, "job");
    trace_wait("endless job", 1);
    server_stop();
    log_wait(" error server.stopped ", "a callback does not end");
    client_hang_up(&client);
}
END_TEST

START_TEST(blocking_callback_that_does_not_end)
{
    struct client client;

    serve_with("loops 2\nserver stop=300ms\n", "ws /pool/ pool.so\n");
    client = client_open("/pool/");
    client_text(&client, "wait");
    trace_wait("waiting", 1);
    server_stop();
    log_wait(" error server.stopped ", "a callback does not end");
    client_hang_up(&client);
}
END_TEST

START_TEST(callback_on_a_loop_that_does_not_end)
{
    struct client client, other;

    serve_with("loops 2\nserver stop=300ms\n", "ws /endless/ endless.so\n" LIFE);
    other = client_open("/life/");
    client = client_open("/endless/");
    client_text(&client, "spin");
    trace_wait("endless", 1);
    server_stop();
    log_wait(" error server.stopped ", "a callback does not end");
    client_hang_up(&client);
    client_hang_up(&other);
}
END_TEST

START_TEST(load_and_unload_are_called_once)
{
    struct client client;

    serve("ws /one/ load_counts.so\nws /two/ load_counts.so\nws /unload/ unload_only.so\n");
    client = client_open("/one/");
    client_leave(&client);
    client = client_open("/two/");
    client_leave(&client);
    server_stop();
    ck_assert_uint_eq(trace_count("constructor"), 2); /* in the probe, and here */
    ck_assert_uint_eq(trace_count("load NULL"), 1);
    ck_assert_uint_eq(trace_count("unload"), 2);
    ck_assert_uint_eq(trace_count("destructor"), 1);
    ck_assert_uint_eq(cache_files(), 0);
}
END_TEST

/* What the loader keeps is told, and harms nothing. */
START_TEST(object_that_stays_in_memory)
{
    struct client client;

    serve("ws /stays/ nodelete.so\n");
    client = client_open("/stays/");
    client_text(&client, "hello");
    client_expect_text(&client, "hello");
    client_leave(&client);
    serve_conf("ws /echo/ function_of_api.so\n");
    server_reload();
    log_wait(" generation.stuck ", "consumer=nodelete.so");
    server_stop();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("server, the end");
    TCase *tcase = harness_case(suite, "peers");

    tcase_add_test(tcase, all_are_told);
    tcase_add_test(tcase, handshake_that_waits_is_503);
    tcase_add_test(tcase, nobody_is_let_in_any_more);
    tcase_add_test(tcase, peers_that_read_nothing_are_cut);
    tcase_add_test(tcase, what_is_queued_is_sent);
    tcase_add_test(tcase, file_under_way_is_sent);
    tcase_add_test(tcase, interrupt_hurries);
    tcase_add_test(tcase, second_signal_hurries);

    tcase = harness_case(suite, "callbacks");
    tcase_add_test(tcase, blocking_callback_ends_first);
    tcase_add_test(tcase, job_that_does_not_end);
    tcase_add_test(tcase, blocking_callback_that_does_not_end);
    tcase_add_test(tcase, callback_on_a_loop_that_does_not_end);
    tcase_add_test(tcase, load_and_unload_are_called_once);
    tcase_add_test(tcase, object_that_stays_in_memory);
    return harness_run(suite);
}
