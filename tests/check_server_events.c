/*
 * Tests of events: from channels, timers and jobs, in ordinary and in blocking consumers, and of
 * the types that reach nothing.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "harness.h"

/* "to NAME TEXT" */
static const char *to(const char *name, const char *text)
{
    static char message[512];

    snprintf(message, sizeof message, "to %s %s", name, text);
    return message;
}

/* ---- Channels -------------------------------------------------------------------------------- */

static void ask_name(struct client *client, char *name)
{
    client_text(client, "name");
    strcpy(name, (const char *)client_receive(client).payload);
    ck_assert_uint_lt(strlen(name), 100);
}

START_TEST(channels_lead_to_connections)
{
    char one_name[128], two_name[128], again[128];
    struct client one, two;

    serve("ws /channels/ channels.so\n");
    one = client_open("/channels/");
    two = client_open("/channels/");
    ask_name(&one, one_name);
    ask_name(&two, two_name);
    ask_name(&one, again);
    ck_assert_str_eq(one_name, again);
    ck_assert_str_ne(one_name, two_name);
    client_text(&one, to(two_name, "hello"));
    client_expect_text(&one, "true");
    client_expect_text(&two, "hello");
    client_text(&one, to(one_name, "itself"));
    client_expect_text(&one, "true");
    client_expect_text(&one, "itself");
    client_leave(&two);
    AWAIT((client_text(&one, to(two_name, "hello")),
           strcmp((const char *)client_receive(&one).payload, "false") == 0));
    client_text(&one, "to nobody! hello");
    client_expect_text(&one, "false");
    client_text(&one, "to specific.0123!4567 hello");
    client_expect_text(&one, "false");
    client_leave(&one);
}
END_TEST

START_TEST(groups_have_members)
{
    struct client one, two;

    serve("ws /channels/ channels.so\n");
    one = client_open("/channels/");
    two = client_open("/channels/");
    client_text(&one, "join red");
    client_expect_text(&one, "done");
    client_text(&one, "join red"); /* is one membership still */
    client_expect_text(&one, "done");
    client_text(&two, "join red");
    client_expect_text(&two, "done");
    client_text(&two, "join blue");
    client_expect_text(&two, "done");
    client_text(&one, "all red to all");
    client_expect_text(&one, "to all");
    client_expect_text(&two, "to all");
    client_text(&one, "others red to others");
    client_expect_text(&two, "to others");
    client_text(&one, "all blue to two");
    client_expect_text(&two, "to two");
    client_text(&one, "all none to nobody");
    client_text(&two, "leave red");
    client_expect_text(&two, "done");
    client_text(&two, "leave none");
    client_expect_text(&two, "done");
    client_text(&one, "all red to one");
    client_expect_text(&one, "to one");
    client_expect_nothing(&two);
    client_leave(&one);
    client_leave(&two);
}
END_TEST

START_TEST(channels_have_names_to_the_end)
{
    struct client one, two;
    char name[128];

    serve("ws /channels/ channels.so\n");
    one = client_open("/channels/");
    client_text(&one, "join left");
    client_expect_text(&one, "done");
    two = client_open("/channels/");
    client_leave(&two); /* first asks for its name in disconnect */
    snprintf(name, sizeof name, "%s", (const char *)client_receive(&one).payload);
    ck_assert_uint_eq(strlen(name), strlen("specific.!") + 64);
    client_text(&one, to(name, "too late"));
    client_expect_text(&one, "false");
    client_leave(&one);
}
END_TEST

START_TEST(bytes_come_through_events)
{
    static const char bytes[] = "\0\xff\x80 bytes";
    struct client client;

    serve("ws /channels/ channels.so\n");
    client = client_open("/channels/");
    client_binary(&client, bytes, sizeof bytes);
    client_expect(&client, BINARY, bytes, sizeof bytes);
    client_binary(&client, "", 0);
    client_expect(&client, BINARY, "", 0);
    client_leave(&client);
}
END_TEST

/* ---- Types ----------------------------------------------------------------------------------- */

START_TEST(declared_handlers_run)
{
    static const char *const types[][2] = {
        {"chat.message", "chat_message"},
        {"chat_message", "chat_message"},
        {"websocket.receive", "websocket_receive"},
        {"websocket.disconnect", "websocket_disconnect"},
        {"a..b", "a__b"},
        {"a.", "a_"},
        {"connect", "connect"},
        {"disconnect", "disconnect"},
        {"receive", "receive"},
        {"send", "send"},
        {"close", "close"},
    };
    struct client client;

    serve("ws /handlers/ handlers.so\n");
    client = client_open("/handlers/");
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        client_text(&client, types[i][0]);
        client_expect_text(&client, types[i][1]);
    }
    client_leave(&client);
}
END_TEST

static const char *const strange[] = {
    "system",
    "abort",
    "exit",
    "_private",
    "websocket.disconnect",
    "connect",
    "sluice.consumer",
    "sluice_consumer",
    "sluice_handler_ping",
    "layer.ping",
    "run",
    "sluice_run_ping",
    "main",
    "ping.",
    ".ping",
    "Ping",
    "ping pong",
    "p\xc3\xafng",
    "../ping",
};

/* Each twice: it is told once. */
START_TEST(other_types_run_nothing)
{
    struct client client;

    serve("ws /system/ system_handler.so\n");
    client = client_open("/system/");
    for (size_t i = 0; i < sizeof strange / sizeof *strange; i++) {
        client_text(&client, strange[i]);
        client_text(&client, strange[i]);
        client_text(&client, "ping");
        client_expect_text(&client, "pong");
    }
    client_text(&client, "");
    client_text(&client, "ping");
    client_expect_text(&client, "pong");
    client_leave(&client);
    log_wait("why=\"no handler\"", "type=system", "mount=/system/", "consumer=system_handler.so");
    ck_assert_uint_eq(log_count("type=system "), 1);
    ck_assert_uint_eq(log_count("type=abort "), 1);
    ck_assert_uint_eq(log_count("type=websocket.disconnect "), 1);
    server_stop();
    ck_assert_uint_eq(trace_count("run"), 0);
    ck_assert_uint_eq(trace_count("_private"), 0);
    ck_assert_uint_eq(trace_count("websocket_disconnect"), 0);
    /* All are counted. */
    log_wait(" mount.dropped ", "mount=/system/", "why=\"no handler\"");
    log_wait(" mount.dropped ", "mount=/system/", "why=\"bad type\"");
}
END_TEST

/* What a table has counted is told when it goes, with its last connection. */
START_TEST(a_reload_forgets_no_count)
{
    struct client client;

    serve("ws /system/ system_handler.so\n");
    client = client_open("/system/");
    client_text(&client, "abort");
    client_text(&client, "ping");
    client_expect_text(&client, "pong");
    serve_conf("ws /other/ system_handler.so\n");
    server_reload();
    ck_assert_uint_eq(log_count(" mount.dropped "), 0);
    client_leave(&client);
    log_wait(" mount.dropped ", "mount=/system/", "why=\"no handler\"", "count=1");
    log_wait(" mount.served ", "mount=/system/", "opened=1", "refused=0", "slow_callbacks=0");
    server_stop();
}
END_TEST

START_TEST(long_types_run_nothing)
{
    enum { SIZE = 1 << 20 };
    char *type = malloc(SIZE + 1);
    struct client client;

    memset(type, 'a', SIZE);
    type[SIZE] = '\0';
    serve("ws /system/ system_handler.so {\n limits message=2m\n}\n");
    client = client_open("/system/");
    for (int i = 0; i < 3; i++)
        client_text(&client, type);
    client_text(&client, "ping");
    client_expect_text(&client, "pong");
    client_leave(&client);
    ck_assert_uint_eq(log_count("aaaaaaaaaa"), 1); /* and not all of it */
    ck_assert_uint_lt(strlen(log_text()), 20000);
    free(type);
}
END_TEST

START_TEST(events_without_a_handler_are_told_once)
{
    struct client client;

    serve("ws /undeclared/ undeclared_handler.so\n");
    client = client_open("/undeclared/");
    for (int i = 0; i < 5; i++) {
        client_text(&client, "go");
        client_expect_text(&client, "alive");
    }
    client_leave(&client);
    ck_assert_uint_eq(log_count("never.declared"), 1);
    ck_assert_uint_eq(log_count(" event.refused ", "needs a"), 1);
    server_stop();
    log_wait(" mount.dropped ", "why=\"no handler\"", "count=5");
    log_wait(" mount.dropped ", "why=\"bad type\"", "count=10");
}
END_TEST

START_TEST(handler_that_no_type_can_spell)
{
    struct client client;

    serve("ws /unreachable/ unreachable_handler.so\n");
    log_wait(" handler.unreachable ", "unreachable_handler.so", "handler=_private");
    client = client_open("/unreachable/");
    client_leave(&client);
}
END_TEST

/* ---- Timers and jobs ------------------------------------------------------------------------- */

START_TEST(timers_come_in_order)
{
    struct client client;

    serve("ws /timers/ timers.so\n");
    client = client_open("/timers/");
    client_text(&client, "order");
    client_expect_text(&client, "first");
    client_expect_text(&client, "second");
    client_expect_text(&client, "third");
    client_text(&client, "chain");
    for (char left[] = "5"; left[0] >= '0'; left[0]--)
        client_expect_text(&client, left);
    client_text(&client, "pending");
    client_expect_text(&client, "pending");
    client_leave(&client);
}
END_TEST

START_TEST(jobs_answer_later)
{
    struct client client;

    serve("ws /job/ job.so\nws /jobs/ jobs.so\n");
    client = client_open("/job/");
    client_text(&client, "one");
    client_expect_text(&client, "{\"done\":\"one\"}");
    client_leave(&client);

    client = client_dial();
    client_shake(&client, "/jobs/?accept=1", "");
    gate_open(1);
    ck_assert_uint_eq(client_answer(&client).status, 101);
    client_expect_text(&client, "accepted");
    client_text(&client, "number");
    client_text(&client, "nothing");
    trace_wait("working", 3);
    gate_open(2);
    client_text(&client, "last");
    gate_open(1);
    client_expect_text(&client, "last");
    client_leave(&client);
    log_wait(" event.refused ", "mount=/jobs/");
}
END_TEST

START_TEST(connection_goes_while_its_job_runs)
{
    struct client client;

    serve("ws /jobs/ jobs.so\n");
    client = client_open("/jobs/");
    client_text(&client, "late");
    trace_wait("working", 1);
    client_cut(&client);
    client = client_open("/jobs/");
    client_leave(&client);
    gate_open(1);
    log_wait(" conn.close ", "code=1006"); /* pinned until then */
}
END_TEST

START_TEST(full_pool_drops_jobs)
{
    struct client client;

    serve_with("loops 1\npool threads=1 queue=1\n", "ws /jobs/ jobs.so\n");
    client = client_open("/jobs/");
    client_text(&client, "running");
    trace_wait("working", 1);
    client_text(&client, "waiting");
    client_text(&client, "dropped");
    client_text(&client, "dropped");
    log_wait(" job.dropped ", "mount=/jobs/", "queue is full");
    client_expect_nothing(&client); /* all four are read */
    gate_open(4);
    client_expect_text(&client, "running");
    client_expect_text(&client, "waiting");
    client_expect_nothing(&client);
    client_text(&client, "again");
    client_expect_text(&client, "again");
    client_leave(&client);
    server_stop();
    log_wait(" mount.dropped ", "why=\"pool full\"", "count=2");
}
END_TEST

/* ---- Blocking consumers ---------------------------------------------------------------------- */

START_TEST(blocking_callbacks_run_one_at_a_time)
{
    enum { MANY = 300 };
    char text[32];
    struct client client;

    serve("ws /pool/ pool.so\n");
    client = client_open("/pool/");
    for (int i = 0; i < MANY; i++) {
        sprintf(text, "message %d", i);
        client_text(&client, text);
    }
    for (int i = 0; i < MANY; i++) {
        sprintf(text, "message %d", i);
        client_expect_text(&client, text);
    }
    client_text(&client, "join mine");
    client_expect_text(&client, "joined");
    client_text(&client, "close");
    client_expect_code(&client, 4001);
    trace_wait("disconnect 4001", 1);
}
END_TEST

START_TEST(blocked_callback_holds_up_nobody_else)
{
    struct client held, other, plain;

    serve_with("loops 1\npool threads=2\n", "ws /pool/ pool.so\nws /echo/ function_of_api.so\n");
    held = client_open("/pool/");
    other = client_open("/pool/");
    plain = client_open("/echo/");
    client_text(&held, "wait");
    trace_wait("waiting", 1);
    client_text(&other, "hello");
    client_expect_text(&other, "hello");
    client_text(&plain, "hello");
    client_expect_text(&plain, "hello");
    gate_open(1);
    client_expect_text(&held, "waited");
    client_leave(&held);
    client_leave(&other);
    client_leave(&plain);
    trace_wait("disconnect 1000", 2);
}
END_TEST

/* All threads are taken and the queue is full: nothing of blocking consumers is lost. */
START_TEST(full_pool_holds_messages_back)
{
    struct client held, others[5];

    serve_with("loops 1\npool threads=1 queue=1\n", "ws /pool/ pool.so\n");
    held = client_open("/pool/");
    for (int i = 0; i < 5; i++)
        others[i] = client_open("/pool/");
    client_text(&held, "wait");
    trace_wait("waiting", 1);
    for (int i = 0; i < 5; i++)
        for (int j = 0; j < 10; j++)
            client_text(&others[i], "hello");
    gate_open(1);
    client_expect_text(&held, "waited");
    for (int i = 0; i < 5; i++)
        for (int j = 0; j < 10; j++)
            client_expect_text(&others[i], "hello");
    for (int i = 0; i < 5; i++)
        client_leave(&others[i]);
    client_leave(&held);
    trace_wait("disconnect 1000", 6);
}
END_TEST

START_TEST(events_for_a_busy_connection_are_bounded)
{
    char text[32];
    struct client held, sender;

    serve("ws /pool/ pool.so {\n limits events=5\n}\n");
    held = client_open("/pool/");
    sender = client_open("/pool/");
    client_text(&held, "wait");
    trace_wait("waiting", 1);
    for (int i = 0; i < 20; i++) {
        sprintf(text, "all event%d", i);
        client_text(&sender, text);
        sprintf(text, "event%d", i);
        client_expect_text(&sender, text); /* for whom the others are long there */
    }
    log_wait(" event.dropped ", "why=\"events full\"", "mount=/pool/");
    gate_open(1);
    client_expect_text(&held, "waited");
    for (int i = 15; i < 20; i++) {
        sprintf(text, "event%d", i);
        client_expect_text(&held, text);
    }
    client_expect_nothing(&held);
    client_leave(&held);
    client_leave(&sender);
    server_stop();
    log_wait(" mount.dropped ", "why=\"events full\"", "count=15");
}
END_TEST

/* The rest of a message comes while an event keeps its consumer busy, and nothing comes behind it.
 * It is half there when the event comes, so it is received where it is to be. */
START_TEST(message_ends_while_its_consumer_is_busy)
{
    enum { WHOLE = 80000, HALF = 44000 };
    struct client held, other, plain;
    char *text = calloc(1, WHOLE + 1);
    uint8_t *frame = malloc(WHOLE + 14);

    memset(text, 'a', WHOLE);
    size_t size = frame_bytes(frame, 0x80 | TEXT, text, WHOLE);
    serve_with("loops 1\npool threads=2\n", "ws /pool/ pool.so\nws /echo/ function_of_api.so\n");
    held = client_open("/pool/");
    other = client_open("/pool/");
    plain = client_open("/echo/");
    client_send(&held, frame, HALF);
    client_expect_nothing(&plain); /* so that the half has been read */
    client_text(&other, "hold");
    trace_wait("holding", 2);
    client_send(&held, frame + HALF, size - HALF);
    client_expect_nothing(&plain);
    gate_open(2);
    client_expect_text(&held, "held");
    client_expect_text(&held, text);
    client_expect_text(&other, "held");
    client_leave(&held);
    client_leave(&other);
    client_leave(&plain);
    free(frame);
    free(text);
}
END_TEST

START_TEST(connection_goes_while_its_callback_waits)
{
    struct client client;

    serve("ws /pool/ pool.so\n");
    client = client_open("/pool/");
    client_text(&client, "wait");
    trace_wait("waiting", 1);
    client_cut(&client);
    client = client_open("/pool/");
    client_text(&client, "all event"); /* for the one that is gone, too */
    client_expect_text(&client, "event");
    gate_open(1);
    trace_wait("disconnect 1006", 1);
    client_leave(&client);
    trace_wait("disconnect 1000", 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("server, events");
    TCase *tcase = harness_case(suite, "channels");

    tcase_add_test(tcase, channels_lead_to_connections);
    tcase_add_test(tcase, groups_have_members);
    tcase_add_test(tcase, channels_have_names_to_the_end);
    tcase_add_test(tcase, bytes_come_through_events);

    tcase = harness_case(suite, "types");
    tcase_add_test(tcase, declared_handlers_run);
    tcase_add_test(tcase, other_types_run_nothing);
    tcase_add_test(tcase, a_reload_forgets_no_count);
    tcase_add_test(tcase, long_types_run_nothing);
    tcase_add_test(tcase, events_without_a_handler_are_told_once);
    tcase_add_test(tcase, handler_that_no_type_can_spell);

    tcase = harness_case(suite, "timers and jobs");
    tcase_add_test(tcase, timers_come_in_order);
    tcase_add_test(tcase, jobs_answer_later);
    tcase_add_test(tcase, connection_goes_while_its_job_runs);
    tcase_add_test(tcase, full_pool_drops_jobs);

    tcase = harness_case(suite, "blocking");
    tcase_add_test(tcase, blocking_callbacks_run_one_at_a_time);
    tcase_add_test(tcase, blocked_callback_holds_up_nobody_else);
    tcase_add_test(tcase, full_pool_holds_messages_back);
    tcase_add_test(tcase, events_for_a_busy_connection_are_bounded);
    tcase_add_test(tcase, message_ends_while_its_consumer_is_busy);
    tcase_add_test(tcase, connection_goes_while_its_callback_waits);
    return harness_run(suite);
}
