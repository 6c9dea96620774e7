/*
 * Each allocation on the way of a connection that moves fails once: it stays where it was, with all
 * that it has, or goes on; it is never lost, and nothing leaks. And how reloads are counted.
 *
 * The server runs in this process, so that a test can reach its loop: one message sets the fuse of
 * base/mem there and begins the move.
 */
#include <arpa/inet.h>
#include <check.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api.h"
#include "base/log.h"
#include "base/mem.h"
#include "reload/reload.h"
#include "server/handover.h"
#include "server/move.h"
#include "server/server.h"
#include "suite.h"

enum { FUSE_MOST = 100 }; /* more allocations than a move makes */

static char dir[] = "/tmp/check-move-XXXXXX";
static struct plugin_cache *cache;
static struct server *server;
static unsigned short port;
static atomic_int stopped;
static long live; /* allocations before the server */

/* ---- The server ----------------------------------------------------------------------------- */

static void put(const char *plugin)
{
    const char *build = getenv("abs_top_builddir");
    char command[2048];

    snprintf(command, sizeof command, "cp '%s/tests/plugins/%s.so' %s/move.so",
             build != NULL ? build : ".", plugin, dir);
    ck_assert_int_eq(system(command), 0);
}

/* What routing.conf says from now on, with this as its consumer. */
static struct routing *routing_of(const char *plugin, const char *mounts)
{
    struct diag diag = {0};
    char text[1024];

    put(plugin);
    snprintf(text, sizeof text, "listen 127.0.0.1:0\nloops 1\npool threads=1\nconsumers %s\n%s",
             dir, mounts);

    struct config *config = config_parse("test", dir, slice_of(text), &diag);
    ck_assert_msg(config != NULL, "%u errors", diag.errors);
    struct routing *routing =
        routing_new(config, cache, server != NULL ? server->routing : NULL, &diag);
    ck_assert_msg(routing != NULL, "%u errors", diag.errors);
    ck_assert(handover_run(&(struct handover){.next = routing, .diag = &diag}));
    config_unref(config);
    diag_free(&diag);
    return routing;
}

static void note_stopped(void *context)
{
    (void)context;
    atomic_store(&stopped, 1);
}

static void serve(const char *plugin, const char *mounts)
{
    struct plugin_fault fault;
    struct diag diag = {0};

    log_threshold = LOG_ERROR + 1;
    live = mem_live();
    loop_setup_libevent();
    ck_assert_ptr_nonnull(mkdtemp(dir));
    cache = plugin_cache_open(NULL, &fault);
    ck_assert_ptr_nonnull(cache);

    struct routing *routing = routing_of(plugin, mounts);
    server = server_new(cache, routing, &diag);
    ck_assert_ptr_nonnull(server);
    api_serve(server);
    server->on_stopped = note_stopped;
    ck_assert(server_start(server));
    port = (unsigned short)atoi(strrchr(server_address(server, 0), ':') + 1);
    routing_unref(routing);
}

static void stop(void)
{
    char command[256];

    server_stop(server, 0);
    for (int i = 0; i < 500 && !atomic_load(&stopped); i++)
        usleep(10000);
    ck_assert(atomic_load(&stopped));
    ck_assert(server_free(server, 5000));
    api_serve(NULL);
    reload_reap(cache);
    plugin_cache_close(cache);
    ck_assert_int_eq(mem_live(), live);
    snprintf(command, sizeof command, "rm -r %s", dir);
    ck_assert_int_eq(system(command), 0);
}

/* ---- Reloading ------------------------------------------------------------------------------ */

struct order {
    struct loop_message message;
    struct routing *routing; /* a reference; NULL: only the fuse */
    unsigned long nth, left;
    atomic_int done;
};

/* On the loop, which so stands still. */
static void order_run(struct loop *loop, struct loop_message *message)
{
    struct order *order = (struct order *)message;

    order->left = mem_fail_at(order->nth);
    if (order->routing != NULL)
        move_begin(loop_data(loop), order->routing);
    atomic_store(&order->done, 1);
}

static unsigned long carry_out(struct order order)
{
    order.message.run = order_run;
    loop_post(server->workers[0]->loop, &order.message);
    while (!atomic_load(&order.done))
        usleep(200);
    return order.left;
}

/* The nth allocation that this makes on the loop fails. False: there were not so many. */
static bool reload(const char *plugin, const char *mounts, unsigned long nth)
{
    struct routing *routing = routing_of(plugin, mounts);

    atomic_fetch_add(&server->workers_moving, 1);
    carry_out((struct order){.routing = routing_ref(routing), .nth = nth});
    while (!server_settled(server))
        usleep(200);
    bool failed = carry_out((struct order){.nth = 0}) == 0;
    routing_unref(server->routing);
    server->routing = routing;
    return failed;
}

/* ---- A client ------------------------------------------------------------------------------- */

static int client_open(void)
{
    static const char request[] =
        "GET /move/attic/ HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval patience = {10, 0};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    char answer[1024];

    ck_assert_int_ge(fd, 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(send(fd, request, strlen(request), MSG_NOSIGNAL), (int)strlen(request));
    ck_assert_int_gt(recv(fd, answer, sizeof answer, 0), 0);
    ck_assert_int_eq(strncmp(answer, "HTTP/1.1 101 ", 13), 0);
    return fd;
}

/* The first byte of the next frame; its payload is text. */
static unsigned client_receive(int fd, char payload[128])
{
    unsigned char head[2];

    ck_assert_int_eq(recv(fd, head, sizeof head, MSG_WAITALL), sizeof head);
    ck_assert_int_lt(head[1], 126);
    ck_assert_int_eq(recv(fd, payload, head[1], MSG_WAITALL), head[1]);
    payload[head[1]] = '\0';
    return head[0];
}

static const char *client_ask(int fd, const char *question)
{
    static char payload[128];
    unsigned char frame[64] = {0x81, (unsigned char)(0x80 | strlen(question))};

    memcpy(frame + 6, question, strlen(question));
    ck_assert_int_eq(send(fd, frame, 6 + strlen(question), MSG_NOSIGNAL),
                     (int)(6 + strlen(question)));
    ck_assert_uint_eq(client_receive(fd, payload), 0x81);
    return payload;
}

/* ---- Moving --------------------------------------------------------------------------------- */

#define BEFORE "ws /move/<str:room>/ move.so\n"
#define AFTER  "limits rate=1m/s bytes=1g/s\nws /move/<slug:name>/ move.so\n"
#define GONE   "ws /other/ move.so\n"

static const struct {
    const char *from, *to;
    const char *old, *new; /* how they call themselves */
} moves[] = {
    {"move_1", "move_1b", "1", "1b"},         {"move_1", "move_2", "1", "2"},
    {"move_1", "move_pool_2", "1", "pool 2"}, {"move_pool_1", "move_pool_2", "pool 1", "pool 2"},
    {"move_pool_1", "move_2", "pool 1", "2"},
};

static void expect_count(int fd, unsigned count)
{
    char text[16];

    snprintf(text, sizeof text, "%u", count);
    ck_assert_str_eq(client_ask(fd, "count"), text);
}

START_TEST(who_has_no_memory_stays)
{
    unsigned stayed = 0, beyond = 0, count = 0;

    serve(moves[_i].from, BEFORE);
    for (unsigned long nth = 1; beyond < 2; nth++) {
        int fd = client_open(); /* that has none of what an earlier one has made */

        ck_assert_uint_lt(nth, FUSE_MOST);
        expect_count(fd, 1);
        bool failed = reload(moves[_i].to, AFTER, nth);
        bool moved = strcmp(client_ask(fd, "which"), moves[_i].new) == 0;
        beyond = failed ? 0 : beyond + 1;
        stayed += !moved;
        ck_assert(moved || failed);
        ck_assert_str_eq(client_ask(fd, "param room"), moved ? "null" : "\"attic\"");
        ck_assert_str_eq(client_ask(fd, "param name"), moved ? "\"attic\"" : "null");
        expect_count(fd, 2);
        reload(moves[_i].from, BEFORE, 0);
        ck_assert_str_eq(client_ask(fd, "which"), moves[_i].old);
        ck_assert_str_eq(client_ask(fd, "param room"), "\"attic\"");
        expect_count(fd, 3);
        close(fd);
        count++;
    }
    ck_assert_uint_ge(stayed, 2);
    ck_assert_uint_gt(count, stayed);
    stop();
}
END_TEST

/* What can't be closed later is closed now. */
START_TEST(who_can_not_be_drained_is_closed)
{
    unsigned closed = 0, beyond = 0;

    serve("move_1", BEFORE);
    for (unsigned long nth = 1; beyond < 2; nth++) {
        int fd = client_open();
        char payload[128] = "";

        expect_count(fd, 1);
        bool failed = reload("move_1", GONE, nth);
        beyond = failed ? 0 : beyond + 1;
        if (failed && recv(fd, payload, 1, MSG_PEEK | MSG_DONTWAIT) == 1) {
            ck_assert_uint_eq(client_receive(fd, payload), 0x88);
            ck_assert_int_eq((unsigned char)payload[0] << 8 | (unsigned char)payload[1], 1012);
            closed++;
        } else {
            expect_count(fd, 2);
        }
        reload("move_1", BEFORE, 0);
        close(fd);
    }
    ck_assert_uint_ge(closed, 1);
    stop();
}
END_TEST

/* ---- Counts --------------------------------------------------------------------------------- */

#define CLIENTS 3

static void expect_counts(const struct routing *routing, unsigned long moved,
                          unsigned long upgraded, unsigned long stayed, unsigned long draining,
                          unsigned long left, unsigned long left_draining)
{
    struct mount *mount = &routing->mounts[0];

    ck_assert_uint_eq(atomic_load(&mount->moved), moved);
    ck_assert_uint_eq(atomic_load(&mount->upgraded), upgraded);
    ck_assert_uint_eq(atomic_load(&mount->stayed), stayed);
    ck_assert_uint_eq(atomic_load(&mount->draining), draining);
    ck_assert_uint_eq(atomic_load(&mount->left), left);
    ck_assert_uint_eq(atomic_load(&mount->left_draining), left_draining);
}

/* Each reload counts for itself, in its own table who should come, in the old one who can't. */
START_TEST(reloads_are_counted)
{
    int clients[CLIENTS];

    serve("move_1", BEFORE);
    for (int i = 0; i < CLIENTS; i++)
        clients[i] = client_open();
    expect_count(clients[0], 1);
    reload("move_1b", BEFORE, 0);
    expect_counts(server->routing, CLIENTS, 0, 0, 0, 0, 0);
    reload("move_refuses", BEFORE, 0);
    expect_counts(server->routing, 0, CLIENTS - 1, 1, 0, 0, 0);
    reload("move_refuses", "reload keep=1\n" BEFORE, 0); /* nothing new but the mount */
    expect_counts(server->routing, CLIENTS - 1, 0, 1, 1, 0, 0);
    ck_assert_uint_eq(atomic_load(&server->routing->mounts[0].open), CLIENTS - 1);

    struct routing *before = routing_ref(server->routing);
    reload("move_2", "reload keep=1\n" GONE, 0);
    expect_counts(before, CLIENTS - 1, 0, 1, 1, CLIENTS - 1, CLIENTS - 1);
    expect_counts(server->routing, 0, 0, 0, 0, 0, 0);
    reload("move_2", GONE, 0);
    expect_counts(before, CLIENTS - 1, 0, 1, 1, CLIENTS - 1, CLIENTS - 1);
    ck_assert_uint_eq(atomic_load(&before->mounts[0].open), CLIENTS - 1);
    routing_unref(before);
    reload("move_1", BEFORE, 0);
    expect_counts(server->routing, 1, CLIENTS - 1, 0, 0, 0, 0);
    expect_count(clients[0], 2);
    for (int i = 0; i < CLIENTS; i++)
        close(clients[i]);
    stop();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("server, moving without memory");
    TCase *tcase = tcase_create("memory");

    tcase_set_timeout(tcase, 120);
    tcase_add_loop_test(tcase, who_has_no_memory_stays, 0, sizeof moves / sizeof *moves);
    tcase_add_test(tcase, who_can_not_be_drained_is_closed);
    tcase_add_test(tcase, reloads_are_counted);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
