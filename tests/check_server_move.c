/*
 * Tests of live connections that move to new code: with their state as it is, or through upgrade,
 * or not; and with all that was under way for them. (On the pool: check_server_move_pool.)
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "harness.h"
#include "moving.h"

/* ---- State ----------------------------------------------------------------------------------- */

START_TEST(state_moves_as_it_is)
{
    struct client client;

    serve_version("move_1");
    client = open_counting();
    reload_version("move_1b");
    expect(&client, "which", "1b");
    expect(&client, "count", "3");
    expect(&client, "room", "attic");
    AWAIT(cache_files() == 1);
    client_leave(&client);
    trace_wait("1b disconnect 3", 1);
    ck_assert_uint_eq(trace_count("1b connect"), 0);
    ck_assert_uint_eq(log_count(" conn.stays "), 0);
}
END_TEST

/* Larger, smaller, larger again and back to the first one, faster than anything is said. */
START_TEST(state_moves_through_upgrade)
{
    struct client client, quiet;

    serve_version("move_1");
    client = open_counting();
    quiet = open_counting();
    reload_version("move_2");
    expect(&client, "which", "2");
    expect(&client, "count", "3");
    reload_version("move_3");
    expect(&client, "which", "3");
    expect(&client, "count", "4");
    reload_version("move_2");
    expect(&client, "count", "5");
    expect(&client, "room", "attic");
    reload_version("move_1");
    expect(&client, "which", "1");
    expect(&client, "count", "6");
    expect(&quiet, "count", "3");
    expect(&quiet, "room", "attic");
    AWAIT(cache_files() == 1);
    client_leave(&client);
    client_leave(&quiet);
}
END_TEST

START_TEST(sweep_moves_who_is_silent)
{
    enum { MANY = 100 };
    struct client clients[MANY];

    serve_version("move_1");
    for (int i = 0; i < MANY; i++)
        clients[i] = open_counting();
    reload_version("move_2");
    trace_wait("2 upgrade 1", MANY);
    AWAIT(cache_files() == 1);
    for (int i = 0; i < MANY; i++) {
        expect(&clients[i], "count", "3");
        client_leave(&clients[i]);
    }
}
END_TEST

START_TEST(another_state_without_upgrade_stays)
{
    struct client client;

    serve_version("move_1");
    client = open_counting();
    reload_version("move_alien");
    expect(&client, "which", "1");
    expect(&client, "count", "3");
    log_wait(" conn.stays ", "why=\"its state is another, and there is no upgrade\"",
             "mount=/move/<str:room>/", "consumer=move.so");
    reload_version("move_2"); /* it is asked again, and now it can */
    expect(&client, "which", "2");
    expect(&client, "count", "4");
    AWAIT(cache_files() == 1);
    client_leave(&client);
}
END_TEST

/* One line for all of them, and what upgrade must not do is not done. */
START_TEST(upgrade_says_no_to_some)
{
    enum { MANY = 40 };
    struct client clients[MANY];

    serve_version("move_1");
    for (int i = 0; i < MANY; i++) {
        clients[i] = open_counting();
        client_text(&clients[i], "join all");
        if (i % 2 == 0)
            expect(&clients[i], "count", "3");
    }
    reload_version("move_refuses");
    for (int i = 0; i < MANY; i++) {
        expect(&clients[i], "which", i % 2 == 0 ? "1" : "refuses");
        expect(&clients[i], "count", i % 2 == 0 ? "4" : "3");
        expect(&clients[i], "room", "attic");
    }
    log_wait(" conn.stays ", "why=\"upgrade gave false\"");
    ck_assert_uint_eq(log_count(" conn.stays "), 1);
    log_wait(" call.refused ", "call=sluice_send_text", "callback=upgrade");
    log_wait(" call.refused ", "call=sluice_group_send", "callback=upgrade");
    log_wait(" call.refused ", "call=sluice_group_discard", "callback=upgrade");
    log_wait(" call.refused ", "call=sluice_close", "callback=upgrade");
    client_text(&clients[0], "say all hello");
    for (int i = 0; i < MANY; i++) {
        client_expect_text(&clients[i], i % 2 == 0 ? "hello in 1" : "hello in refuses");
        client_leave(&clients[i]);
    }
    AWAIT(cache_files() == 1);
}
END_TEST

/* ---- What is under way ----------------------------------------------------------------------- */

START_TEST(half_a_message_goes_on)
{
    struct client client;
    uint8_t frame[64];
    size_t size = frame_bytes(frame, 0x81, "which", 5);

    serve_version("move_1");
    client = client_open("/move/a/");
    client_frame(&client, 0x01, "whi", 3);
    reload_version("move_2");
    client_frame(&client, 0x80, "ch", 2);
    client_expect_text(&client, "2");
    client_send(&client, frame, 4); /* not even its header */
    reload_version("move_1");
    client_send(&client, frame + 4, size - 4);
    client_expect_text(&client, "1");
    client_leave(&client);
}
END_TEST

START_TEST(backlog_of_a_slow_reader_is_kept)
{
    enum { MANY = 60, SIZE = 16384 };
    struct client client;

    serve_version("move_1");
    client = client_dial_narrow();
    client_shake(&client, "/move/a/", "");
    ck_assert_uint_eq(client_answer_to_head(&client).status, 101);
    for (int i = 0; i < MANY; i++)
        client_text(&client, "size 16384");
    client_text(&client, "which");
    client_text(&client, "after 0 sent"); /* so that all of that was answered before */
    AWAIT(log_count(" conn.open ") == 1 && client_pending(&client) > 0);
    reload_version("move_2");
    client_text(&client, "which");
    for (int i = 0; i < MANY; i++)
        ck_assert_uint_eq(client_receive(&client).size, SIZE);
    client_receive(&client);
    client_receive(&client);
    client_expect_text(&client, "2");
    client_leave(&client);
}
END_TEST

/* Set in one version, due in the next; on a machine that is slow it may be due before that. */
START_TEST(timers_go_along)
{
    struct client client;
    bool went_along = false;

    serve_version("move_1");
    client = client_open("/move/a/");
    for (int i = 0; i < 20 && !went_along; i++) {
        client_text(&client, "after 200 later");
        reload_version(i % 2 == 0 ? "move_2" : "move_1");
        const char *got = (const char *)client_receive(&client).payload;
        went_along = strcmp(got, i % 2 == 0 ? "later in 2" : "later in 1") == 0;
    }
    ck_assert(went_along);
    client_leave(&client);
}
END_TEST

START_TEST(names_go_along)
{
    struct client client;
    char channel[128], accept[160];

    serve_version("move_1");
    client = client_open("/move/a/");
    client_text(&client, "channel");
    snprintf(channel, sizeof channel, "%s", (const char *)client_receive(&client).payload);
    reload_version("move_2");
    expect(&client, "channel", channel);
    snprintf(accept, sizeof accept, "accept %s", channel);
    client_text(&client, accept); /* it is accepted already: that is told, and harms nobody */
    log_wait(" call.ignored ", "call=accept", "callback=move_accept");
    client_leave(&client);
}
END_TEST

/* The name that the waiting one left in the trace. */
static void channel_of_trace(char *name, size_t size)
{
    char path[512];
    char line[256];
    FILE *file;

    snprintf(path, sizeof path, "%s", in_dir("trace"));
    file = fopen(path, "r");
    ck_assert_ptr_nonnull(file);
    while (fgets(line, sizeof line, file) != NULL)
        if (strchr(line, ' ') == NULL)
            snprintf(name, size, "%.*s", (int)strcspn(line, "\n"), line);
    fclose(file);
}

START_TEST(handshake_is_answered_in_new_code)
{
    struct client waits, client;
    char channel[128] = "", accept[160];

    serve_version("move_1");
    client = client_open("/move/a/");
    waits = client_dial();
    client_shake(&waits, "/move/cellar/?answer=later", "");
    trace_wait("1 connect", 2);
    AWAIT((channel_of_trace(channel, sizeof channel), channel[0] != '\0'));
    reload_version("move_2");
    trace_wait("2 upgrade 1", 2);
    snprintf(accept, sizeof accept, "accept %s", channel);
    client_text(&client, accept);
    ck_assert_uint_eq(client_answer_to_head(&waits).status, 101);
    expect(&waits, "which", "2");
    expect(&waits, "room", "cellar");
    client_leave(&waits);
    client_leave(&client);
}
END_TEST

START_TEST(job_comes_back_to_new_code)
{
    struct client client;

    serve_version("move_1");
    client = client_open("/move/a/");
    client_text(&client, "job done");
    trace_wait("working", 1);
    reload_version("move_2");
    expect(&client, "which", "2");
    ck_assert_uint_eq(cache_files(), 2);
    gate_open(1);
    client_expect_text(&client, "done by job of 1 in 2");
    AWAIT(cache_files() == 1);
    client_leave(&client);
}
END_TEST

START_TEST(job_outlives_its_code_and_connection)
{
    struct client client;

    serve_version("move_1");
    client = client_open("/move/a/");
    client_text(&client, "job lost");
    trace_wait("working", 1);
    reload_version("move_2");
    reload_version("move_3");
    client_cut(&client);
    trace_wait("3 disconnect 0", 1);
    gate_open(1);
    AWAIT(cache_files() == 1);
}
END_TEST

/* Members of both loops, some of which have moved and some not, hear each event once, in the order
 * in which it was sent. */
START_TEST(groups_go_along)
{
    enum { MEMBERS = 20, EVENTS = 50 };
    struct client members[MEMBERS];

    serve_version("move_1");
    for (int i = 0; i < MEMBERS; i++) {
        members[i] = client_open("/move/a/");
        client_text(&members[i], "join all");
        expect(&members[i], "which", "1");
    }
    put_plugin_as("move_2", "move");
    for (int n = 0; n < EVENTS; n++) {
        char text[64];

        snprintf(text, sizeof text, "%s all %d", n % 3 == 0 ? "tell" : "say", n);
        client_text(&members[n % MEMBERS], text);
        if (n == EVENTS / 2)
            server_signal(SIGHUP);
        snprintf(text, sizeof text, "%d in ", n);
        for (int i = 0; i < MEMBERS; i++) {
            const char *got = (const char *)client_receive(&members[i]).payload;

            ck_assert_msg(strncmp(got, text, strlen(text)) == 0, "%s for %s", got, text);
        }
    }
    log_wait(" reload.done ");
    client_text(&members[0], "say all last");
    for (int i = 0; i < MEMBERS; i++) {
        client_expect_text(&members[i], "last in 2");
        client_leave(&members[i]);
    }
}
END_TEST

/* Events that a loop is handing out, some of them in each turn, when the code is changed: each
 * member hears all of them, once, in their order, in whichever code. */
START_TEST(events_on_their_way_arrive)
{
    enum { MEMBERS = 200, EVENTS = 64, ROUNDS = 4 };
    static const char *const versions[ROUNDS] = {"move_2", "move_1b", "move_pool_2", "move_1"};
    static struct client members[MEMBERS];

    put_plugin_as("move_1", "move");
    serve_with("loops 1\n", CONF);
    for (int i = 0; i < MEMBERS; i++) {
        members[i] = client_open("/move/a/");
        client_text(&members[i], "join all");
        expect(&members[i], "which", "1");
    }
    for (int round = 0; round < ROUNDS; round++) {
        put_plugin_as(versions[round], "move");
        for (int n = 0; n < EVENTS; n++) {
            char text[64];

            snprintf(text, sizeof text, "%s all %d", n % 8 == 7 ? "tell" : "say", n);
            client_text(&members[0], text);
        }
        server_reload();
        for (int i = 0; i < MEMBERS; i++)
            for (int n = 0; n < EVENTS; n++)
                must(atoi((const char *)client_receive(&members[i]).payload) == n,
                     "member %d has lost event %d", i, n);
    }
    for (int i = 0; i < MEMBERS; i++)
        client_leave(&members[i]);
}
END_TEST

/* ---- The end ----------------------------------------------------------------------------------
 */

START_TEST(disconnect_comes_in_new_code)
{
    struct client client;

    serve_version("move_1");
    client = open_counting();
    reload_version("move_2");
    client_cut(&client);
    trace_wait("2 disconnect 2", 1);
    AWAIT(cache_files() == 1);
    ck_assert_uint_eq(trace_count("1 disconnect 2"), 0);
}
END_TEST

START_TEST(who_is_closing_moves_too)
{
    struct client client;

    serve_version("move_pool_1");
    client = open_counting();
    client_text(&client, "wait");
    trace_wait("waiting", 1);
    client_close(&client, 1000, "");
    put_plugin_as("move_2", "move");
    server_signal(SIGHUP);
    gate_open(1);
    client_expect_text(&client, "waited in pool 1");
    client_expect_code(&client, 1000);
    log_wait(" reload.done ");
    AWAIT(trace_count("2 disconnect 2") + trace_count("pool 1 disconnect 2") == 1);
    AWAIT(cache_files() == 1);
}
END_TEST

START_TEST(many_reloads_lose_nothing)
{
    enum { MANY = 60, CLIENTS = 20 };
    static const char *const versions[] = {"move_2",      "move_1b", "move_pool_1",
                                           "move_pool_2", "move_3",  "move_1"};
    struct client clients[CLIENTS];
    unsigned counts[CLIENTS] = {0};

    serve_version("move_1");
    for (int i = 0; i < CLIENTS; i++)
        clients[i] = client_open("/move/a/");
    for (int n = 0; n < MANY; n++) {
        put_plugin_as(versions[n % 6], "move");
        server_signal(SIGHUP);
        for (int i = 0; i < CLIENTS; i++) {
            char count[16];

            snprintf(count, sizeof count, "%u", ++counts[i]);
            expect(&clients[i], "count", count);
        }
    }
    put_plugin_as("move_2", "move");
    server_signal(SIGHUP); /* others may still be under way */
    for (int i = 0; i < CLIENTS; i++) {
        AWAIT((client_text(&clients[i], "which"), client_receive(&clients[i]).payload[0] == '2'));
        client_leave(&clients[i]);
    }
    AWAIT(cache_files() == 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("server, move");
    TCase *tcase = harness_case(suite, "state");

    tcase_add_test(tcase, state_moves_as_it_is);
    tcase_add_test(tcase, state_moves_through_upgrade);
    tcase_add_test(tcase, sweep_moves_who_is_silent);
    tcase_add_test(tcase, another_state_without_upgrade_stays);
    tcase_add_test(tcase, upgrade_says_no_to_some);

    tcase = harness_case(suite, "under way");
    tcase_add_test(tcase, half_a_message_goes_on);
    tcase_add_test(tcase, backlog_of_a_slow_reader_is_kept);
    tcase_add_test(tcase, timers_go_along);
    tcase_add_test(tcase, names_go_along);
    tcase_add_test(tcase, handshake_is_answered_in_new_code);
    tcase_add_test(tcase, job_comes_back_to_new_code);
    tcase_add_test(tcase, job_outlives_its_code_and_connection);
    tcase_add_test(tcase, groups_go_along);
    tcase_add_test(tcase, events_on_their_way_arrive);

    tcase = harness_case(suite, "end");
    tcase_add_test(tcase, disconnect_comes_in_new_code);
    tcase_add_test(tcase, who_is_closing_moves_too);
    tcase_add_test(tcase, many_reloads_lose_nothing);
    return harness_run(suite);
}
