/*
 * Tests of the addresses that a server listens on: Unix sockets, IPv6, and what others have.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "client.h"
#include "harness.h"

#define CONF "ws /ws/echo/ good.so\n"

static void echo_over(struct client client)
{
    client_shake(&client, "/ws/echo/", "");
    ck_assert_uint_eq(client_answer(&client).status, 101);
    client_text(&client, "hello");
    client_expect_text(&client, "hello");
    client_leave(&client);
}

START_TEST(unix_socket)
{
    struct stat status;

    serve_with("loops 2\nlisten unix:here.sock mode=0600\n", CONF);
    ck_assert_ptr_nonnull(strstr(server_output(), "serving on unix:"));
    ck_assert_int_eq(stat(in_dir("here.sock"), &status), 0);
    ck_assert_uint_eq(status.st_mode & 0777, 0600);
    for (int i = 0; i < 8; i++)
        echo_over(client_dial_unix("here.sock"));
    log_wait(" conn.open ", "peer=unix");
    ck_assert_uint_eq(ask_for("/ws/echo/"), 426);
    server_stop();
    ck_assert_int_ne(stat(in_dir("here.sock"), &status), 0);
}
END_TEST

/* A name that a dead server left is taken over, one that is in use is not. */
START_TEST(unix_socket_of_another)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(name.sun_path, sizeof name.sun_path, "%s", in_dir("here.sock"));
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&name, sizeof name), 0);
    ck_assert_int_eq(listen(fd, 1), 0);
    serve_refused("listen unix:here.sock\n" CONF);
    log_wait("routing.conf:5:", ": error: cannot listen on \"unix:here.sock\": ", "in use");
    close(fd);
    serve("listen unix:here.sock\n" CONF);
    echo_over(client_dial_unix("here.sock"));
}
END_TEST

START_TEST(port_of_another)
{
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof any;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    char conf[128];

    ck_assert_int_eq(bind(fd, (struct sockaddr *)&any, size), 0);
    ck_assert_int_eq(listen(fd, 1), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&any, &size), 0);
    snprintf(conf, sizeof conf, "listen 127.0.0.1:%u\n", ntohs(any.sin_port));
    serve_refused(conf);
    log_wait("routing.conf:5:", ": error: cannot listen on \"127.0.0.1:", "in use");
    close(fd);
}
END_TEST

START_TEST(address_of_ipv6)
{
    static const char serving[] = "address=http://[::1]:";
    const char *address;
    int fd = socket(AF_INET6, SOCK_STREAM, 0);
    struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    bool has_v6 = fd >= 0 && bind(fd, (struct sockaddr *)&any, sizeof any) == 0;

    close(fd);
    if (!has_v6) {
        printf("skipped: this machine has no IPv6\n");
        return;
    }
    serve_with("loops 2\nlisten [::1]:0\n", CONF);
    AWAIT(log_count(" server.started ") == 2);
    address = strstr(log_text(), serving);
    ck_assert_ptr_nonnull(address);
    echo_over(client_dial_v6((unsigned)atoi(address + strlen(serving))));
    log_wait(" conn.open ", "peer=[::1]:");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("server, addresses");
    TCase *tcase = harness_case(suite, "addresses");

    tcase_add_test(tcase, unix_socket);
    tcase_add_test(tcase, unix_socket_of_another);
    tcase_add_test(tcase, port_of_another);
    tcase_add_test(tcase, address_of_ipv6);
    return harness_run(suite);
}
