/*
 * Tests of who is let in: how many connections there may be, in all and of one address, and what
 * happens when the system has no descriptor for another.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "client.h"
#include "harness.h"

#define ECHO_CONF "ws /echo/ lifecycle.so\n"

static void expect_refused(struct client client, unsigned status)
{
    ck_assert_uint_eq(client_answer(&client).status, status);
    client_expect_end(&client);
    client_hang_up(&client);
}

/* Comes again and again, until it is answered so. */
static struct client come_until(const char *address, unsigned status)
{
    struct client client;

    AWAIT((client = client_dial_from(address), client_shake(&client, "/echo/", ""),
           client_answer(&client).status == status || (client_hang_up(&client), false)));
    return client;
}

static struct client let_in(const char *address)
{
    return come_until(address, 101);
}

static struct client open_from(const char *address)
{
    struct client client = client_dial_from(address);

    client_shake(&client, "/echo/", "");
    ck_assert_uint_eq(client_answer(&client).status, 101);
    return client;
}

/* ---- As many as may be ----------------------------------------------------------------------- */

START_TEST(connections_have_a_limit)
{
    struct client first, second, third;

    serve_with("loops 2\nserver connections=2\n", ECHO_CONF);
    first = client_open("/echo/");
    second = client_open("/echo/");
    expect_refused(client_dial(), 503);
    log_wait(" conn.refused ", "connections=2");
    client_leave(&first);
    third = let_in("127.0.0.1");
    client_text(&second, "still here");
    client_expect_text(&second, "still here");
    client_leave(&second);
    client_leave(&third);
    server_stop();
    log_wait(" limit.hit ", "limit=\"server connections\"");
}
END_TEST

/* What the client has sent by then does not reset the line, and the answer with it. */
START_TEST(refused_with_its_request_sent)
{
    struct client first, other;

    serve_with("loops 1\nserver connections=1\n", ECHO_CONF);
    first = client_open("/echo/");
    for (int i = 0; i < 20; i++) {
        other = client_dial();
        client_shake(&other, "/echo/", "");
        ck_assert_uint_eq(client_answer(&other).status, 503);
        client_hang_up(&other);
    }
    ck_assert_uint_eq(log_count(" conn.refused "), 1);
    client_leave(&first);
}
END_TEST

START_TEST(address_has_a_limit)
{
    struct client mine[2], other, unix_one[3];

    serve_with("loops 2\nserver per-address=2\nlisten unix:here.sock\n", ECHO_CONF);
    for (int i = 0; i < 2; i++)
        mine[i] = open_from("127.0.0.1");
    for (int i = 0; i < 10; i++)
        expect_refused(client_dial_from("127.0.0.1"), 429);
    log_wait(" conn.refused ", "per_address=2", "peer=127.0.0.1:");
    ck_assert_uint_eq(log_count(" conn.refused "), 1);
    other = open_from("127.0.0.2");
    client_leave(&other);
    for (int i = 0; i < 3; i++) { /* nobody's address, so no limit */
        unix_one[i] = client_dial_unix("here.sock");
        client_shake(&unix_one[i], "/echo/", "");
        ck_assert_uint_eq(client_answer(&unix_one[i]).status, 101);
    }
    for (int i = 0; i < 3; i++)
        client_leave(&unix_one[i]);
    client_cut(&mine[0]);
    mine[0] = let_in("127.0.0.1");
    expect_refused(client_dial_from("127.0.0.1"), 429);
    client_leave(&mine[0]);
    client_leave(&mine[1]);
    server_stop();
    log_wait(" limit.hit ", "limit=\"server per-address\"");
}
END_TEST

/* Who was there before counts. Each loop has the new table when it comes to it. */
START_TEST(address_has_a_limit_after_a_reload)
{
    struct client clients[6], refused;

    serve(ECHO_CONF);
    for (int i = 0; i < 4; i++)
        clients[i] = open_from("127.0.0.1");
    serve_conf("server per-address=4\n" ECHO_CONF);
    server_reload();
    refused = come_until("127.0.0.1", 429);
    client_hang_up(&refused);
    serve_conf("server per-address=5\n" ECHO_CONF);
    server_reload();
    clients[4] = let_in("127.0.0.1");
    serve_conf(ECHO_CONF);
    server_reload();
    clients[5] = let_in("127.0.0.1");
    for (int i = 0; i < 6; i++)
        client_leave(&clients[i]);
}
END_TEST

/* ---- No descriptors -------------------------------------------------------------------------- */

static void leave_descriptors(unsigned many)
{
    struct rlimit before, files;

    ck_assert_int_eq(prlimit(server_pid(), RLIMIT_NOFILE, NULL, &before), 0);
    files = before;
    files.rlim_cur = server_descriptors() + many;
    ck_assert_int_eq(prlimit(server_pid(), RLIMIT_NOFILE, &files, NULL), 0);
}

/* Those that are here are served, those that come are told, and nobody is kept waiting. */
START_TEST(no_descriptor_is_left)
{
    enum { MANY = 60, ROOM = 20 };
    struct client clients[MANY];
    unsigned let_in_now = 0;

    serve_with("loops 1\n", ECHO_CONF);
    leave_descriptors(ROOM);
    for (int i = 0; i < MANY; i++) {
        clients[i] = client_dial();
        client_shake(&clients[i], "/echo/", "");
    }
    for (int i = 0; i < MANY; i++) {
        unsigned status = client_answer(&clients[i]).status;

        ck_assert(status == 101 || status == 503);
        let_in_now += status == 101;
        if (status == 503)
            client_hang_up(&clients[i]);
    }
    ck_assert_uint_ge(let_in_now, ROOM);
    ck_assert_uint_lt(let_in_now, MANY / 2);
    log_wait(" listener.paused ", "why=");
    log_wait(" conn.refused ", "why=\"no descriptor is left\"");
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < MANY; i++) {
            if (clients[i].fd < 0)
                continue;
            client_text(&clients[i], "still here");
            client_expect_text(&clients[i], "still here");
            client_leave(&clients[i]);
            clients[i] = let_in("127.0.0.1");
        }
    }
    ck_assert_uint_eq(log_count(" listener.paused "), 1);
    for (int i = 0; i < MANY; i++)
        if (clients[i].fd >= 0)
            client_leave(&clients[i]);
    server_stop();
    log_wait(" limit.hit ", "limit=\"open files\"");
}
END_TEST

static unsigned long server_ticks(void)
{
    char path[64], line[1024];
    unsigned long user = 0, system = 0;

    snprintf(path, sizeof path, "/proc/%d/stat", (int)server_pid());
    FILE *file = fopen(path, "r");

    ck_assert_ptr_nonnull(file);
    ck_assert_ptr_nonnull(fgets(line, sizeof line, file));
    fclose(file);
    ck_assert_int_eq(sscanf(strrchr(line, ')'),
                            ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
                            &system),
                     2);
    return user + system;
}

/* Without any descriptor, the spare one included: clients wait, the server does not spin, and
 * takes them as soon as it can. */
START_TEST(lack_does_not_spin)
{
    enum { MANY = 30, ROOM = 10 };
    struct client clients[MANY];
    struct rlimit before, none;

    serve_with("loops 1\n", ECHO_CONF);
    ck_assert_int_eq(prlimit(server_pid(), RLIMIT_NOFILE, NULL, &before), 0);
    leave_descriptors(ROOM);
    for (int i = 0; i < ROOM; i++)
        clients[i] = client_open("/echo/");
    none = before;
    none.rlim_cur = 3; /* fewer than are open: one that is closed does not come back */
    ck_assert_int_eq(prlimit(server_pid(), RLIMIT_NOFILE, &none, NULL), 0);
    for (int i = ROOM; i < MANY; i++)
        clients[i] = client_dial();
    log_wait(" listener.paused ");

    unsigned long ticks = server_ticks();
    uint64_t until = now_ms() + 1000;

    while (now_ms() < until)
        rest_until(until + PATIENCE_MS, "a second");
    ck_assert_uint_lt(server_ticks() - ticks, 30); /* of the hundred in a second */
    ck_assert_int_eq(prlimit(server_pid(), RLIMIT_NOFILE, &before, NULL), 0);
    for (int i = ROOM; i < MANY; i++) {
        client_shake(&clients[i], "/echo/", "");
        ck_assert_uint_eq(client_answer(&clients[i]).status, 101);
    }
    for (int i = 0; i < MANY; i++)
        client_leave(&clients[i]);
    ck_assert_uint_eq(log_count(" listener.paused "), 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("server, who is let in");
    TCase *tcase = harness_case(suite, "connections");

    tcase_add_test(tcase, connections_have_a_limit);
    tcase_add_test(tcase, refused_with_its_request_sent);
    tcase_add_test(tcase, address_has_a_limit);
    tcase_add_test(tcase, address_has_a_limit_after_a_reload);

    tcase = harness_case(suite, "descriptors");
    tcase_add_test(tcase, no_descriptor_is_left);
    tcase_add_test(tcase, lack_does_not_spin);
    return harness_run(suite);
}
