/*
 * Tests of supervisor: the server is started again where it dies, signals reach it, statuses are
 * handed on, and nothing is left.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client.h"
#include "harness.h"

#define ECHO "ws /a/ crashes.so\n"

static void serve_supervised(const char *conf)
{
    server_supervise();
    serve(conf);
}

static void echo_once(const char *path, const char *text)
{
    struct client client = client_open(path);

    client_text(&client, text);
    client_expect_text(&client, text);
    client_leave(&client);
}

static void kill_child(unsigned nth, int signal)
{
    ck_assert_int_eq(kill(server_child(nth), signal), 0);
}

static bool is_gone(pid_t pid)
{
    return kill(pid, 0) != 0;
}

static bool is_stopped(pid_t pid)
{
    char path[64], state = '?';
    FILE *file;

    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    file = fopen(path, "r");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(fscanf(file, "%*d %*s %c", &state), 1);
    fclose(file);
    return state == 'T';
}

/* From when this returns it takes nobody in. */
static void stop_child(void)
{
    kill_child(1, SIGSTOP);
    AWAIT(is_stopped(server_child(1)));
}

/* ---- It is started again --------------------------------------------------------------------- */

START_TEST(goes_on_after_a_crash)
{
    unsigned port;

    serve_supervised(ECHO);
    port = server_port();
    echo_once("/a/", "before");
    kill_child(1, SIGSEGV);
    log_wait(" server.crashed signal=SIGSEGV ");
    log_wait(" server.restarting in_ms=0\n");
    echo_once("/a/", "after"); /* of a port that was chosen: it is the same */
    ck_assert_uint_eq(port, server_port());
    ck_assert_int_ne(server_child(1), server_child(2));
    server_stop();
    ck_assert_uint_eq(cache_files(), 0);
}
END_TEST

/* A server that is stopped takes nobody in; when it is killed, who waits is the next one's. */
START_TEST(who_connects_meanwhile_waits)
{
    enum { MANY = 20 };
    struct client clients[MANY];

    serve_supervised(ECHO);
    stop_child();
    for (unsigned i = 0; i < MANY; i++) {
        clients[i] = client_dial();
        client_shake(&clients[i], "/a/", "");
    }
    kill_child(1, SIGKILL);
    for (unsigned i = 0; i < MANY; i++) {
        ck_assert_uint_eq(client_answer(&clients[i]).status, 101);
        client_leave(&clients[i]);
    }
    log_wait(" server.crashed signal=SIGKILL ");
}
END_TEST

START_TEST(a_unix_socket_too)
{
    struct client waiting;

    server_supervise();
    serve_with("listen unix:here.sock\nloops 2\n", ECHO);
    stop_child();
    waiting = client_dial_unix("here.sock");
    client_shake(&waiting, "/a/", "");
    kill_child(1, SIGKILL);
    ck_assert_uint_eq(client_answer(&waiting).status, 101);
    client_leave(&waiting);
    server_stop();
    ck_assert_int_ne(access(in_dir("here.sock"), F_OK), 0);
}
END_TEST

START_TEST(waits_longer_each_time)
{
    serve_supervised(ECHO);
    for (unsigned i = 1; i <= 4; i++) {
        kill_child(i, SIGKILL);
        server_child(i + 1);
    }
    ck_assert_uint_eq(log_count(" server.restarting in_ms=0\n"), 1);
    ck_assert_uint_eq(log_count(" server.restarting in_ms=100\n"), 1);
    ck_assert_uint_eq(log_count(" server.restarting in_ms=200\n"), 1);
    ck_assert_uint_eq(log_count(" server.restarting in_ms=400\n"), 1);
}
END_TEST

/* exit() in a callback is no end that anybody asked for. */
START_TEST(goes_on_after_an_exit)
{
    struct client client;

    serve_supervised(ECHO);
    client = client_open("/a/");
    client_text(&client, "exit");
    client_drain(&client);
    client_hang_up(&client);
    log_wait(" server.crashed status=3 ");
    echo_once("/a/", "after");
}
END_TEST

START_TEST(holds_no_more_descriptors_after_many)
{
    unsigned before;

    serve_supervised(ECHO);
    AWAIT(server_files("/lock") == 1); /* it has all that it was told of */
    before = server_descriptors();
    for (unsigned i = 1; i <= 4; i++) {
        kill_child(i, SIGKILL);
        server_child(i + 1);
    }
    echo_once("/a/", "more");
    AWAIT(server_descriptors() == before);
}
END_TEST

/* ---- Its end --------------------------------------------------------------------------------- */

START_TEST(stops_with_its_server)
{
    static const int signals[] = {SIGTERM, SIGINT};
    struct client client;
    pid_t child;

    serve_supervised(ECHO);
    child = server_child(1);
    client = client_open("/a/");
    server_signal(signals[_i]);
    client_expect_code(&client, 1001);
    client_hang_up(&client);
    server_wait();
    ck_assert(is_gone(child));
    ck_assert_uint_eq(log_count(" server.stopped "), 1);
}
END_TEST

/* As timeout(1) does it: to the process, and at once to its group. */
START_TEST(a_signal_twice_ends_it_well)
{
    struct client client;

    serve_supervised(ECHO);
    client = client_open("/a/");
    server_signal(SIGTERM);
    server_signal(SIGTERM);
    client_drain(&client);
    client_hang_up(&client);
    server_wait();
    ck_assert_uint_eq(log_count(" server.stopped connections_served=1\n"), 1);
}
END_TEST

START_TEST(its_server_told_to_stop_ends_both)
{
    serve_supervised(ECHO);
    kill_child(1, SIGTERM);
    server_wait();
    ck_assert_uint_eq(log_count("server.crashed"), 0);
}
END_TEST

START_TEST(a_server_that_hangs_is_ended)
{
    server_supervise();
    serve_with("loops 2\nserver stop=200ms\n", ECHO);
    kill_child(1, SIGSTOP);
    server_signal(SIGTERM);
    server_wait();
    log_wait(" server.stopped why=\"it did not end by itself\" ");
    ck_assert(is_gone(server_child(1)));
    ck_assert_uint_eq(cache_files(), 0);
}
END_TEST

START_TEST(stops_while_it_waits)
{
    serve_supervised(ECHO);
    for (unsigned i = 1; i <= 4; i++) {
        kill_child(i, SIGKILL);
        if (i < 4)
            server_child(i + 1);
    }
    log_wait(" server.restarting in_ms=400\n");
    server_stop();
}
END_TEST

START_TEST(killed_it_leaves_nothing)
{
    struct client client;
    pid_t child;

    serve_supervised(ECHO);
    child = server_child(1);
    client = client_open("/a/");
    server_signal(SIGKILL);
    client_expect_code(&client, 1001);
    client_hang_up(&client);
    server_wait_killed(SIGKILL);
    AWAIT(is_gone(child));
    log_wait(" supervisor.gone ");
    ck_assert_uint_eq(cache_files(), 0);
}
END_TEST

START_TEST(mistakes_at_the_start_are_its_end)
{
    server_supervise();
    serve_refused("ws /a/ nothing.so\n");
    ck_assert_uint_eq(log_count("routing.conf:5:8: error: "), 1);
    ck_assert_uint_eq(log_count("server.restarting"), 0);
}
END_TEST

START_TEST(a_crash_at_the_start_is_its_end)
{
    server_supervise();
    serve_conf("ws /a/ load_crashes.so\n");
    server_start();
    server_wait_status(128 + SIGABRT);
    log_wait(" server.crashed signal=SIGABRT ");
    ck_assert_uint_eq(log_count("server.restarting"), 0);
}
END_TEST

/* ---- Other signals --------------------------------------------------------------------------- */

START_TEST(hands_on_a_hang_up)
{
    serve_supervised(ECHO);
    server_reload();
    echo_once("/a/", "after");
}
END_TEST

START_TEST(hands_on_what_ends_the_server)
{
    serve_supervised(ECHO);
    server_signal(SIGUSR1);
    server_wait_status(128 + SIGUSR1);
}
END_TEST

START_TEST(stops_and_continues_as_one_job)
{
    pid_t child;

    serve_supervised(ECHO);
    child = server_child(1);
    server_signal(SIGTSTP);
    AWAIT(is_stopped(server_pid()) && is_stopped(child));
    server_signal(SIGCONT);
    AWAIT(!is_stopped(server_pid()) && !is_stopped(child));
    echo_once("/a/", "after");
}
END_TEST

START_TEST(the_server_has_a_group_of_its_own)
{
    serve_supervised(ECHO);
    ck_assert_int_eq(getpgid(server_child(1)), server_child(1));
    ck_assert_int_ne(getpgid(server_pid()), server_child(1));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("supervisor");
    TCase *again = harness_case(suite, "again");
    TCase *end = harness_case(suite, "end");
    TCase *signals = harness_case(suite, "signals");
    const struct rlimit no_core = {0, 0};
    const char *sanitize = getenv("SANITIZE");

    setrlimit(RLIMIT_CORE, &no_core);
    if (sanitize == NULL || *sanitize == '\0') { /* those end the process in their own way */
        tcase_add_test(again, goes_on_after_a_crash);
        tcase_add_test(end, a_crash_at_the_start_is_its_end);
    }
    tcase_add_test(again, who_connects_meanwhile_waits);
    tcase_add_test(again, a_unix_socket_too);
    tcase_add_test(again, waits_longer_each_time);
    tcase_add_test(again, goes_on_after_an_exit);
    tcase_add_test(again, holds_no_more_descriptors_after_many);

    tcase_add_loop_test(end, stops_with_its_server, 0, 2);
    tcase_add_test(end, a_signal_twice_ends_it_well);
    tcase_add_test(end, its_server_told_to_stop_ends_both);
    tcase_add_test(end, a_server_that_hangs_is_ended);
    tcase_add_test(end, stops_while_it_waits);
    tcase_add_test(end, killed_it_leaves_nothing);
    tcase_add_test(end, mistakes_at_the_start_are_its_end);

    tcase_add_test(signals, hands_on_a_hang_up);
    tcase_add_test(signals, hands_on_what_ends_the_server);
    tcase_add_test(signals, stops_and_continues_as_one_job);
    tcase_add_test(signals, the_server_has_a_group_of_its_own);
    return harness_run(suite);
}
