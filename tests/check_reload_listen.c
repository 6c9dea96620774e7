/*
 * Tests of reloads that change the addresses: new ones are served, those that are gone let in
 * whoever had begun to connect, and live connections notice nothing.
 */
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client.h"
#include "harness.h"

#define CONF "ws /echo/ good.so\n"

/* -1 with errno. */
static int dial_port(unsigned port)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof to) == 0)
        return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

static void echo(struct client *client)
{
    client_text(client, "hello");
    client_expect_text(client, "hello");
}

static struct client opened(struct client client)
{
    client_shake(&client, "/echo/", "");
    ck_assert_uint_eq(client_answer(&client).status, 101);
    echo(&client);
    return client;
}

static struct client open_at(unsigned port)
{
    struct client client = {.fd = dial_port(port)};

    ck_assert_msg(client.fd >= 0, "port %u: %s", port, strerror(errno));
    return opened(client);
}

static bool is_closed(unsigned port)
{
    int fd = dial_port(port);

    if (fd >= 0)
        close(fd);
    return fd < 0 && errno == ECONNREFUSED;
}

/* Of the address that the last reload opened. */
static unsigned port_opened(void)
{
    static const char opened[] = " listener.opened address=http://";
    const char *last = NULL;

    for (const char *at = log_text(); (at = strstr(at, opened)) != NULL; at += sizeof opened)
        last = at;
    ck_assert_ptr_nonnull(last);
    last += sizeof opened;
    for (const char *end = last + strcspn(last, "\n"); *end != ':'; end--)
        last = end;
    return (unsigned)atoi(last);
}

static void change(const char *first)
{
    char conf[256];

    snprintf(conf, sizeof conf, "%s" CONF, first);
    serve_conf(conf);
    server_reload();
}

START_TEST(addresses_come_and_go)
{
    struct client first, second;
    unsigned descriptors, port;
    char line[64];

    serve(CONF);
    first = opened(client_dial());
    descriptors = server_descriptors();
    change("listen 127.0.0.1:0\n");
    port = port_opened();
    ck_assert_uint_ne(port, server_port());
    ck_assert_uint_eq(server_descriptors(), descriptors + 2); /* one for each loop */
    second = open_at(port);
    echo(&first);
    change("listen 127.0.0.1:0\n"); /* it has that already */
    ck_assert_uint_eq(log_count(" listener.opened "), 1);

    change("");
    log_wait(" listener.closed ");
    ck_assert(is_closed(port)); /* the reload is not over before */
    echo(&second);
    echo(&first);
    client_leave(&second);
    AWAIT(server_descriptors() == descriptors);

    snprintf(line, sizeof line, "listen 127.0.0.1:%u\n", port);
    change(line);
    second = open_at(port);
    client_leave(&second);
    client_leave(&first);
    ck_assert_uint_eq(log_count(" listener.closed "), 1);
}
END_TEST

/* Of one address, and then of every one, at the same port; and back. */
START_TEST(address_becomes_every_address)
{
    struct client first, second;
    unsigned port;
    char line[64];

    serve(CONF);
    change("listen 127.0.0.1:0\n");
    port = port_opened();
    first = open_at(port);
    snprintf(line, sizeof line, "listen *:%u\n", port);
    change(line);
    second = open_at(port);
    snprintf(line, sizeof line, "listen 127.0.0.1:%u\n", port);
    change(line);
    echo(&second);
    echo(&first);
    client_leave(&second);
    second = open_at(port);
    client_leave(&second);
    client_leave(&first);
}
END_TEST

START_TEST(every_address_is_of_both_families)
{
    struct client client;
    unsigned port;

    serve(CONF);
    change("listen *:0\n");
    port = port_opened();
    client = open_at(port);
    log_wait(" conn.open ", "peer=127.0.0.1:");
    client_leave(&client);
    if (socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0) >= 0 &&
        access("/proc/net/if_inet6", R_OK) == 0 && log_count("address=http://[::]:") > 0) {
        client = opened(client_dial_v6(port));
        client_leave(&client);
    }
}
END_TEST

START_TEST(address_of_another_refuses_the_reload)
{
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof any;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct client client;
    unsigned descriptors;
    char conf[128];

    serve(CONF);
    client = opened(client_dial());
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&any, size), 0);
    ck_assert_int_eq(listen(fd, 1), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&any, &size), 0);
    descriptors = server_descriptors();
    snprintf(conf, sizeof conf, "listen 127.0.0.1:0\nlisten 127.0.0.1:%u\n" CONF,
             ntohs(any.sin_port));
    serve_conf(conf);
    server_reload_refused();
    log_wait("routing.conf:6:8: error: cannot listen on \"127.0.0.1:", "in use");
    ck_assert_uint_eq(server_descriptors(), descriptors); /* the other one is closed again */
    echo(&client);
    close(fd);
    server_reload();
    client_leave(&client);
}
END_TEST

/* ---- While others connect -------------------------------------------------------------------- */

static struct {
    unsigned port;
    atomic_bool over;
    atomic_uint served, reset;
} dialling;

static void *dial_all_the_time(void *context)
{
    static const char request[] = "GET /none HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    (void)context;

    while (!atomic_load(&dialling.over)) {
        int fd = dial_port(dialling.port);
        char answer[512];

        if (fd < 0)
            break; /* it is gone */
        if (send(fd, request, sizeof request - 1, MSG_NOSIGNAL) > 0 &&
            recv(fd, answer, sizeof answer, 0) > 12 && memcmp(answer + 9, "404", 3) == 0)
            atomic_fetch_add(&dialling.served, 1);
        else
            atomic_fetch_add(&dialling.reset, 1);
        close(fd);
    }
    return NULL;
}

START_TEST(nobody_who_came_is_sent_away)
{
    pthread_t threads[4];

    serve(CONF);
    for (int round = 0; round < 5; round++) {
        unsigned before = atomic_load(&dialling.served);

        change("listen 127.0.0.1:0\n");
        dialling.port = port_opened();
        for (int i = 0; i < 4; i++)
            ck_assert_int_eq(pthread_create(&threads[i], NULL, dial_all_the_time, NULL), 0);
        AWAIT(atomic_load(&dialling.served) > before + 50);
        change("");
        for (int i = 0; i < 4; i++)
            pthread_join(threads[i], NULL);
        ck_assert(is_closed(dialling.port));
    }
    ck_assert_uint_eq(atomic_load(&dialling.reset), 0);
}
END_TEST

/* ---- Unix sockets ---------------------------------------------------------------------------- */

static unsigned mode_of(const char *name)
{
    struct stat status;

    ck_assert_int_eq(stat(in_dir(name), &status), 0);
    return status.st_mode & 0777;
}

START_TEST(unix_sockets)
{
    struct client live, client;
    struct stat status;
    unsigned descriptors;

    serve(CONF);
    descriptors = server_descriptors();
    change("listen unix:here.sock mode=0600\n");
    ck_assert_uint_eq(mode_of("here.sock"), 0600);
    live = opened(client_dial_unix("here.sock"));
    change("listen unix:here.sock mode=0660\n");
    ck_assert_uint_eq(mode_of("here.sock"), 0660);
    ck_assert_uint_eq(log_count(" listener.opened "), 1);
    client = opened(client_dial_unix("here.sock"));
    client_leave(&client);
    change("");
    ck_assert_int_ne(stat(in_dir("here.sock"), &status), 0);
    echo(&live);
    client_leave(&live);
    AWAIT(server_descriptors() == descriptors);
    change("listen unix:here.sock mode=0600\n");
    client = opened(client_dial_unix("here.sock"));
    client_leave(&client);
    server_stop();
    ck_assert_int_ne(stat(in_dir("here.sock"), &status), 0);
}
END_TEST

/* A mode that a refused reload asks for is not set. */
START_TEST(refused_mode)
{
    serve_with("loops 2\nlisten unix:here.sock mode=0600\n", CONF);
    put_file("routing.conf", "listen 127.0.0.1:0\nlisten unix:here.sock mode=0666\n"
                             "listen unix:gone/there.sock\ncache cache\n");
    server_reload_refused();
    ck_assert_uint_eq(mode_of("here.sock"), 0600);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("reload, addresses");
    TCase *tcase = harness_case(suite, "addresses");

    tcase_add_test(tcase, addresses_come_and_go);
    tcase_add_test(tcase, address_becomes_every_address);
    tcase_add_test(tcase, every_address_is_of_both_families);
    tcase_add_test(tcase, address_of_another_refuses_the_reload);

    tcase = harness_case(suite, "while others connect");
    tcase_add_test(tcase, nobody_who_came_is_sent_away);

    tcase = harness_case(suite, "unix sockets");
    tcase_add_test(tcase, unix_sockets);
    tcase_add_test(tcase, refused_mode);
    return harness_run(suite);
}
