/*
 * Tests of what consumers are promised, and of the mistakes that they can make: each has its tiny
 * shared object in plugins/.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "harness.h"

/* ---- The handshake --------------------------------------------------------------------------- */

START_TEST(subprotocol_is_the_consumers_choice)
{
    struct client client;

    serve("ws /as/ accept_as.so\n");
    client = client_dial();
    client_shake(&client, "/as/", "Sec-WebSocket-Protocol: one, two\r\n");

    struct answer answer = client_answer(&client);

    ck_assert_uint_eq(answer.status, 101);
    ck_assert_str_eq(answer_field(&answer, "Sec-WebSocket-Protocol"), "two");
    client_leave(&client);
    ck_assert_uint_eq(ask_to_open("/as/", "Sec-WebSocket-Protocol: one\r\n"), 500);
    ck_assert_uint_eq(ask_to_open("/as/", ""), 500);
    trace_wait("disconnect 1006", 2);
    log_wait(" accept.refused ", "mount=/as/", "subprotocol=two");
}
END_TEST

START_TEST(second_answer_is_ignored)
{
    struct client client;

    serve("ws /twice/ accept_twice.so\n");
    client = client_dial();
    client_shake(&client, "/twice/", "Sec-WebSocket-Protocol: never.offered\r\n");

    struct answer answer = client_answer(&client);

    ck_assert_uint_eq(answer.status, 101);
    ck_assert_str_eq(answer_field(&answer, "X-Late"), "");
    ck_assert_str_eq(answer_field(&answer, "Sec-WebSocket-Protocol"), "");
    client_expect_text(&client, "accepted");
    client_text(&client, "hello");
    client_expect_text(&client, "hello");
    client_leave(&client);
    log_wait(" call.ignored ", "mount=/twice/", "call=accept", "callback=connect",
             "consumer=accept_twice.so");
    log_wait(" call.ignored ", "call=deny");
    log_wait(" call.ignored ", "call=response_header");
}
END_TEST

START_TEST(close_before_accept_is_403)
{
    serve("ws /close/ close_before_accept.so\n");
    ck_assert_uint_eq(ask_to_open("/close/", ""), 403);
    trace_wait("disconnect 1006", 1);
    log_wait(" call.ignored ", "mount=/close/", "call=accept");
    server_stop();
    ck_assert_uint_eq(trace_count("disconnect 1006"), 1);
    ck_assert_uint_eq(trace_count("receive"), 0);
}
END_TEST

START_TEST(refusal_of_its_own)
{
    struct client client;

    serve("ws /deny/ deny.so\n");
    client = client_dial();
    client_shake(&client, "/deny/", "");

    struct answer answer = client_answer(&client);

    ck_assert_uint_eq(answer.status, 451);
    ck_assert_str_eq(answer.body, "not here");
    ck_assert_str_eq(answer_field(&answer, "X-Why"), "law");
    ck_assert_str_eq(answer_field(&answer, "Set-Cookie"), "");
    client_expect_end(&client);
    client_hang_up(&client);
    trace_wait("disconnect 1006", 1);
    log_wait(" call.ignored ", "call=response_header", "HTTP does not allow");
}
END_TEST

START_TEST(answers_that_can_not_be_given)
{
    struct client client;

    serve("ws /bad/ bad_answers.so\n");
    ck_assert_uint_eq(ask_to_open("/bad/", ""), 403);
    log_wait(" call.ignored ", "mount=/bad/", "call=deny", "403 is sent");
    client = client_open("/bad/?close=1");
    client_expect(&client, CLOSE, "\x0f\xa0", 2);
    client_hang_up(&client);
    log_wait(" call.ignored ", "call=close", "the reason is not UTF-8");
}
END_TEST

START_TEST(nothing_is_sent_before_accept)
{
    struct client client;

    serve("ws /early/ send_before_accept.so\n");
    client = client_open("/early/");
    client_expect_text(&client, "accepted");
    client_leave(&client);
    log_wait(" call.ignored ", "call=send", "before accept");
}
END_TEST

START_TEST(consumer_without_callbacks)
{
    struct client client;

    serve("ws /minimal/ minimal.so\nws /older/ older_record.so\nws /longer/ longer_record.so\n"
          "ws /api/ function_of_api.so\n");
    client = client_open("/minimal/");
    client_text(&client, "hello");
    client_expect_nothing(&client);
    client_leave(&client);
    client = client_open("/older/");
    client_text(&client, "hello");
    client_expect_text(&client, "hello");
    client_leave(&client);
    client = client_open("/longer/");
    client_leave(&client);
    client = client_open("/api/");
    client_text(&client, "hello");
    client_expect_text(&client, "hello");
    client_leave(&client);
}
END_TEST

START_TEST(own_functions_with_the_runtimes_names)
{
    struct client client;

    serve("ws /helper/ helper_name.so\n");
    client = client_open("/helper/");
    client_text(&client, "go");
    client_expect_text(&client, "own log_fields");
    client_expect_text(&client, "own conn_close");
    client_expect_text(&client, "own mem_alloc");
    client_leave(&client);
}
END_TEST

START_TEST(scope_is_told)
{
    static const char *const asked[][2] = {
        {"path", "\"/scope/r\xc3\xb6t/7/\""},
        {"param room", "\"r\xc3\xb6t\""},
        {"param none", "null"},
        {"int id", "7"},
        {"int room", "0"},
        {"query a", "\"two words\""},
        {"query none", "null"},
        {"header x-one", "\"1, 2\""},
        {"header HOST", "\"example.org\""},
        {"header none", "null"},
        {"cookie c", "\"yes\""},
        {"option greeting", "\"hello you\""},
        {"option none", "null"},
        {"nobody", "true"},
    };
    struct client client;

    serve("ws /scope/<str:room>/<int:id>/ scope.so {\n set greeting \"hello you\"\n}\n");
    client = client_dial();
    client_shake(&client, "/scope/r%C3%B6t/7/?a=1&a=two%20words",
                 "X-One: 1\r\nX-One: 2\r\nCookie: b=no; c=yes\r\n");

    struct answer answer = client_answer(&client);

    ck_assert_uint_eq(answer.status, 101);
    ck_assert_str_eq(answer_field(&answer, "X-Room"), "r\xc3\xb6t");
    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
        client_text(&client, asked[i][0]);
        client_expect_text(&client, asked[i][1]);
    }
    client_text(&client, "peer");
    ck_assert_ptr_nonnull(strstr((const char *)client_receive(&client).payload, "127.0.0.1:"));
    client_text(&client, "scope");

    const char *scope = (const char *)client_receive(&client).payload;

    ck_assert_ptr_nonnull(strstr(scope, "\"type\":\"websocket\""));
    ck_assert_ptr_nonnull(strstr(scope, "\"room\":\"r\xc3\xb6t\""));
    client_leave(&client);
    log_wait(" info consumer ", "mount=/scope/<str:room>/<int:id>/",
             "peer=127.0.0.1:", "somebody for room r");
}
END_TEST

/* ---- Sending --------------------------------------------------------------------------------- */

START_TEST(what_can_not_be_sent)
{
    struct client client;

    serve("ws /bad/ bad_sends.so\n");
    client = client_open("/bad/");
    for (int i = 0; i < 3; i++) {
        client_text(&client, "go");
        client_expect_text(&client, "alive");
    }
    client_leave(&client);
    log_wait(" call.refused ", "call=sluice_send_text", "not UTF-8", "mount=/bad/",
             "callback=receive");
    log_wait(" template.refused ", "template=\"{unfinished: \"", "mount=/bad/");
    log_wait(" template.refused ", "{bytes: %p}");
    log_wait(" event.refused ", "not a group's name", "no such name!");
    ck_assert_uint_eq(log_count(" template.refused ", "{unfinished: "), 1);
}
END_TEST

START_TEST(nothing_is_sent_after_close)
{
    struct client client;

    serve("ws /after/ send_after_close.so\n");
    client = client_open("/after/");
    client_text(&client, "go");
    client_text(&client, "go on");
    client_expect_text(&client, "last");

    struct received frame = client_receive(&client);

    ck_assert_uint_eq(frame.opcode, CLOSE);
    ck_assert_str_eq((const char *)frame.payload, "\x0f\xa1"
                                                  "enough");
    client_close(&client, 4001, "");
    client_expect_end(&client);
    client_hang_up(&client);
    trace_wait("disconnect 4001", 1);
    server_stop();
    ck_assert_uint_eq(trace_count("disconnect 4001"), 1);
    ck_assert_uint_eq(log_count(" error "), 0);
}
END_TEST

START_TEST(codes_of_a_consumer)
{
    static const unsigned allowed[] = {1000, 1001, 1002, 1003, 1007, 1008, 1009,
                                       1010, 1014, 3000, 3999, 4000, 4999};
    static const unsigned others[] = {0, 1, 999, 1004, 1005, 1006, 1015, 2999, 5000, 65536 + 1000};
    char text[16];
    struct client client;

    serve("ws /close/ bad_close.so\n");
    for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++) {
        client = client_open("/close/");
        sprintf(text, "%u", allowed[i]);
        client_text(&client, text);
        client_expect_code(&client, allowed[i]);
    }
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        client = client_open("/close/");
        sprintf(text, "%u", others[i]);
        client_text(&client, text);
        client_expect_code(&client, 1011);
    }
    log_wait(" call.ignored ", "call=close", "that code can't be sent");

    client = client_open("/close/");
    client_text(&client, "1000");

    struct received frame = client_receive(&client); /* cut between two characters */

    ck_assert_uint_le(frame.size, 125);
    ck_assert_uint_ge(frame.size, 124);
    ck_assert_uint_eq(frame.payload[frame.size - 1], 0xa4);
    client_hang_up(&client);
}
END_TEST

START_TEST(bad_group_names_close)
{
    char name[128] = "";
    static const char *const bad[] = {"", "two words", "slash/", "\xc3\xa4", "a:b"};
    struct client client;

    serve("ws /group/ bad_group.so\n");
    client = client_open("/group/");
    memset(name, 'n', 99);
    client_text(&client, name);
    client_expect_text(&client, "joined");
    client_text(&client, "a-Z_0.9");
    client_expect_text(&client, "joined");
    name[99] = 'n';
    client_text(&client, name);
    client_expect_code(&client, 1008);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        client = client_open("/group/");
        client_text(&client, bad[i]);
        client_expect_code(&client, 1008);
    }
    log_wait(" group.refused ", "mount=/group/", "group=\"two words\"");
}
END_TEST

/* ---- JSON ------------------------------------------------------------------------------------ */

START_TEST(json_is_parsed)
{
    static const char *const said[][2] = {
        {"{\"name\": \"a\\\"\xf0\x9f\x98\x80\", \"age\": 7}",
         "{\"name\":\"a\\\"\xf0\x9f\x98\x80\",\"age\":7}"},
        {"{\"name\": 1, \"age\": \"old\"}", "{\"name\":null,\"age\":-1}"},
        {"{}", "{\"name\":null,\"age\":-1}"},
        {"[]", "{\"name\":null,\"age\":-1}"},
        {"null", "{\"name\":null,\"age\":-1}"},
        {" 7 ", "{\"name\":null,\"age\":-1}"},
        {"\"text\"", "{\"name\":null,\"age\":-1}"},
    };
    struct client client;

    serve("ws /json/ json.so\n");
    client = client_open("/json/");
    for (size_t i = 0; i < sizeof said / sizeof *said; i++) {
        client_text(&client, said[i][0]);
        client_expect_text(&client, said[i][1]);
    }
    client_binary(&client, "{}x", 3);
    client_expect_text(&client, "{\"binary\":true,\"size\":3}");
    client_leave(&client);
}
END_TEST

START_TEST(what_is_no_json_is_1007)
{
    static const char *const broken[] = {
        "",     "{",       "{\"a\": 1} x", "{'a': 1}",   "{a: 1}",          "[1,]", "nul",
        "\"\n", "01",      "NaN",          "{\"a\" 1}",  "// {}",           "{}{}", "\"\\ud800\\",
        "-",    "\"\\x\"", "[1 2]",        "{\"a\":1,}", "{} \xef\xbb\xbf",
    };
    char deep[20001];
    struct client client, ordinary;

    serve("ws /json/ json.so\n");
    ordinary = client_open("/json/");
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        client = client_open("/json/");
        client_text(&client, broken[i]);
        client_expect_code(&client, 1007);
    }
    memset(deep, '[', 10000);
    memset(deep + 10000, ']', 10000);
    deep[20000] = '\0';
    client = client_open("/json/");
    client_text(&client, deep);
    client_expect_code(&client, 1007);
    client_text(&ordinary, "{}");
    client_expect_text(&ordinary, "{\"name\":null,\"age\":-1}");
    client_leave(&ordinary);
}
END_TEST

/* ---- Calls from the wrong place -------------------------------------------------------------- */

START_TEST(connection_of_another_callback)
{
    struct client kept, other;

    serve("ws /foreign/ foreign.so\n");
    kept = client_open("/foreign/");
    other = client_open("/foreign/");
    client_text(&kept, "keep");
    client_expect_text(&kept, "kept");
    client_text(&other, "use");
    client_expect_text(&other, "alive");
    client_text(&other, "job");
    client_expect_text(&other, "alive");
    client_text(&other, "broadcast");
    client_expect_text(&other, "alive");
    client_expect_nothing(&kept);
    client_leave(&kept);
    client_text(&other, "use"); /* of a connection that has gone */
    client_expect_text(&other, "alive");
    client_expect_nothing(&other);
    client_leave(&other);
    log_wait(" call.refused ", "call=sluice_send_text", "no callback of that connection",
             "callback=receive");
    log_wait(" call.refused ", "call=sluice_group_add", "no callback of that connection");
    log_wait(" call.refused ", "call=sluice_path", "mount=/foreign/");
}
END_TEST

START_TEST(calls_that_a_broadcast_may_not_make)
{
    struct client client;

    serve("ws /foreign/ foreign.so\n");
    client = client_open("/foreign/");
    client_text(&client, "broadcast");
    client_expect_text(&client, "alive");
    client_leave(&client);
    log_wait(" call.refused ", "call=sluice_path", "a broadcast handler may only",
             "callback=foreign_broadcast");
    log_wait(" call.refused ", "call=sluice_close", "a broadcast handler may only");
}
END_TEST

/* ---- State and the end ----------------------------------------------------------------------- */

START_TEST(state_is_of_each_connection)
{
    struct client one, two;

    serve("ws /state/ state.so\n");
    one = client_open("/state/");
    two = client_open("/state/");
    client_text(&one, "");
    client_expect_text(&one, "1");
    client_text(&one, "");
    client_expect_text(&one, "2");
    client_text(&two, "");
    client_expect_text(&two, "1");
    client_leave(&one);
    trace_wait("disconnect 2", 1);
    client_leave(&two);
    trace_wait("disconnect 1", 1);
}
END_TEST

START_TEST(disconnect_comes_once)
{
    struct client client;

    serve("ws /life/ lifecycle.so\nws /never/ never_answers.so\n");
    client = client_open("/life/");
    client_close(&client, 1000, "bye");
    client_expect_fault(&client, 1000);
    trace_wait("disconnect 1000 bye", 1);

    client = client_open("/life/");
    client_close(&client, 1005, "");
    client_expect_fault(&client, 1005);
    trace_wait("disconnect 1005", 1);

    client = client_open("/life/");
    client_hang_up(&client);
    trace_wait("disconnect 1006", 1);
    client = client_open("/life/");
    client_cut(&client);
    trace_wait("disconnect 1006", 2);

    client = client_open("/life/"); /* with half a message on its way */
    client_frame(&client, TEXT, "half", 4);
    client_expect_nothing(&client);
    client_cut(&client);
    trace_wait("disconnect 1006", 3);

    client = client_dial(); /* before its answer */
    client_shake(&client, "/never/", "");
    client_say(&client, "early");
    client_cut(&client);
    trace_wait("disconnect 1006", 4);

    client = client_open("/life/");
    server_signal(SIGTERM);
    client_expect_code(&client, 1001);
    server_wait();
    ck_assert_uint_eq(trace_count("connect"), 6);
    ck_assert_uint_eq(trace_count("disconnect 1000 bye"), 1);
    ck_assert_uint_eq(trace_count("disconnect 1005"), 1);
    ck_assert_uint_eq(trace_count("disconnect 1006"), 4);
    ck_assert_uint_eq(trace_count("disconnect 1001"), 1);
}
END_TEST

/* ---- The watchdog ---------------------------------------------------------------------------- */

START_TEST(callback_that_holds_its_loop_is_named)
{
    struct client client;

    serve("ws /held/ held.so {\n limits callback=20ms\n}\n");
    client = client_open("/held/");
    client_text(&client, "hello");
    log_wait(" callback.stuck ", "mount=/held/", "callback=receive ms=");
    gate_open(1);
    client_expect_text(&client, "hello");
    log_wait(" callback.slow ", "mount=/held/", "callback=receive", "limit=20");
    client_text(&client, "event");
    log_wait(" callback.stuck ", "mount=/held/", "callback=held_event", "type=held.event ");
    gate_open(1);
    client_expect_text(&client, "event");
    log_wait(" callback.slow ", "mount=/held/", "callback=held_event", "type=held.event");
    client_leave(&client);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("server, consumers");
    TCase *tcase = harness_case(suite, "handshake");

    tcase_add_test(tcase, subprotocol_is_the_consumers_choice);
    tcase_add_test(tcase, second_answer_is_ignored);
    tcase_add_test(tcase, close_before_accept_is_403);
    tcase_add_test(tcase, refusal_of_its_own);
    tcase_add_test(tcase, answers_that_can_not_be_given);
    tcase_add_test(tcase, nothing_is_sent_before_accept);
    tcase_add_test(tcase, consumer_without_callbacks);
    tcase_add_test(tcase, own_functions_with_the_runtimes_names);
    tcase_add_test(tcase, scope_is_told);

    tcase = harness_case(suite, "sending");
    tcase_add_test(tcase, what_can_not_be_sent);
    tcase_add_test(tcase, nothing_is_sent_after_close);
    tcase_add_test(tcase, codes_of_a_consumer);
    tcase_add_test(tcase, bad_group_names_close);
    tcase_add_test(tcase, json_is_parsed);
    tcase_add_test(tcase, what_is_no_json_is_1007);

    tcase = harness_case(suite, "wrong places");
    tcase_add_test(tcase, connection_of_another_callback);
    tcase_add_test(tcase, calls_that_a_broadcast_may_not_make);

    tcase = harness_case(suite, "life");
    tcase_add_test(tcase, state_is_of_each_connection);
    tcase_add_test(tcase, disconnect_comes_once);
    tcase_add_test(tcase, callback_that_holds_its_loop_is_named);
    return harness_run(suite);
}
