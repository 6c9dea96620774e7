/*
 * Tests of the control socket: whose it is, what is answered, and that callers, whatever they do,
 * hold nobody up.
 */
#include <fcntl.h>
#include <json-c/json.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "client.h"
#include "harness.h"

#define CONTROL "control ctl.sock\n"
#define ECHO    CONTROL "ws /good/ good.so\n"
#define STATUS  "{\"command\": \"status\"}\n"
#define RELOAD  "{\"command\": \"reload\"}\n"

/* ---- Asking ---------------------------------------------------------------------------------- */

/* All that comes until the end of the line: one line of JSON, to be put. */
static struct json_object *answer_of(struct client *client)
{
    size_t size = client_fill(client, 1 << 24);
    enum json_tokener_error error = json_tokener_success;

    ck_assert_msg(size > 1, "no answer");
    ck_assert_int_eq(client->data[size - 1], '\n');
    client->data[size - 1] = '\0';
    ck_assert_ptr_null(strchr((char *)client->data, '\n'));
    struct json_object *answer = json_tokener_parse_verbose((char *)client->data, &error);
    ck_assert_msg(error == json_tokener_success, "no JSON: %s", client->data);
    client_hang_up(client);
    return answer;
}

static struct client asking(const char *question)
{
    struct client client = client_dial_unix("ctl.sock");

    client_say(&client, question);
    return client;
}

static struct json_object *answer_to(const char *question)
{
    struct client client = asking(question);

    return answer_of(&client);
}

/* What is at a path of keys and indexes: "mounts.0.opened". Borrowed. */
static struct json_object *at(struct json_object *value, const char *path)
{
    char copy[100], *rest = copy, *key;

    snprintf(copy, sizeof copy, "%s", path);
    while ((key = strtok_r(rest, ".", &rest)) != NULL) {
        if (json_object_is_type(value, json_type_array))
            value = json_object_array_get_idx(value, (size_t)atoi(key));
        else
            ck_assert_msg(json_object_object_get_ex(value, key, &value), "no %s", path);
    }
    return value;
}

static int64_t number(struct json_object *value, const char *path)
{
    ck_assert_msg(json_object_is_type(at(value, path), json_type_int), "%s is no number", path);
    return json_object_get_int64(at(value, path));
}

static const char *string(struct json_object *value, const char *path)
{
    return json_object_get_string(at(value, path));
}

static int64_t status_of(const char *path)
{
    struct json_object *status = answer_to(STATUS);
    int64_t found = number(status, path);

    json_object_put(status);
    return found;
}

static void expect_error(struct client client, const char *text)
{
    struct json_object *answer = answer_of(&client);

    ck_assert_msg(strstr(string(answer, "error"), text) != NULL, "%s", string(answer, "error"));
    json_object_put(answer);
}

/* ---- The socket ------------------------------------------------------------------------------ */

static int listen_at(const char *name)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(to.sun_path, sizeof to.sun_path, "%s", in_dir(name));
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&to, sizeof to), 0);
    ck_assert_int_eq(listen(fd, 1), 0);
    return fd;
}

static bool exists(const char *name)
{
    struct stat stat;

    return lstat(in_dir(name), &stat) == 0;
}

START_TEST(it_is_the_owners_alone)
{
    struct stat stat;
    mode_t before = umask(0);

    serve(ECHO);
    umask(before);
    ck_assert_int_eq(lstat(in_dir("ctl.sock"), &stat), 0);
    ck_assert(S_ISSOCK(stat.st_mode));
    ck_assert_uint_eq(stat.st_mode & 07777, 0600);
    ck_assert_uint_eq(stat.st_uid, geteuid());
    server_stop();
    ck_assert(!exists("ctl.sock"));
}
END_TEST

START_TEST(what_the_dead_left_is_taken_over)
{
    close(listen_at("ctl.sock"));
    serve(ECHO);
    ck_assert_int_eq(status_of("pid"), server_pid());
    server_stop();
    ck_assert(!exists("ctl.sock"));
}
END_TEST

START_TEST(what_lives_is_left_alone)
{
    int other = listen_at("ctl.sock");
    struct client client;

    serve(ECHO);
    log_wait(" warn control.busy ", "ctl.sock");
    client = client_open("/good/");
    client_leave(&client);
    server_stop();
    ck_assert(exists("ctl.sock"));
    close(other);
}
END_TEST

START_TEST(a_file_is_left_alone)
{
    put_file("ctl.sock", "precious");
    serve(ECHO);
    log_wait(" warn control.failed ", "ctl.sock", "File exists");
    ck_assert_uint_eq(ask_for("/"), 404);
    server_stop();
    ck_assert(exists("ctl.sock"));
}
END_TEST

START_TEST(another_servers_name_stays)
{
    int other;

    serve(ECHO);
    ck_assert_int_eq(unlink(in_dir("ctl.sock")), 0);
    other = listen_at("ctl.sock");
    server_stop();
    ck_assert(exists("ctl.sock"));
    close(other);
}
END_TEST

START_TEST(a_lost_name_is_made_again)
{
    serve(ECHO);
    ck_assert_int_eq(unlink(in_dir("ctl.sock")), 0);
    AWAIT(log_count(" control.listening ") == 2);
    ck_assert_int_eq(status_of("pid"), server_pid());
}
END_TEST

START_TEST(it_serves_without)
{
    serve("control none/ctl.sock\nws /good/ good.so\n");
    log_wait(" warn control.failed ", "none/ctl.sock", "No such file or directory");
    ck_assert_uint_eq(ask_for("/"), 404);
}
END_TEST

START_TEST(off_is_off)
{
    serve("control off\nws /good/ good.so\n");
    server_stop();
    ck_assert_uint_eq(log_count(" control."), 0);
}
END_TEST

/* ---- Status ---------------------------------------------------------------------------------- */

START_TEST(status_tells_the_truth)
{
    enum { MANY = 7 };
    struct client clients[MANY], client;

    serve(CONTROL "ws /echo/<int:n>/ good.so\nws /crowd/ crowd.so\nws /deny/ deny.so\n"
                  "http /page file=routing.conf\n");
    for (unsigned i = 0; i < MANY; i++)
        clients[i] = client_open(i < 4 ? "/echo/1/" : "/crowd/");
    ck_assert_uint_ge(ask_to_open("/deny/", ""), 400);
    ck_assert_uint_ge(ask_to_open("/echo/1/", "Origin: https://evil.example\r\n"), 400);
    for (unsigned i = 0; i < 100; i++) {
        client_text(&clients[0], "hello");
        client_expect_text(&clients[0], "hello");
    }
    struct json_object *status = answer_to(STATUS);
    ck_assert_str_eq(string(status, "file"), "routing.conf");
    ck_assert_int_eq(number(status, "pid"), server_pid());
    ck_assert_int_eq(number(status, "connections.open"), MANY);
    ck_assert_int_eq(number(status, "connections.addresses"), 1);
    ck_assert_int_ge(number(status, "connections.accepted"), MANY + 2);
    ck_assert_int_eq(number(status, "loops.0.connections") + number(status, "loops.1.connections"),
                     MANY);
    ck_assert_str_eq(string(status, "mounts.0.mount"), "/echo/<int:n>/");
    ck_assert_str_eq(string(status, "mounts.0.consumer"), "good.so");
    ck_assert_int_eq(number(status, "mounts.0.generation"), 1);
    ck_assert_int_eq(number(status, "mounts.0.connections"), 4);
    ck_assert_int_eq(number(status, "mounts.0.opened"), 4);
    ck_assert_int_eq(number(status, "mounts.0.refused"), 1);
    ck_assert_int_eq(number(status, "mounts.1.connections"), 3);
    ck_assert_int_eq(number(status, "mounts.2.refused"), 1);
    ck_assert_str_eq(string(status, "mounts.3.kind"), "http");
    ck_assert_int_eq(number(status, "layer.groups"), 2); /* each has its own */
    ck_assert_int_eq(number(status, "layer.memberships"), MANY);
    ck_assert_int_eq(number(status, "generations.loaded"), 3);
    ck_assert_int_eq(number(status, "traffic.total.messages_in"), 100);
    ck_assert_int_eq(number(status, "traffic.total.messages_out"), 100);
    ck_assert_int_ge(number(status, "traffic.total.bytes_in"), 100 * 11);
    ck_assert_int_gt(number(status, "memory.resident_bytes"), 1 << 20);
    json_object_put(status);

    for (unsigned i = 0; i < MANY; i++)
        client_leave(&clients[i]);
    AWAIT(status_of("connections.open") == 0);
    ck_assert_int_eq(status_of("mounts.0.connections"), 0);
    ck_assert_int_eq(status_of("layer.memberships"), 0);
    ck_assert_int_eq(status_of("mounts.0.opened"), 4);
    client = client_open("/crowd/");
    ck_assert_int_eq(status_of("mounts.1.connections"), 1);
    client_leave(&client);
}
END_TEST

START_TEST(status_tells_drops_and_limits)
{
    serve(CONTROL "ws /bad/ bad_sends.so\nws /small/ good.so {\n limits message=4\n}\n");

    struct client client = client_open("/small/");
    client_text(&client, "too long");
    client_expect_fault(&client, 1009);
    client = client_open("/bad/");
    client_text(&client, "go");
    client_expect_text(&client, "alive");
    struct json_object *status = answer_to(STATUS);
    ck_assert_int_ge(number(status, "mounts.0.drops.not text"), 1);
    ck_assert_int_ge(number(status, "mounts.0.drops.bad name"), 1);
    ck_assert_int_eq(number(status, "mounts.1.limits.limits message"), 1);
    json_object_put(status);
    client_leave(&client);
}
END_TEST

START_TEST(rates_are_measured)
{
    struct client client;

    serve(ECHO);
    client = client_open("/good/");
    uint64_t deadline = now_ms() + PATIENCE_MS;
    while (status_of("traffic.per_second.messages_in") == 0) {
        client_text(&client, "x");
        client_expect_text(&client, "x");
        rest_until(deadline, "a rate above 0");
    }
    AWAIT(status_of("traffic.per_second.messages_out") == 0); /* a second without any */
    client_leave(&client);
}
END_TEST

/* The held loop is not waited for, and answers again when it can. */
START_TEST(a_held_loop_is_named)
{
    serve_with("loops 2\n", CONTROL "ws /held/ held.so {\n limits callback=off\n}\n");

    struct client client = client_open("/held/");
    client_text(&client, "hold");
    AWAIT(status_of("connections.open") == 1);
    unsigned silent = 0;
    for (unsigned round = 0; round < 3; round++) {
        struct json_object *status = answer_to(STATUS);

        silent = !json_object_get_boolean(at(status, "loops.0.answered")) +
                 !json_object_get_boolean(at(status, "loops.1.answered"));
        ck_assert_int_eq(number(status, "mounts.0.connections"), 1);
        json_object_put(status);
        if (round > 0)
            ck_assert_uint_eq(silent, 1);
    }
    gate_open(1);
    client_expect_text(&client, "hold");
    ck_assert_int_eq(status_of("loops.0.connections") + status_of("loops.1.connections"), 1);
    client_leave(&client);
}
END_TEST

/* ---- Reloading ------------------------------------------------------------------------------- */

START_TEST(reload_tells_what_came_of_it)
{
    put_plugin_as("reload_old", "version");
    serve(CONTROL "ws /version/ version.so\n");
    put_plugin_as("reload_new", "version");
    struct json_object *answer = answer_to(RELOAD);
    ck_assert(json_object_get_boolean(at(answer, "done")));
    ck_assert_int_eq(number(answer, "errors"), 0);
    ck_assert_str_eq(string(answer, "mounts.0.mount"), "/version/");
    ck_assert_str_eq(string(answer, "mounts.0.change"), "changed");
    ck_assert_int_eq(number(answer, "mounts.0.from"), 1);
    ck_assert_int_eq(number(answer, "mounts.0.to"), 2);
    ck_assert_ptr_nonnull(strstr(string(answer, "text"), "/version/"));
    json_object_put(answer);
    ck_assert_int_eq(status_of("mounts.0.generation"), 2);
}
END_TEST

/* Who has moved is counted where he is now, and who has stayed where he still is. */
START_TEST(live_connections_are_counted_where_they_are)
{
    struct client moves, stays[2];

    put_plugin_as("reload_old", "version");
    serve(CONTROL "ws /moves/ version.so\nws /stays/ version.so {\n reload move=off\n}\n");
    moves = client_open("/moves/");
    stays[0] = client_open("/stays/");
    stays[1] = client_open("/stays/");
    put_plugin_as("reload_new", "version");
    struct json_object *answer = answer_to(RELOAD);
    ck_assert(json_object_get_boolean(at(answer, "done")));
    ck_assert_int_eq(number(answer, "mounts.0.moved") + number(answer, "mounts.0.upgraded"), 1);
    ck_assert_int_eq(number(answer, "mounts.1.stayed"), 2);
    json_object_put(answer);

    struct json_object *status = answer_to(STATUS);
    ck_assert_uint_eq(json_object_array_length(at(status, "mounts")), 3);
    ck_assert_int_eq(number(status, "mounts.0.connections"), 1);
    ck_assert_int_eq(number(status, "mounts.1.connections"), 0);
    ck_assert(json_object_get_boolean(at(status, "mounts.1.current")));
    ck_assert(!json_object_get_boolean(at(status, "mounts.2.current")));
    ck_assert_str_eq(string(status, "mounts.2.mount"), "/stays/");
    ck_assert_int_eq(number(status, "mounts.2.generation"), 1);
    ck_assert_int_eq(number(status, "mounts.2.connections"), 2);
    ck_assert_int_eq(number(status, "generations.loaded"), 2);
    json_object_put(status);

    client_leave(&stays[0]);
    client_leave(&stays[1]);
    AWAIT(status_of("generations.loaded") == 1);
    ck_assert_int_eq(status_of("mounts.0.connections"), 1);
    client_leave(&moves);
    AWAIT(status_of("mounts.0.connections") == 0);
}
END_TEST

START_TEST(a_refusal_tells_why)
{
    serve(ECHO);
    serve_conf(ECHO "nonsense\n");
    struct json_object *answer = answer_to(RELOAD);
    ck_assert(!json_object_get_boolean(at(answer, "done")));
    ck_assert_int_eq(number(answer, "errors"), 1);
    ck_assert_str_eq(string(answer, "messages.0.level"), "error");
    ck_assert_ptr_nonnull(strstr(string(answer, "messages.0.text"), "routing.conf:7:1: error:"));
    json_object_put(answer);
    log_wait(" reload.refused ");
    ck_assert_int_eq(status_of("mounts.0.generation"), 1);
}
END_TEST

/* Who asks meanwhile, and who has gone, change nothing for the others. */
START_TEST(reloads_are_shared)
{
    serve(ECHO);
    serve_conf(ECHO "ws /waits/ load_waits.so\n");
    struct client first = asking(RELOAD);
    trace_wait("loading", 1);
    struct client second = asking(RELOAD), gone = asking(RELOAD), third = asking(RELOAD);
    client_hang_up(&gone);
    gate_open(1);
    struct json_object *answers[] = {answer_of(&first), answer_of(&second), answer_of(&third)};
    ck_assert_str_eq(string(answers[0], "mounts.1.change"), "added");
    for (unsigned i = 0; i < 3; i++) {
        ck_assert(json_object_get_boolean(at(answers[i], "done")));
        json_object_put(answers[i]);
    }
    ck_assert_uint_le(log_count(" reload.done "), 3);
}
END_TEST

START_TEST(a_stop_ends_a_reload)
{
    serve(ECHO);
    serve_conf(ECHO "ws /waits/ load_waits.so\n");
    struct client waits = asking(RELOAD);
    trace_wait("loading", 1);
    server_signal(SIGTERM);
    struct json_object *answer = answer_of(&waits);
    ck_assert(!json_object_get_boolean(at(answer, "done")));
    json_object_put(answer);
    gate_open(1);
    server_wait();
}
END_TEST

START_TEST(a_server_that_stops_says_so)
{
    struct client client;

    serve(ECHO);
    client = client_open("/good/");
    server_signal(SIGTERM);
    log_wait(" server.stopping ");
    struct json_object *status = answer_to(STATUS);
    ck_assert(json_object_get_boolean(at(status, "stopping")));
    json_object_put(status);
    expect_error(asking(RELOAD), "about to stop");
    client_expect_code(&client, 1001);
    server_wait();
}
END_TEST

/* ---- Callers of all kinds -------------------------------------------------------------------- */

START_TEST(questions_that_are_none)
{
    serve(ECHO);
    expect_error(asking("hello\n"), "a question is");
    expect_error(asking("\n"), "a question is");
    expect_error(asking("[]\n"), "a question is");
    expect_error(asking("{\"command\": 1}\n"), "a question is");
    expect_error(asking("{\"command\": \"stop\"}\n"), "no such command");
    char longer[600];
    memset(longer, ' ', sizeof longer);
    longer[sizeof longer - 1] = '\0';
    expect_error(asking(longer), "too long");
    struct client mute = client_dial_unix("ctl.sock");
    client_say(&mute, "{\"command\"");
    client_shut(&mute);
    client_expect_end(&mute);
    client_hang_up(&mute);
}
END_TEST

/* As `nc -N` does: the question, and the end of what will be said. */
START_TEST(half_closed_lines_are_answered)
{
    serve(ECHO);
    struct client client = asking(STATUS);
    client_shut(&client);
    struct json_object *status = answer_of(&client);
    ck_assert_int_eq(number(status, "pid"), server_pid());
    json_object_put(status);
}
END_TEST

START_TEST(a_question_in_pieces)
{
    serve(ECHO);
    struct client client = client_dial_unix("ctl.sock");
    for (const char *byte = STATUS; *byte != '\0'; byte++)
        client_send(&client, byte, 1);
    struct json_object *status = answer_of(&client);
    ck_assert_int_eq(number(status, "pid"), server_pid());
    json_object_put(status);
}
END_TEST

/* More than are served at once, and none of them says a word: they are sent away, and who has a
 * question has his answer. Meanwhile everybody else is served. */
START_TEST(silent_callers_go)
{
    enum { SILENT = 12 };
    struct client silent[SILENT], client;

    serve(ECHO);
    unsigned before = server_descriptors();
    for (unsigned i = 0; i < SILENT; i++)
        silent[i] = client_dial_unix("ctl.sock");
    struct client asks = asking(STATUS);
    client = client_open("/good/");
    client_text(&client, "x");
    client_expect_text(&client, "x");
    client_leave(&client);
    ck_assert_uint_le(server_descriptors(), before + SILENT);
    for (unsigned i = 0; i < SILENT; i++) {
        client_expect_end(&silent[i]);
        client_hang_up(&silent[i]);
    }
    struct json_object *status = answer_of(&asks);
    ck_assert_int_eq(number(status, "pid"), server_pid());
    json_object_put(status);
    AWAIT(server_descriptors() <= before);
}
END_TEST

START_TEST(many_ask_at_once)
{
    enum { MANY = 40 };
    struct client clients[MANY];

    serve(ECHO);
    for (unsigned i = 0; i < MANY; i++)
        clients[i] = asking(i % 4 == 0 ? RELOAD : STATUS);
    for (unsigned i = 0; i < MANY; i++)
        json_object_put(answer_of(&clients[i]));
}
END_TEST

/* The answer is long, and nobody reads it. */
START_TEST(who_does_not_read_holds_nobody_up)
{
    enum { MOUNTS = 4000 };
    static char conf[MOUNTS * 40];
    size_t size = (size_t)snprintf(conf, sizeof conf, "%s", ECHO);

    for (unsigned i = 0; i < MOUNTS; i++)
        size += (size_t)snprintf(conf + size, sizeof conf - size, "ws /mount/%u/ good.so\n", i);
    serve(ECHO);
    serve_conf(
        conf); /* by a reload: the table that a start prints is more than the harness reads */
    server_reload();
    struct client deaf = asking(STATUS);
    struct json_object *status = answer_to(STATUS);
    ck_assert_int_eq((int64_t)json_object_array_length(at(status, "mounts")), MOUNTS + 1);
    json_object_put(status);
    client_hang_up(&deaf);
    server_stop();
}
END_TEST

static Suite *control_suite(void)
{
    Suite *suite = suite_create("control");
    TCase *socket = harness_case(suite, "socket");
    TCase *status = harness_case(suite, "status");
    TCase *reload = harness_case(suite, "reload");
    TCase *callers = harness_case(suite, "callers");

    tcase_add_test(socket, it_is_the_owners_alone);
    tcase_add_test(socket, what_the_dead_left_is_taken_over);
    tcase_add_test(socket, what_lives_is_left_alone);
    tcase_add_test(socket, a_file_is_left_alone);
    tcase_add_test(socket, another_servers_name_stays);
    tcase_add_test(socket, a_lost_name_is_made_again);
    tcase_add_test(socket, it_serves_without);
    tcase_add_test(socket, off_is_off);
    tcase_add_test(status, status_tells_the_truth);
    tcase_add_test(status, status_tells_drops_and_limits);
    tcase_add_test(status, rates_are_measured);
    tcase_add_test(status, a_held_loop_is_named);
    tcase_add_test(reload, reload_tells_what_came_of_it);
    tcase_add_test(reload, live_connections_are_counted_where_they_are);
    tcase_add_test(reload, a_refusal_tells_why);
    tcase_add_test(reload, reloads_are_shared);
    tcase_add_test(reload, a_stop_ends_a_reload);
    tcase_add_test(reload, a_server_that_stops_says_so);
    tcase_add_test(callers, questions_that_are_none);
    tcase_add_test(callers, half_closed_lines_are_answered);
    tcase_add_test(callers, a_question_in_pieces);
    tcase_add_test(callers, silent_callers_go);
    tcase_add_test(callers, many_ask_at_once);
    tcase_add_test(callers, who_does_not_read_holds_nobody_up);
    return suite;
}

int main(void)
{
    return harness_run(control_suite());
}
