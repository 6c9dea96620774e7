/*
 * Tests of live connections of blocking consumers that move to new code, and to code that blocks no
 * more: between two of their callbacks, with upgrade on the pool.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "client.h"
#include "harness.h"
#include "moving.h"

/* From a blocking consumer to one, and to one that is none and back. */
START_TEST(blocking_consumers_move)
{
    static const char *const versions[][2] = {{"move_pool_2", "pool 2"},
                                              {"move_1", "1"},
                                              {"move_pool_2", "pool 2"},
                                              {"move_3", "3"},
                                              {"move_pool_1", "pool 1"}};
    struct client client, quiet;

    serve_version("move_pool_1");
    client = open_counting();
    quiet = open_counting();
    client_text(&quiet, "join all");
    for (int i = 0; i < 5; i++) {
        char count[16], said[32];

        reload_version(versions[i][0]);
        expect(&client, "which", versions[i][1]);
        snprintf(count, sizeof count, "%d", i + 3);
        expect(&client, "count", count);
        client_text(&client, "say all hello");
        snprintf(said, sizeof said, "hello in %s", versions[i][1]);
        client_expect_text(&quiet, said);
    }
    AWAIT(cache_files() == 1);
    client_leave(&client);
    client_leave(&quiet);
    trace_wait("pool 1 disconnect 7", 1);
    trace_wait("pool 1 disconnect 2", 1);
}
END_TEST

/* Everything that comes while upgrade runs waits for it, and then comes in its order. */
static void serve_in_upgrade(struct client *client, const char *first)
{
    serve_version(first);
    *client = open_counting();
    client_text(client, "join all");
}

static void reload_into_upgrade(struct client *client)
{
    put_plugin_as("move_pool_waits", "move");
    server_signal(SIGHUP);
    trace_wait("pool waits upgrade 1", 1);
    client_text(client, "which");
    client_text(client, "count");
}

START_TEST(what_comes_waits_for_upgrade)
{
    struct client client, other;

    serve_in_upgrade(&client, _i == 0 ? "move_1" : "move_pool_1");
    reload_into_upgrade(&client);
    other = client_open("/move/b/"); /* in new code at once */
    expect(&other, "which", "pool waits");
    client_text(&other, "join all");
    client_text(&other, "say all hello");
    client_expect_text(&other, "hello in pool waits");
    gate_open(1);
    client_expect_text(&client, "hello in pool waits"); /* events don't wait for being read */
    client_expect_text(&client, "pool waits");
    client_expect_text(&client, "3");
    AWAIT(cache_files() == 1);
    client_leave(&client);
    client_leave(&other);
}
END_TEST

START_TEST(refusal_on_the_pool_leads_back)
{
    struct client client;

    serve_in_upgrade(&client, _i == 0 ? "move_1" : "move_pool_1");
    expect(&client, "count", "3");
    reload_into_upgrade(&client);
    gate_open(1);
    client_expect_text(&client, _i == 0 ? "1" : "pool 1");
    client_expect_text(&client, "4");
    client_text(&client, "say all hello");
    client_expect_text(&client, _i == 0 ? "hello in 1" : "hello in pool 1");
    log_wait(" conn.stays ", "why=\"upgrade gave false\"");
    client_leave(&client);
    AWAIT(cache_files() == 1);
}
END_TEST

START_TEST(line_is_cut_during_upgrade)
{
    struct client client;

    serve_in_upgrade(&client, _i == 0 ? "move_1" : "move_pool_1");
    reload_into_upgrade(&client);
    client_cut(&client);
    gate_open(1);
    AWAIT(trace_count("pool waits disconnect 2") + trace_count("pool waits disconnect 3") == 1);
    AWAIT(cache_files() == 1);
}
END_TEST

/* What came of the reload is told all the same, and the next one is not held up for ever. */
START_TEST(upgrade_that_does_not_end_is_not_waited_for)
{
    struct client client;

    serve_version("move_pool_1");
    client = open_counting();
    put_plugin_as(_i == 0 ? "move_pool_waits" : "move_waits", "move");
    server_signal(SIGHUP);
    log_wait(" reload.done ");
    ck_assert_uint_eq(log_count(" move.waits ", "connections=1"), _i == 0);
    ck_assert_uint_eq(cache_files(), 2);
    gate_open(1);
    expect(&client, "which", _i == 0 ? "pool waits" : "waits");
    expect(&client, "count", "3");
    AWAIT(cache_files() == 1);
    reload_version("move_1");
    expect(&client, "count", "4");
    client_leave(&client);
}
END_TEST

/* Its connect waits for the pool: it has met no code, and so it begins in the new. */
START_TEST(who_waits_for_connect_begins_in_new_code)
{
    struct client busy, waits;

    put_plugin_as("move_pool_1", "move");
    serve_with("loops 1\npool threads=1\n", CONF);
    busy = client_dial();
    client_shake(&busy, "/move/a/?answer=gate", "");
    trace_wait("pool 1 connect", 1);
    waits = client_dial();
    client_shake(&waits, "/move/b/", "");
    put_plugin_as("move_pool_2", "move");
    server_signal(SIGHUP);
    gate_open(1);
    ck_assert_uint_eq(client_answer_to_head(&busy).status, 101);
    ck_assert_uint_eq(client_answer_to_head(&waits).status, 101);
    log_wait(" reload.done ");
    expect(&busy, "which", "pool 2");
    expect(&waits, "which", "pool 2");
    expect(&waits, "room", "b");
    client_leave(&waits);
    client_leave(&busy);
}
END_TEST

/* Was there, after the first such line of the trace, one of the others? */
static bool trace_has_after(const char *first, const char *other)
{
    FILE *file = fopen(in_dir("trace"), "r");
    bool passed = false, found = false;
    char line[256];

    ck_assert_ptr_nonnull(file);
    while (fgets(line, sizeof line, file) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        passed = passed || strcmp(line, first) == 0;
        found = found || (passed && strcmp(line, other) == 0);
    }
    ck_assert(passed);
    fclose(file);
    return found;
}

/* When save was called, nothing more is called in that code: neither what waits for the pool, nor
 * what is with the pool and has not begun. */
START_TEST(nothing_is_called_after_save)
{
    enum { MANY = 20, NOTES = 40 };
    struct client clients[MANY];

    put_plugin_as("move_pool_1", "move");
    serve_with("loops 1\npool threads=1\n", CONF);
    for (int i = 0; i < MANY; i++)
        clients[i] = open_counting();
    put_plugin_as(_i == 0 ? "move_pool_2" : "move_2", "move");
    for (int n = 0; n < NOTES; n++) {
        for (int i = 0; i < MANY; i++)
            client_text(&clients[i], "note");
        if (n == NOTES / 4)
            server_signal(SIGHUP);
    }
    for (int i = 0; i < MANY; i++) {
        expect(&clients[i], "count", "3");
        client_leave(&clients[i]);
    }
    log_wait(" reload.done ");
    ck_assert(!trace_has_after("pool 1 save", "pool 1 note"));
    ck_assert_uint_eq(trace_count("pool 1 note") + trace_count("pool 2 note") +
                          trace_count("2 note"),
                      MANY * NOTES);
    AWAIT(cache_files() == 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("server, move on the pool");
    TCase *tcase = harness_case(suite, "pool");
    tcase_add_test(tcase, blocking_consumers_move);
    tcase_add_loop_test(tcase, what_comes_waits_for_upgrade, 0, 2);
    tcase_add_loop_test(tcase, refusal_on_the_pool_leads_back, 0, 2);
    tcase_add_loop_test(tcase, line_is_cut_during_upgrade, 0, 2);
    tcase_add_loop_test(tcase, upgrade_that_does_not_end_is_not_waited_for, 0, 2);
    tcase_add_test(tcase, who_waits_for_connect_begins_in_new_code);
    tcase_add_loop_test(tcase, nothing_is_called_after_save, 0, 2);
    return harness_run(suite);
}
