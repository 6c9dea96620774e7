/*
 * Tests of what a consumer holds for all its connections, as it goes from save to load; and of who
 * is in the way of a reload, and of a stop, meanwhile.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "client.h"
#include "harness.h"

#define CONF "ws /heir/ heir.so\n"

static void count(struct client *client, unsigned messages)
{
    for (unsigned i = 0; i < messages; i++)
        client_text(client, "one more");
}

static void expect_count(const char *answer)
{
    struct client client = client_open("/heir/");

    client_text(&client, "count");
    client_expect_text(&client, answer);
    client_leave(&client);
}

static void begin(const char *plugin, const char *first)
{
    struct client client;

    put_plugin_as(plugin, "heir");
    serve_with(first, CONF);
    client = client_open("/heir/");
    count(&client, 3);
    client_leave(&client);
}

START_TEST(saved_value_is_loaded)
{
    begin("heir", "loops 2\n");
    expect_count("one 3");
    put_plugin_as("heir_two", "heir");
    server_reload();
    expect_count("two 3");
    trace_wait("one unload", 1);
    put_plugin("heir");
    server_reload();
    expect_count("one 3");
    ck_assert_uint_eq(trace_count("one load null"), 1);
    ck_assert_uint_eq(trace_count("one save"), 1);
    ck_assert_uint_eq(trace_count("two load 3"), 1);
    ck_assert_uint_eq(trace_count("two save"), 1);
    ck_assert_uint_eq(trace_count("one load 3"), 1);
    server_stop();
    ck_assert_uint_eq(trace_count("one save"), 1); /* to nobody */
    ck_assert_uint_eq(trace_count("one unload"), 2);
    ck_assert_uint_eq(trace_count("two unload"), 1);
}
END_TEST

START_TEST(old_code_goes_on_where_load_says_no)
{
    struct client client;

    begin("heir", "loops 2\n");
    put_plugin_as("heir_false", "heir");
    server_reload_refused();
    log_wait("routing.conf:5:11: error: cannot load \"heir.so\": its load() returned false");
    ck_assert_uint_eq(trace_count("no load 3"), 1);
    client = client_open("/heir/");
    count(&client, 1);
    client_leave(&client);
    expect_count("one 4");
    put_plugin_as("heir_two", "heir");
    server_reload();
    expect_count("two 4");
    server_stop();
    ck_assert_uint_eq(trace_count("no unload"), 0);
    ck_assert_uint_eq(trace_count("one save"), 2);
    ck_assert_uint_eq(trace_count("one unload"), 1);
}
END_TEST

START_TEST(unchanged_consumer_is_not_asked)
{
    begin("heir", "loops 2\n");
    put_plugin("heir"); /* the same bytes, another time */
    serve_conf(CONF "ws /more/ good.so\n");
    server_reload();
    expect_count("one 3");
    ck_assert_uint_eq(trace_count("one save"), 0);
    ck_assert_uint_eq(trace_count("one load null"), 1);
    server_stop();
    ck_assert_uint_eq(trace_count("one unload"), 1);
}
END_TEST

/* What is at two mounts is handed over once; a file of another name is another consumer. */
START_TEST(each_consumer_is_asked_once)
{
    put_plugin("heir");
    serve(CONF "ws /again/ heir.so\n");
    put_plugin_as("heir_two", "heir");
    put_plugin_as("heir_two", "other");
    serve_conf("ws /other/ other.so\n" CONF "ws /again/ heir.so\n");
    server_reload();
    ck_assert_uint_eq(trace_count("one save"), 1);
    ck_assert_uint_eq(trace_count("two load 0"), 1);
    ck_assert_uint_eq(trace_count("two load null"), 1);
}
END_TEST

/* ---- What does not come back ----------------------------------------------------------------- */

/* When a call that was late has ended the server hears of it, and tells nobody: until then it
 * refuses. */
static void reload_once_it_has_ended(void)
{
    uint64_t deadline = now_ms() + PATIENCE_MS;
    unsigned done = log_count(" reload.done ");

    while (log_count(" reload.done ") == done) {
        unsigned refused = log_count(" reload.refused ");

        rest_until(deadline, "a reload that is done");
        server_signal(SIGHUP);
        AWAIT(log_count(" reload.done ") > done || log_count(" reload.refused ") > refused);
    }
}

START_TEST(load_that_does_not_end)
{
    struct client live;

    begin("heir", "loops 2\nreload pause=1s\n");
    live = client_open("/heir/");
    put_plugin_as("heir_load_waits", "heir");
    server_reload_refused();
    trace_wait("late waits", 1);
    log_wait("routing.conf: error: load() of \"heir.so\" does not end: it had 1000 ms");
    count(&live, 1);
    client_text(&live, "count");
    client_expect_text(&live, "one 4"); /* all goes on */
    put_plugin_as("heir_two", "heir");
    server_reload_refused();
    log_wait("an earlier reload called has not ended");
    gate_open(1);
    trace_wait("late load 3", 1);
    trace_wait("late unload", 1);
    AWAIT(cache_files() == 1);
    client_text(&live, "count");
    client_expect_text(&live, "one 4");
    reload_once_it_has_ended();
    expect_count("two 4");
    client_leave(&live);
}
END_TEST

START_TEST(save_that_does_not_end)
{
    begin("heir_save_waits", "loops 2\nreload pause=1s\n");
    put_plugin_as("heir_two", "heir");
    server_reload_refused();
    log_wait("routing.conf: error: save() of \"heir.so\" does not end");
    expect_count("late 3");
    gate_open(1);
    trace_wait("two unload", 1); /* it was loaded for nothing */
    expect_count("late 3");
}
END_TEST

START_TEST(unload_that_does_not_end)
{
    struct client live;

    begin("heir_unload_waits", "loops 2\nreload pause=1s\n");
    live = client_open("/heir/");
    put_plugin_as("heir_two", "heir");
    server_reload();
    log_wait(" unload.late consumer=heir.so ");
    client_text(&live, "count");
    client_expect_text(&live, "two 3"); /* all goes on */
    put_plugin_as("heir", "heir");
    server_reload_refused();
    log_wait("an earlier reload called has not ended");
    gate_open(1);
    trace_wait("late unload", 1);
    AWAIT(cache_files() == 1);
    reload_once_it_has_ended();
    expect_count("one 3");
    client_leave(&live);
}
END_TEST

/* ---- A stop meanwhile ------------------------------------------------------------------------ */

START_TEST(stop_while_callbacks_are_waited_for)
{
    struct client held;

    put_plugin("heir");
    serve_with("loops 2\nreload pause=1m\n", CONF "ws /pool/ pool.so\n");
    held = client_open("/pool/");
    client_text(&held, "wait");
    trace_wait("waiting", 1);
    put_plugin_as("heir_two", "heir");
    server_signal(SIGHUP);
    server_signal(SIGTERM);
    log_wait(" server.stopping ");
    client_expect_code(&held, 1001);
    gate_open(1);
    server_wait();
    ck_assert_uint_eq(trace_count("one unload"), 1);
    ck_assert_uint_eq(trace_count("two load 0"), 0);
}
END_TEST

START_TEST(stop_while_a_consumer_is_loaded)
{
    begin("heir", "loops 2\nreload pause=1m\n");
    put_plugin_as("heir_load_waits", "heir");
    server_signal(SIGHUP);
    trace_wait("late waits", 1);
    server_signal(SIGTERM);
    log_wait(" server.stopping ");
    log_wait(" reload.refused ");
    gate_open(1);
    server_wait();
    ck_assert_uint_eq(trace_count("one unload"), 1);
    ck_assert_uint_eq(trace_count("late unload"), 1);
}
END_TEST

START_TEST(stop_while_a_consumer_is_probed)
{
    begin("heir", "loops 2\nreload probe=10m\n");
    put_plugin_as("check_hangs", "heir");
    server_signal(SIGHUP);
    log_wait("check is called");
    server_stop();
    ck_assert_uint_eq(log_count(" reload.refused "), 1);
    ck_assert_uint_eq(trace_count("one unload"), 1);
}
END_TEST

/* The last one to go, or one that a reload has replaced. */
START_TEST(stop_while_a_consumer_is_unloaded)
{
    begin("heir_unload_waits", "loops 2\nserver stop=500ms\n");
    if (_i == 1) {
        put_plugin_as("heir_two", "heir");
        server_reload();
        trace_wait("late waits", 1);
    }
    server_stop();
    trace_wait("late waits", 1);
    ck_assert_uint_eq(log_count(" why=\"a callback does not end\""), (unsigned)_i);
    ck_assert_uint_eq(log_count(" unload.late consumer=heir.so "), 1 - (unsigned)_i);
}
END_TEST

/* ---- Wishes ---------------------------------------------------------------------------------- */

/* Those that come while one is under way are served by one more. */
START_TEST(many_signals_at_once)
{
    struct client held;
    unsigned done;

    put_plugin("heir");
    serve_with("loops 2\nreload pause=1m\n", CONF "ws /pool/ pool.so\n");
    held = client_open("/pool/");
    client_text(&held, "wait");
    trace_wait("waiting", 1);
    put_plugin_as("heir_two", "heir");
    for (int i = 0; i < 50; i++)
        server_signal(SIGHUP);
    expect_count("one 0");
    gate_open(1);
    client_expect_text(&held, "waited");
    trace_wait("two load 0", 1);
    server_reload(); /* perhaps that is the one which the others share */
    server_reload();
    done = log_count(" reload.done ");
    ck_assert_uint_ge(done, 2);
    ck_assert_uint_le(done, 4);
    ck_assert_uint_eq(log_count(" reload.refused "), 0);
    client_leave(&held);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("reload, handing over");
    TCase *tcase = harness_case(suite, "handing over");

    tcase_add_test(tcase, saved_value_is_loaded);
    tcase_add_test(tcase, old_code_goes_on_where_load_says_no);
    tcase_add_test(tcase, unchanged_consumer_is_not_asked);
    tcase_add_test(tcase, each_consumer_is_asked_once);

    tcase = harness_case(suite, "what does not come back");
    tcase_add_test(tcase, load_that_does_not_end);
    tcase_add_test(tcase, save_that_does_not_end);
    tcase_add_test(tcase, unload_that_does_not_end);

    tcase = harness_case(suite, "stops");
    tcase_add_test(tcase, stop_while_callbacks_are_waited_for);
    tcase_add_test(tcase, stop_while_a_consumer_is_loaded);
    tcase_add_test(tcase, stop_while_a_consumer_is_probed);
    tcase_add_loop_test(tcase, stop_while_a_consumer_is_unloaded, 0, 2);

    tcase = harness_case(suite, "wishes");
    tcase_add_test(tcase, many_signals_at_once);
    return harness_run(suite);
}
