/*
 * Tests of crash and plugin/symbol: what is said of a crash before the process dies of it.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "client.h"
#include "harness.h"

/* One connection says how to crash. */
static void crash(const char *path, const char *how)
{
    struct client client = client_open(path);

    client_text(&client, how);
    client_drain(&client);
    client_hang_up(&client);
}

/* A line of the report that holds all of these. */
#define reported(...) ck_assert_uint_eq(log_count(" error crash", __VA_ARGS__), 1)

START_TEST(names_mount_consumer_callback_and_a_static_function)
{
    serve("ws /a/<str:name>/ crashes.so\n");
    crash("/a/b/", "write");
    server_wait_killed(SIGSEGV);
    reported(" crash signal=SIGSEGV address=0x0 ", " mount=/a/<str:name>/ ",
             " consumer=crashes.so ", " generation=1 ", " callback=receive ", " thread=loop-");
    reported(" crash.frame number=0 function=write_to_nowhere object=crashes.1.so at=0x");
    reported(" crash.frame number=1 function=on_receive object=crashes.1.so ");
    reported(" function=conn_read ");
}
END_TEST

START_TEST(names_the_event)
{
    serve("ws /a/ crashes.so\n");
    crash("/a/", "event");
    server_wait_killed(SIGSEGV);
    reported(" callback=crash_event type=crash.event ");
    reported(" number=1 function=sluice_run_crash_event ");
}
END_TEST

START_TEST(a_stack_that_is_full)
{
    serve("ws /a/ crashes.so\n");
    crash("/a/", "stack");
    server_wait_killed(SIGSEGV);
    reported(" crash signal=SIGSEGV ", " callback=receive ");
    reported(" number=5 function=fill_the_stack ");
    ck_assert_uint_le(log_count("crash.frame"), 40);
}
END_TEST

START_TEST(a_call_to_nothing_names_the_caller)
{
    serve("ws /a/ crashes.so\n");
    crash("/a/", "call");
    server_wait_killed(SIGSEGV);
    reported(" crash.frame number=0 at=0x0\n");
    reported(" crash.frame number=1 function=call_nothing ");
}
END_TEST

START_TEST(on_the_pool_too)
{
    serve("ws /a/ crashes_blocking.so\n");
    crash("/a/", "stack");
    server_wait_killed(SIGSEGV);
    reported(" consumer=crashes_blocking.so ", " callback=receive ", " thread=pool-");
    reported(" number=5 function=fill_the_stack ");
}
END_TEST

START_TEST(other_signals)
{
    static const struct {
        const char *how, *name;
        int signal;
    } ways[] = {{"abort", "SIGABRT", SIGABRT}, {"divide", "SIGFPE", SIGFPE}};
    char signal[32];

    serve("ws /a/ crashes.so\n");
    crash("/a/", ways[_i].how);
    server_wait_killed(ways[_i].signal);
    snprintf(signal, sizeof signal, " signal=%s ", ways[_i].name);
    reported(signal, " callback=receive ");
    reported(" function=on_receive ");
}
END_TEST

START_TEST(outside_of_any_consumer)
{
    serve("ws /a/ crashes.so\n");
    server_signal(SIGBUS);
    server_wait_killed(SIGBUS);
    reported(" crash signal=SIGBUS thread=");
    reported(" crash.frame number=0 ");
}
END_TEST

START_TEST(in_load)
{
    serve_conf("ws /a/ load_crashes.so\n");
    server_start();
    server_wait_killed(SIGABRT);
    reported(" crash signal=SIGABRT consumer=load_crashes.so generation=1 callback=load ");
    reported(" function=on_load object=load_crashes.1.so ");
}
END_TEST

START_TEST(as_json)
{
    server_option("--log-format=json");
    serve("ws /a/ crashes.so\n");
    crash("/a/", "write");
    server_wait_killed(SIGSEGV);
    ck_assert_uint_eq(
        log_count(
            "\"level\":\"error\",\"event\":\"crash\",\"signal\":\"SIGSEGV\",\"address\":\"0x0\",",
            "\"mount\":\"/a/\",\"consumer\":\"crashes.so\",\"generation\":1,"),
        1);
    ck_assert_uint_eq(log_count("\"event\":\"crash.frame\",\"number\":0,\"function\":"
                                "\"write_to_nowhere\",\"object\":\"crashes.1.so\",",
                                "}\n"),
                      1);
}
END_TEST

/* A stripped object still has what it exports, and then the number to ask addr2line with. */
START_TEST(a_stripped_consumer)
{
    char command[512];

    put_plugin("crashes");
    snprintf(command, sizeof command, "strip %s", in_dir("so/crashes.so"));
    ck_assert_int_eq(system(command), 0);
    serve("ws /a/ crashes.so\n");
    crash("/a/", "write");
    server_wait_killed(SIGSEGV);
    reported(" crash signal=SIGSEGV ", " consumer=crashes.so ");
    reported(" crash.frame number=0 object=crashes.1.so at=0x");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("crash");
    TCase *tcase = harness_case(suite, "reports");
    const struct rlimit no_core = {0, 0};

    setrlimit(RLIMIT_CORE, &no_core);
    /* Sanitizers have reports of their own, and end the process in their own way. */
    if (getenv("SANITIZE") == NULL || *getenv("SANITIZE") == '\0') {
        tcase_add_test(tcase, names_mount_consumer_callback_and_a_static_function);
        tcase_add_test(tcase, names_the_event);
        tcase_add_test(tcase, a_stack_that_is_full);
        tcase_add_test(tcase, a_call_to_nothing_names_the_caller);
        tcase_add_test(tcase, on_the_pool_too);
        tcase_add_loop_test(tcase, other_signals, 0, 2);
        tcase_add_test(tcase, outside_of_any_consumer);
        tcase_add_test(tcase, in_load);
        tcase_add_test(tcase, as_json);
        tcase_add_test(tcase, a_stripped_consumer);
    }
    return harness_run(suite);
}
