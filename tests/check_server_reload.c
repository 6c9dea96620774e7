/*
 * Tests of SIGHUP: new connections meet the new code, live ones that are told to stay with the old
 * do so until they close, and then nothing is left of it; whatever is done to the files meanwhile.
 * (Those that move: check_server_move.)
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client.h"
#include "harness.h"

#define CONF "ws /version/ version.so {\n reload move=off drain=off\n}\n"

static void serve_old(void)
{
    put_plugin_as("reload_old", "version");
    serve(CONF);
}

static void reload_new(void)
{
    put_plugin_as("reload_new", "version");
    server_reload();
}

static void expect_version(struct client *client, const char *version)
{
    client_text(client, "which");
    client_expect_text(client, version);
}

START_TEST(new_connections_meet_the_new_code)
{
    struct client before, after;

    serve_old();
    before = client_open("/version/");
    expect_version(&before, "old");
    reload_new();
    after = client_open("/version/");
    expect_version(&after, "new");
    expect_version(&before, "old");
    ck_assert_uint_eq(cache_files(), 2);
    ck_assert_uint_eq(trace_count("old unload"), 0);

    client_leave(&before);
    trace_wait("old unload", 1);
    AWAIT(cache_files() == 1);
    expect_version(&after, "new");
    client_leave(&after);
    server_stop();
    ck_assert_uint_eq(trace_count("old load"), 1);
    ck_assert_uint_eq(trace_count("new load"), 1);
    ck_assert_uint_eq(trace_count("old unload"), 1);
    ck_assert_uint_eq(trace_count("new unload"), 1);
    ck_assert_uint_eq(cache_files(), 0);
}
END_TEST

START_TEST(group_of_two_generations)
{
    struct client before, after;

    serve_old();
    before = client_open("/version/");
    reload_new();
    after = client_open("/version/");
    client_binary(&before, "", 0);
    client_expect_text(&before, "all of old");
    client_expect_text(&after, "all of new");
    client_leave(&before);
    client_leave(&after);
}
END_TEST

START_TEST(old_code_leaves_memory)
{
    struct client client;
    unsigned mappings;

    serve_old();
    mappings = server_mappings("version");
    ck_assert_uint_gt(mappings, 0);
    client = client_open("/version/");
    reload_new();
    ck_assert_uint_gt(server_mappings("version"), mappings);
    client_leave(&client);
    AWAIT(server_mappings("version") == mappings);
}
END_TEST

START_TEST(unchanged_consumer_is_kept)
{
    struct client client;

    serve_old();
    client = client_open("/version/");
    serve_conf(CONF "ws /more/ version.so\n");
    server_reload();
    expect_version(&client, "old");
    client_leave(&client);
    client = client_open("/more/");
    expect_version(&client, "old");
    client_leave(&client);
    server_stop();
    ck_assert_uint_eq(trace_count("old load"), 1);
    ck_assert_uint_eq(trace_count("old unload"), 1);
}
END_TEST

START_TEST(mounts_come_and_go)
{
    struct client client;

    put_directory("pages");
    put_file("pages/a.txt", "a");
    serve("ws /good/ good.so\n");
    client = client_open("/good/");
    ck_assert_uint_eq(ask_for("/pages/a.txt"), 404);
    serve_conf("http /pages/ dir=pages\n");
    server_reload();
    AWAIT(ask_for("/pages/a.txt") == 200); /* each loop has the new table soon after */
    AWAIT(ask_to_open("/good/", "") == 404);
    client_text(&client, "still here");
    client_expect_text(&client, "still here");
    client_leave(&client);
}
END_TEST

START_TEST(limits_and_options_change)
{
    struct client before, after;

    serve("ws /echo/ flood.so {\n limits message=10\n}\n");
    before = client_open("/echo/");
    serve_conf("ws /echo/ flood.so {\n limits message=20\n}\n");
    server_reload();
    after = client_open("/echo/");
    client_text(&after, "more than ten");
    client_expect_text(&after, "more than ten");
    client_leave(&after);
    client_text(&before, "more than ten");
    client_expect_text(&before, "more than ten");
    client_leave(&before);
}
END_TEST

START_TEST(setting_that_needs_a_restart_is_told)
{
    struct client client;

    serve("ws /good/ good.so\n");
    client = client_open("/good/");
    put_file("routing.conf",
             "listen 127.0.0.1:0\nloops 3\ncache cache\nconsumers so\nws /good/ good.so\n");
    server_reload();
    log_wait("routing.conf:2:", ": warning: ", "next restart");
    server_reload(); /* it has not been restarted yet */
    ck_assert_uint_eq(log_count("routing.conf:2:", ": warning: ", "next restart"), 2);
    client_leave(&client);
}
END_TEST

/* ---- Files under live connections ------------------------------------------------------------ */

enum harm { OVERWRITTEN, TRUNCATED, REMOVED, EMPTIED, HARMS };

static void harm_file(int harm)
{
    const char *path = in_dir("so/version.so");

    if (harm == OVERWRITTEN)
        put_plugin_as("reload_new", "version");
    else if (harm == TRUNCATED)
        ck_assert_int_eq(truncate(path, 4096), 0);
    else if (harm == REMOVED)
        ck_assert_int_eq(unlink(path), 0);
    else
        put_file("so/version.so", "");
}

START_TEST(file_may_be_harmed_under_live_connections)
{
    struct client client;

    serve_old();
    client = client_open("/version/");
    expect_version(&client, "old");
    harm_file(_i);
    expect_version(&client, "old");
    client_leave(&client);
    client = client_open("/version/"); /* nothing was reloaded */
    expect_version(&client, "old");
    if (_i != OVERWRITTEN) {
        server_reload_refused();
        log_wait("routing.conf:5:14: error: cannot load \"version.so\": ");
        expect_version(&client, "old");
    }
    reload_new();
    expect_version(&client, "old");
    client_leave(&client);
    client = client_open("/version/");
    expect_version(&client, "new");
    client_leave(&client);
}
END_TEST

/* ---- Callbacks under way --------------------------------------------------------------------- */

START_TEST(job_ends_in_the_code_that_it_began_in)
{
    struct client client;

    put_plugin_as("jobs", "version");
    serve(CONF);
    client = client_open("/version/");
    client_text(&client, "begun");
    trace_wait("working", 1);
    put_plugin_as("reload_new", "version");
    server_reload();
    client_cut(&client);
    client = client_open("/version/");
    expect_version(&client, "new");
    gate_open(1);
    AWAIT(cache_files() == 1);
    expect_version(&client, "new");
    client_leave(&client);
}
END_TEST

START_TEST(callback_that_does_not_end_refuses_the_reload)
{
    struct client held, client;

    put_plugin_as("pool", "version");
    serve("reload pause=1s\n" CONF);
    held = client_open("/version/");
    client_text(&held, "wait");
    trace_wait("waiting", 1);
    put_plugin_as("reload_new", "version");
    server_reload_refused();
    log_wait("routing.conf:6:4: error: receive of /version/ did not end within 1000 ms");
    client = client_open("/version/"); /* it waits for its turn in the old code */
    gate_open(1);
    client_expect_text(&held, "waited");
    client_leave(&client);
    server_reload();
    client = client_open("/version/");
    expect_version(&client, "new");
    client_leave(&client);
    client_leave(&held);
    AWAIT(cache_files() == 1);
}
END_TEST

/* ---- Very often ------------------------------------------------------------------------------ */

START_TEST(many_reloads_leave_nothing_behind)
{
    enum { MANY = 100 };
    struct client stays, client;
    unsigned descriptors, mappings;

    serve_old();
    reload_new();
    AWAIT(cache_files() == 1);
    descriptors = server_descriptors();
    mappings = server_mappings("version");
    stays = client_open("/version/");
    for (int i = 0; i < MANY; i++) {
        put_plugin_as(i % 2 == 0 ? "reload_old" : "reload_new", "version");
        server_reload();
        client = client_open("/version/");
        expect_version(&client, i % 2 == 0 ? "old" : "new");
        client_leave(&client);
    }
    expect_version(&stays, "new");
    client_leave(&stays);
    trace_wait("new unload", MANY / 2);
    trace_wait("old unload", MANY / 2 + 1);
    AWAIT(cache_files() == 1);
    AWAIT(server_descriptors() == descriptors);
    AWAIT(server_mappings("version") == mappings);
}
END_TEST

/* Signals faster than reloads, with clients that come and go: the last one wins. */
START_TEST(reloads_under_way)
{
    struct client client;

    serve_old();
    for (int i = 0; i < 200; i++) {
        if (i % 10 == 0)
            put_plugin_as(i % 20 == 0 ? "reload_new" : "reload_old", "version");
        server_signal(SIGHUP);
        client = client_open("/version/");
        client_text(&client, "which");
        client_receive(&client);
        if (i % 3 == 0)
            client_cut(&client);
        else
            client_leave(&client);
    }
    reload_new();
    AWAIT((client = client_open("/version/"), client_text(&client, "which"),
           strcmp((const char *)client_receive(&client).payload, "new") == 0 ||
               (client_hang_up(&client), false)));
    client_leave(&client);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("server, reload");
    TCase *tcase = harness_case(suite, "generations");

    tcase_add_test(tcase, new_connections_meet_the_new_code);
    tcase_add_test(tcase, group_of_two_generations);
    tcase_add_test(tcase, old_code_leaves_memory);
    tcase_add_test(tcase, unchanged_consumer_is_kept);
    tcase_add_test(tcase, mounts_come_and_go);
    tcase_add_test(tcase, limits_and_options_change);
    tcase_add_test(tcase, setting_that_needs_a_restart_is_told);

    tcase = harness_case(suite, "files");
    tcase_add_loop_test(tcase, file_may_be_harmed_under_live_connections, 0, HARMS);

    tcase = harness_case(suite, "under way");
    tcase_add_test(tcase, job_ends_in_the_code_that_it_began_in);
    tcase_add_test(tcase, callback_that_does_not_end_refuses_the_reload);

    tcase = harness_case(suite, "often");
    tcase_add_test(tcase, many_reloads_leave_nothing_behind);
    tcase_add_test(tcase, reloads_under_way);
    return harness_run(suite);
}
