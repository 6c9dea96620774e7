/*
 * Each allocation on a connection's way fails once: that connection is closed, the server lives,
 * the next client is served, and nothing leaks.
 *
 * The server runs in this process, so that a test can reach its loop: a message sets the fuse of
 * base/mem on the loop's own thread.
 */
#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api.h"
#include "base/log.h"
#include "base/mem.h"
#include "loop/jobs.h"
#include "reload/reload.h"
#include "server/handover.h"
#include "server/server.h"
#include "suite.h"
#include "wire/deflate.h"

enum { FUSE_MOST = 500 }; /* more allocations than any of the ways below makes */

/* ---- The server ----------------------------------------------------------------------------- */

static struct plugin_cache *cache;
static struct server *server;
static unsigned short port;
static atomic_int stopped;
static long live; /* allocations before the server */

static void note_stopped(void *context)
{
    (void)context;
    atomic_store(&stopped, 1);
}

/* The consumers and pages of the demo, as they were built and as they stand. */
static void serve(void)
{
    static const char format[] = "listen 127.0.0.1:0\nloops 1\npool threads=1\nconsumers %s\n"
                                 "limits rate=1k/s bytes=1g/s\n"
                                 "ws /chat/ consumers/chat.so\nws /echo/ consumers/echo.so\n"
                                 "ws /blocking/ tests/plugins/blocking.so\n"
                                 "ws /servant/ tests/plugins/servant.so\n"
                                 "ws /servant/blocking/ tests/plugins/servant_blocking.so\n"
                                 "%sws /packed/chat/ consumers/chat.so\n"
                                 "%sws /kept/ consumers/echo.so\n"
                                 "http /static/ dir=%s/consumers/pages\n";
    char here[PATH_MAX], text[3 * PATH_MAX];
    const char *pages = getenv("abs_top_srcdir");
    struct diag diag = {0};
    struct plugin_fault fault;

    ck_assert_ptr_nonnull(getcwd(here, sizeof here));
    snprintf(text, sizeof text, format, here, deflate_available() ? "compress on\n" : "",
             deflate_available() ? "compress takeover=on\n" : "", pages != NULL ? pages : here);
    log_threshold = LOG_ERROR + 1;
    live = mem_live();
    loop_setup_libevent();
    cache = plugin_cache_open(NULL, &fault);
    ck_assert_ptr_nonnull(cache);
    struct config *config = config_parse("test", here, slice_of(text), &diag);
    ck_assert_msg(config != NULL, "%u errors", diag.errors);
    struct routing *routing = routing_new(config, cache, NULL, &diag);
    ck_assert_msg(routing != NULL, "%u errors", diag.errors);
    server = server_new(cache, routing, &diag);
    ck_assert_ptr_nonnull(server);
    api_serve(server);
    server->on_stopped = note_stopped;
    ck_assert(handover_run(&(struct handover){.next = routing, .diag = &diag}));
    ck_assert(server_start(server));
    port = (unsigned short)atoi(strrchr(server_address(server, 0), ':') + 1);
    routing_unref(routing);
    config_unref(config);
    diag_free(&diag);
}

static void stop(void)
{
    server_stop(server, 0);
    for (int i = 0; i < 500 && !atomic_load(&stopped); i++)
        usleep(10000);
    ck_assert(atomic_load(&stopped));
    ck_assert(server_free(server, 5000));
    api_serve(NULL);
    reload_reap(cache);
    plugin_cache_close(cache);
    ck_assert_int_eq(mem_live(), live);
}

struct fuse {
    struct loop_message message;
    unsigned long nth, left;
    atomic_int set;
};

static void fuse_run(struct loop *loop, struct loop_message *message)
{
    (void)loop;
    struct fuse *fuse = (struct fuse *)message;
    fuse->left = mem_fail_at(fuse->nth);
    atomic_store(&fuse->set, 1);
}

/* On the loop's thread, the nth allocation from now on fails; 0: none does. Gives how many were
 * left until the one that was to fail before; 0: it has failed. */
static unsigned long fuse_of_loop(unsigned long nth)
{
    struct fuse fuse = {.message.run = fuse_run, .nth = nth};

    loop_post(server->workers[0]->loop, &fuse.message);
    while (!atomic_load(&fuse.set))
        usleep(200);
    return fuse.left;
}

struct pool_fuse {
    struct job job;
    unsigned long nth, left;
    atomic_int set;
};

static void pool_fuse_run(struct job *job)
{
    struct pool_fuse *fuse = (struct pool_fuse *)job;
    fuse->left = mem_fail_at(fuse->nth);
    atomic_store(&fuse->set, 1);
}

/* On the pool's only thread. */
static unsigned long fuse_of_pool(unsigned long nth)
{
    struct pool_fuse fuse = {.job.run = pool_fuse_run, .nth = nth};

    ck_assert(jobs_submit(server->jobs, &fuse.job));
    while (!atomic_load(&fuse.set))
        usleep(200);
    return fuse.left;
}

/* ---- A client ------------------------------------------------------------------------------- */

static int client_connect(unsigned patience_ms)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval patience = {patience_ms / 1000, patience_ms % 1000 * 1000};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    ck_assert_int_ge(fd, 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

/* Reads until `end` was seen. False: the server closed before, or is silent. */
static bool client_await(int fd, const char *end)
{
    static char seen[300000];
    size_t size = 0;

    while (size < sizeof seen) {
        ssize_t count = recv(fd, seen + size, sizeof seen - size, 0);

        if (count <= 0)
            return false;
        size += (size_t)count;
        if (memmem(seen, size, end, strlen(end)) != NULL)
            return true;
    }
    return false;
}

static bool client_say(int fd, const void *data, size_t size)
{
    return send(fd, data, size, MSG_NOSIGNAL) == (ssize_t)size;
}

/* A text frame with a mask of zeros, in as many fragments as asked for. */
static bool client_send(int fd, const char *text, bool last, bool first)
{
    unsigned char frame[256] = {(unsigned char)((last ? 0x80 : 0) | (first ? 1 : 0)),
                                (unsigned char)(0x80 | strlen(text))};

    memcpy(frame + 6, text, strlen(text));
    return client_say(fd, frame, 6 + strlen(text));
}

static bool client_open(int fd, const char *path)
{
    char request[512];

    snprintf(request, sizeof request,
             "GET %s HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
             "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
             "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n",
             path);
    return client_say(fd, request, strlen(request)) && client_await(fd, "\r\n\r\n");
}

/* ---- Ways that a connection may go ---------------------------------------------------------- */

static bool way_of_chat(int fd)
{
    return client_open(fd, "/chat/") && client_send(fd, "{\"message\":\"hi\"}", true, true) &&
           client_await(fd, "{\"message\":\"hi\"}");
}

static bool way_of_fragments(int fd)
{
    return client_open(fd, "/echo/") && client_send(fd, "one ", false, true) &&
           client_send(fd, "two ", false, false) && client_send(fd, "end", true, false) &&
           client_await(fd, "one two end");
}

static bool way_of_pieces(int fd)
{
    static const unsigned char frame[] = {0x81, 0x83, 0, 0, 0, 0, 'a', 'b', 'c'};

    if (!client_open(fd, "/echo/"))
        return false;
    for (size_t i = 0; i < sizeof frame; i++) {
        if (!client_say(fd, frame + i, 1))
            return false;
    }
    return client_await(fd, "abc");
}

/* Compressed in and out, each with a window of the connection's own. "\xc1" begins a compressed
 * text, and stands nowhere in an answer's head. */
static bool way_of_packed(int fd)
{
    /* 600 times "a", by zlib */
    static const unsigned char frame[] = {0xc1, 0x89, 0,    0,    0,    0,    0x4a, 0x4c,
                                          0x1c, 0x05, 0xa3, 0x80, 0xfa, 0x00, 0x00};

    return client_open(fd, "/kept/") && client_say(fd, frame, sizeof frame) &&
           client_await(fd, "\xc1");
}

/* What is long is compressed for the members of a room. */
static bool way_of_packed_chat(int fd)
{
    unsigned char frame[8 + 400] = {0x81, 0xfe, 400 >> 8, 400 & 0xff};

    memset(frame + 8, 'a', 400);
    memcpy(frame + 8, "{\"message\":\"", 12);
    memcpy(frame + 8 + 398, "\"}", 2);
    return client_open(fd, "/packed/chat/") && client_say(fd, frame, sizeof frame) &&
           client_await(fd, "\xc1");
}

/* A large frame, the second half of which is received straight into its place. */
static bool way_of_halves(int fd)
{
    enum { SIZE = 100000, HALF = SIZE / 2 };
    static unsigned char frame[14 + SIZE] = {
        0x82, 0xff, [7] = SIZE >> 16, [8] = SIZE >> 8 & 0xff, [9] = SIZE & 0xff};

    memcpy(frame + sizeof frame - 3, "end", 3);
    return client_open(fd, "/echo/") && client_say(fd, frame, HALF) && usleep(2000) == 0 &&
           client_say(fd, frame + HALF, sizeof frame - HALF) && client_await(fd, "end");
}

/* Into a group and out of it. */
static bool go_through_group(int fd, const char *path, const char *event)
{
    return client_open(fd, path) && client_send(fd, "join red", true, true) &&
           client_send(fd, event, true, true) && client_await(fd, "xxxxx") &&
           client_send(fd, "leave red", true, true) && client_send(fd, "bye", true, true) &&
           client_await(fd, "bye");
}

static bool way_of_group(int fd)
{
    return go_through_group(fd, "/servant/", "tell red 2 300");
}

static bool way_of_broadcast(int fd)
{
    return go_through_group(fd, "/servant/", "show red 2 300");
}

static bool way_of_blocking_group(int fd)
{
    return go_through_group(fd, "/servant/blocking/", "tell red 2 300");
}

static bool way_of_timer(int fd)
{
    return client_open(fd, "/servant/") && client_send(fd, "timers 1 1", true, true) &&
           client_await(fd, "\x81\x05timer");
}

static bool way_of_job(int fd)
{
    return client_open(fd, "/servant/") && client_send(fd, "jobs 1 0", true, true) &&
           client_await(fd, "\x81\x03job");
}

/* The peer closes, with a reason. */
static bool way_of_close(int fd)
{
    static const char frame[] = "\x88\x85\0\0\0\0\x03\xe8"
                                "bye";

    return client_open(fd, "/echo/") && client_say(fd, frame, sizeof frame - 1) &&
           client_await(fd, "\x88\x02\x03\xe8");
}

static bool way_of_being_closed(int fd)
{
    return client_open(fd, "/servant/") && client_send(fd, "close me", true, true) &&
           client_await(fd, "as you say");
}

static bool way_of_blocking(int fd)
{
    return client_open(fd, "/blocking/") && client_send(fd, "hi", true, true) &&
           client_await(fd, "hi");
}

static bool way_of_file(int fd)
{
    static const char request[] = "GET /static/chat.js HTTP/1.1\r\nHost: x\r\n\r\n";

    return client_say(fd, request, strlen(request)) && client_await(fd, "\r\n\r\n");
}

static bool way_of_pieced_request(int fd)
{
    static const char one[] = "GET /static/none HTTP/1.1\r\nHo", two[] = "st: x\r\n\r\n";

    return client_say(fd, one, strlen(one)) && usleep(2000) == 0 &&
           client_say(fd, two, strlen(two)) && client_await(fd, "404 Not Found\n");
}

/* Some of it, and then the rest, which the head has to be kept for. */
static bool way_of_body(int fd)
{
    static const char one[] = "POST /static/none HTTP/1.1\r\nHost: x\r\n"
                              "Transfer-Encoding: chunked\r\n\r\n5\r\nhel",
                      two[] = "lo\r\n0\r\n\r\n";

    return client_say(fd, one, strlen(one)) && usleep(2000) == 0 &&
           client_say(fd, two, strlen(two)) && client_await(fd, "405 Method Not Allowed\n");
}

static bool way_of_ranges(int fd)
{
    static const char request[] = "GET /static/chat.js HTTP/1.1\r\nHost: x\r\n"
                                  "Range: bytes=0-9,20-29\r\nConnection: close\r\n\r\n";

    return client_say(fd, request, strlen(request)) && client_await(fd, "--\r\n");
}

static bool go(bool (*way)(int fd), unsigned patience_ms)
{
    int fd = client_connect(patience_ms);
    bool served = way(fd);

    close(fd);
    return served;
}

/* Each of a way's allocations fails once, until there are no more: three times none has. */
static void try_each(bool (*way)(int fd), unsigned long (*fuse_set)(unsigned long nth))
{
    unsigned refused = 0, beyond = 0;

    serve();
    ck_assert(go(way, 10000));
    for (unsigned long nth = 1; beyond < 3; nth++) {
        ck_assert_uint_lt(nth, FUSE_MOST);
        fuse_set(nth);
        bool served = go(way, 400); /* an event may have been dropped, which is silence */
        bool failed = fuse_set(0) == 0;
        refused += failed && !served;
        beyond = failed ? 0 : beyond + 1;
        ck_assert_msg(go(way, 10000), "after allocation %lu failed, nobody is served", nth);
    }
    ck_assert_uint_gt(refused, 0);
    stop();
}

static void try_all(bool (*way)(int fd))
{
    try_each(way, fuse_of_loop);
}

/* Nothing was asked, and the line has ended. */
static bool is_turned_away(int fd)
{
    char byte;

    return recv(fd, &byte, 1, 0) <= 0 && errno != EAGAIN;
}

/* libevent keeps what it needs for a descriptor for ever. So that it has to allocate each time,
 * each connection's is one that the loop has not seen: all below are taken. */
START_TEST(descriptors_survive)
{
    enum { MANY = 150 }; /* some of them make libevent's table grow */
    int taken[MANY];

    serve();
    ck_assert(go(way_of_pieces, 10000));
    for (unsigned i = 0; i < MANY; i++) {
        taken[i] = dup(STDOUT_FILENO);
        ck_assert_int_ge(taken[i], 0);
        fuse_of_loop(2); /* the first is the connection's own */
        int fd = client_connect(10000);
        ck_assert_msg(is_turned_away(fd), "connection %u was taken without memory", i);
        close(fd);
        fuse_of_loop(0);
        ck_assert(go(way_of_pieces, 10000));
    }
    for (unsigned i = 0; i < MANY; i++)
        close(taken[i]);
    stop();
}
END_TEST

START_TEST(chat_survives)
{
    try_all(way_of_chat);
}
END_TEST

START_TEST(fragments_survive)
{
    try_all(way_of_fragments);
}
END_TEST

START_TEST(pieces_survive)
{
    try_all(way_of_pieces);
}
END_TEST

START_TEST(blocking_survives)
{
    try_all(way_of_blocking);
}
END_TEST

START_TEST(blocking_survives_on_the_pool)
{
    try_each(way_of_blocking, fuse_of_pool);
}
END_TEST

START_TEST(groups_survive)
{
    try_all(way_of_group);
}
END_TEST

START_TEST(broadcasts_survive)
{
    try_all(way_of_broadcast);
}
END_TEST

START_TEST(blocking_groups_survive)
{
    try_all(way_of_blocking_group);
}
END_TEST

START_TEST(blocking_groups_survive_on_the_pool)
{
    try_each(way_of_blocking_group, fuse_of_pool);
}
END_TEST

START_TEST(timers_survive)
{
    try_all(way_of_timer);
}
END_TEST

START_TEST(jobs_survive)
{
    try_all(way_of_job);
}
END_TEST

START_TEST(jobs_survive_on_the_pool)
{
    try_each(way_of_job, fuse_of_pool);
}
END_TEST

START_TEST(halves_survive)
{
    try_all(way_of_halves);
}
END_TEST

START_TEST(closes_survive)
{
    try_all(way_of_close);
}
END_TEST

START_TEST(being_closed_survives)
{
    try_all(way_of_being_closed);
}
END_TEST

START_TEST(packed_survive)
{
    try_all(way_of_packed);
}
END_TEST

START_TEST(packed_chat_survives)
{
    try_all(way_of_packed_chat);
}
END_TEST

START_TEST(files_survive)
{
    try_all(way_of_file);
}
END_TEST

START_TEST(pieced_requests_survive)
{
    try_all(way_of_pieced_request);
}
END_TEST

START_TEST(bodies_survive)
{
    try_all(way_of_body);
}
END_TEST

START_TEST(ranges_survive)
{
    try_all(way_of_ranges);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("server_memory");
    TCase *tcase = tcase_create("failing");

    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, chat_survives);
    tcase_add_test(tcase, fragments_survive);
    tcase_add_test(tcase, pieces_survive);
    if (deflate_available()) {
        tcase_add_test(tcase, packed_survive);
        tcase_add_test(tcase, packed_chat_survives);
    }
    tcase_add_test(tcase, descriptors_survive);
    tcase_add_test(tcase, halves_survive);
    tcase_add_test(tcase, closes_survive);
    tcase_add_test(tcase, being_closed_survives);
    tcase_add_test(tcase, groups_survive);
    tcase_add_test(tcase, broadcasts_survive);
    tcase_add_test(tcase, blocking_groups_survive);
    tcase_add_test(tcase, blocking_groups_survive_on_the_pool);
    tcase_add_test(tcase, timers_survive);
    tcase_add_test(tcase, jobs_survive);
    tcase_add_test(tcase, jobs_survive_on_the_pool);
    tcase_add_test(tcase, blocking_survives);
    tcase_add_test(tcase, blocking_survives_on_the_pool);
    tcase_add_test(tcase, files_survive);
    tcase_add_test(tcase, pieced_requests_survive);
    tcase_add_test(tcase, bodies_survive);
    tcase_add_test(tcase, ranges_survive);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
