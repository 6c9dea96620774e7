/*
 * Tests of what peers and consumers do to each other at bad moments: who leaves in the middle, who
 * never pauses, who calls without arguments, who does not come back.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "harness.h"

/* ---- Peers that leave ------------------------------------------------------------------------ */

START_TEST(message_outlives_its_line)
{
    enum { HALF = 40000 };
    static char half[HALF];
    struct client client;

    memset(half, 'x', sizeof half);
    serve("ws /outlives/ outlives.so\n");
    client = client_open("/outlives/");
    client_frame(&client, TEXT, half, HALF);
    client_frame(&client, 0x80 | CONTINUATION, half, HALF);
    trace_wait("received", 1);
    client_cut(&client);
    gate_open(1);
    trace_wait("whole", 1);
    ck_assert_uint_eq(trace_count("broken"), 0);
}
END_TEST

/* Its events wait for the pool, which stays full: nothing may look for it there later. */
START_TEST(connection_goes_while_its_events_wait_for_the_pool)
{
    struct client running, queued, gone, next;

    serve_with("loops 1\n", "pool threads=1 queue=1\nws /waits/ waits.so {\n limits events=1\n}\n");
    gone = client_open("/waits/");
    running = client_open("/waits/");
    queued = client_open("/waits/");
    client_text(&gone, "join");
    client_expect_text(&gone, "joined");
    client_text(&running, "wait");
    trace_wait("waiting", 1);
    client_text(&queued, "wait");
    ask_for("/none"); /* so the loop has taken that */
    gate_open(1);
    log_wait(" event.dropped ", "why=\"events full\"");
    client_cut(&gone);
    log_wait(" conn.close ", "code=1006");
    next = client_dial();
    client_shake(&next, "/waits/", "");
    gate_open(3);
    ck_assert_uint_eq(client_answer(&next).status, 101);
    client_leave(&next);
    client_leave(&queued);
    client_leave(&running);
}
END_TEST

START_TEST(requests_of_a_peer_that_said_all_are_answered)
{
    static const char one[] = "GET /page HTTP/1.1\r\nHost: x\r\n\r\n";
    enum { MANY = 500 };
    char *all = calloc(MANY, sizeof one);
    struct client client;

    for (unsigned i = 0; i < MANY; i++)
        strcat(all + i * strlen(one), one);
    put_file("page.html", "page");
    serve("http /page file=page.html\n");
    client = client_dial();
    client_say(&client, all);
    client_shut(&client);
    for (unsigned i = 0; i < MANY; i++)
        ck_assert_uint_eq(client_answer(&client).status, 200);
    client_expect_end(&client);
    client_hang_up(&client);
    free(all);
}
END_TEST

/* ---- Consumers that are careless ------------------------------------------------------------- */

START_TEST(calls_without_arguments)
{
    static const char *const calls[] = {"sluice_param",     "sluice_param_int",  "sluice_query",
                                        "sluice_header",    "sluice_cookie",     "sluice_option",
                                        "sluice_bytes_new", "sluice_send",       "sluice_send_text",
                                        "sluice_defer",     "sluice_send_bytes", "sluice_log"};
    struct client client;

    serve("ws /nulls/ nulls.so\n");
    client = client_open("/nulls/");
    client_text(&client, "text");
    client_expect_text(&client, "alive");
    client_binary(&client, "binary", 6);
    client_expect_text(&client, "alive");
    client_leave(&client);
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        char call[64] = "call=";

        strcat(strcat(call, calls[i]), " ");
        ck_assert_msg(log_count(" call.refused ", call, "why=\"an argument is NULL\"") == 1, "%s",
                      calls[i]);
    }
}
END_TEST

/* That nothing of theirs is left is seen where leaks are looked for. */
START_TEST(threads_of_consumers_come_and_go)
{
    struct client client;

    serve("ws /threads/ threads.so\n");
    for (unsigned i = 0; i < 20; i++) {
        client = client_open("/threads/");
        client_text(&client, "go");
        while (strcmp((const char *)client_receive(&client).payload, "{\"own\":\"thread\"}") != 0)
            continue;
        client_cut(&client);
    }
    server_stop();
    ck_assert_uint_eq(log_count(" call.refused ", "call=sluice_send_text"), 1);
}
END_TEST

/* ---- The end --------------------------------------------------------------------------------- */

START_TEST(end_does_not_wait_for_a_callback_that_holds_its_loop)
{
    struct client client;

    serve("server stop=300ms\nws /held/ held.so {\n limits callback=20ms\n}\n");
    client = client_open("/held/");
    client_text(&client, "hello");
    log_wait(" callback.stuck ", "callback=receive");
    server_signal(SIGTERM);
    server_wait();
    client_hang_up(&client);
    ck_assert_uint_eq(log_count(" server.stopped ", "a callback does not end"), 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("server, bad moments");
    TCase *tcase = harness_case(suite, "peers");

    tcase_add_test(tcase, message_outlives_its_line);
    tcase_add_test(tcase, connection_goes_while_its_events_wait_for_the_pool);
    tcase_add_test(tcase, requests_of_a_peer_that_said_all_are_answered);

    tcase = harness_case(suite, "consumers");
    tcase_add_test(tcase, calls_without_arguments);
    tcase_add_test(tcase, threads_of_consumers_come_and_go);

    tcase = harness_case(suite, "end");
    tcase_add_test(tcase, end_does_not_wait_for_a_callback_that_holds_its_loop);
    return harness_run(suite);
}
