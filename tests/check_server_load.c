/*
 * Tests of consumers that are refused, when the server starts and when it reloads: nothing of them
 * runs, and what is said leads to their line in routing.conf.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client.h"
#include "harness.h"

static const struct {
    const char *name, *why;
} refused[] = {
    {"wrong_abi", "built for sluice ABI 2.0, this is 1.0"},
    {"newer_minor", "built for sluice ABI 1.1, this is 1.0"},
    {"no_record", "it declares no consumer"},
    {"not_a_record", "its sluice_consumer is not a consumer's record"},
    {"function_as_consumer", "its sluice_consumer is not a consumer's record"},
    {"handler_as_consumer", "its sluice_consumer is not a consumer's record"},
    {"changes_record", "its sluice_consumer is not a consumer's record"},
    {"unknown_field", "its record has "},
    {"missing_symbol", "undefined symbol: sluice_frobnicate"},
    {"missing_library", "undefined symbol: frobnicate"},
    {"load_false", "its load() returned false"},
    {"blocking_broadcast", "it is blocking, and declares SLUICE_BROADCAST(chat_message)"},
    {"forged_abi", "built for sluice ABI 7.0, this is 1.0"},
    {"forged_function", "its sluice_handler_forged is not a handler's record"},
    {"forged_name", "its sluice_handler_forged is not a handler's record"},
    {"forged_null", "its sluice_handler_forged is not a handler's record"},
    {"forged_run", "its sluice_handler_forged is not a handler's record"},
    {"constructor_aborts", "loading it ends the process: Aborted"},
    {"constructor_exits", "loading it ends the process with status 0"},
    {"constructor_hangs", "loading it does not end within 5000 ms"},
    {"none", "no such file"},
    {"text", "it is not an ELF shared object"},
    {"cut", "it is cut off"},
    {"directory", "it is a directory"},
};

enum { REFUSED = sizeof refused / sizeof *refused };

/* Those that no compiler makes. */
static void put_broken(void)
{
    put_plugin_as("good", "cut");
    ck_assert_int_eq(truncate(in_dir("so/cut.so"), 5000), 0);
    put_file("so/text.so", "a text\n");
    put_directory("so/directory.so");
}

static void expect_told(int index, unsigned line)
{
    char error[256];

    snprintf(error, sizeof error, "routing.conf:%u:12: error: cannot load \"%s.so\": %s", line,
             refused[index].name, refused[index].why);
    ck_assert_msg(log_count(error) == 1, "not told: %s", error);
}

START_TEST(start_is_refused)
{
    char conf[64];

    put_broken();
    snprintf(conf, sizeof conf, "ws /wrong/ %s.so\n", refused[_i].name);
    serve_refused(conf);
    expect_told(_i, 5);
    log_wait("sluice: 1 error");
    ck_assert_uint_eq(trace_count("constructor"), 0);
    ck_assert_uint_eq(trace_count("unload"), 0);
    ck_assert_uint_eq(cache_files(), 0);
}
END_TEST

/* One after the other, beside one that serves on. */
START_TEST(reload_is_refused)
{
    struct client client;
    char conf[128];

    put_broken();
    serve("ws /good/ good.so\n");
    client = client_open("/good/");
    for (int i = 0; i < REFUSED; i++) {
        snprintf(conf, sizeof conf, "ws /good/ good.so\nws /wrong/ %s.so\n", refused[i].name);
        serve_conf(conf);
        server_reload_refused();
        expect_told(i, 6);
        client_text(&client, refused[i].name);
        client_expect_text(&client, refused[i].name);
        ck_assert_uint_eq(ask_to_open("/wrong/", ""), 404);
        ck_assert_uint_eq(ask_to_open("/good/", ""), 101);
    }
    ck_assert_uint_eq(log_count("sluice: 1 error; still serving the routing loaded at "), REFUSED);
    client_leave(&client);
    AWAIT(cache_files() == 1);
    ck_assert_uint_eq(trace_count("constructor"), 0);
}
END_TEST

START_TEST(all_faults_are_told_at_once)
{
    serve_refused("ws /one/ none.so\nws /two/<string:x>/ good.so\nlimits mesage=1k\n");
    log_wait("routing.conf:6:", "error: unknown converter \"string\"");
    log_wait("routing.conf:7:8: error: unknown limit \"mesage\"");
    log_wait("sluice: ", " errors");
}
END_TEST

START_TEST(table_that_is_wrong_is_refused_on_reload)
{
    struct client client;

    serve("ws /good/ good.so\n");
    client = client_open("/good/");
    put_file("routing.conf", "ws /good/ good.so {\n");
    server_reload_refused();
    log_wait("routing.conf:1:", ": error: ");
    put_file("routing.conf", "");
    ck_assert_int_eq(unlink(in_dir("routing.conf")), 0);
    server_reload_refused();
    client_text(&client, "hello");
    client_expect_text(&client, "hello");
    client_leave(&client);
    ck_assert_uint_eq(ask_to_open("/good/", ""), 101);
}
END_TEST

START_TEST(consumer_in_cxx)
{
    struct client client;

    serve("ws /cxx/ cxx.so\n");
    client = client_open("/cxx/");
    client_text(&client, "abc");
    client_expect_text(&client, "cba");
    client_leave(&client);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("server, consumers that are refused");
    TCase *tcase = harness_case(suite, "refused");

    tcase_add_loop_test(tcase, start_is_refused, 0, REFUSED);
    tcase_add_test(tcase, reload_is_refused);
    tcase_add_test(tcase, all_faults_are_told_at_once);
    tcase_add_test(tcase, table_that_is_wrong_is_refused_on_reload);
    tcase_add_test(tcase, consumer_in_cxx);
    return harness_run(suite);
}
