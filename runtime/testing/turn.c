/*
 * testing/turn: everything is turned until nothing is left to do.
 *
 * All that happens is on the test's thread or on the pool. So there is nothing left to do when a
 * turn of the loops and a look at each far end moved nothing, no line has bytes for the server, and
 * nothing runs on the pool.
 */
#include <netinet/in.h>
#include <poll.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "reload/reload.h"
#include "server/acceptor.h"
#include "server/conn.h"
#include "server/dispatch.h"
#include "server/server.h"
#include "testing/runtime.h"

enum {
    IMPATIENCE = 2000, /* ms after which it says what it waits for */
    FIRST_PORT = 49152,
    PORTS = 16384,
};

/* ---- Waiting -------------------------------------------------------------------------------- */

static void due_run(struct loop *loop, struct loop_message *message)
{
    (void)message;
    struct worker *worker = loop_data(loop);
    timers_run(worker->timers);
}

static bool timer_is_due(const struct sluice_test *test)
{
    return timers_next(test->worker->timers) <= test->now;
}

/* Libevent would run them when as much time had passed outside. */
static bool run_due(struct sluice_test *test)
{
    struct loop_message due = {.run = due_run};

    if (!timer_is_due(test))
        return false;
    loop_post(test->worker->loop, &due);
    loop_turn(test->worker->loop, 0);
    return true;
}

/* Out of memory is a test's fault, not the server's. */
static void make_room(struct sluice_test *test, size_t lines)
{
    if (lines <= test->line_room)
        return;
    test->lines = mem_realloc(test->lines, 2 * lines * sizeof *test->lines);
    if (test->lines == NULL)
        test_fail(test->function, "no memory");
    test->line_room = 2 * lines;
}

/* What each end of each line waits for: the far ends first. Gives how many of those there are. */
static nfds_t list_lines(struct sluice_test *test, nfds_t *count)
{
    const struct sluice_client *client;
    const struct conn *conn;
    nfds_t far_ends = 0;

    make_room(test, test->client_count + test->worker->conn_count);
    LIST_FOREACH (client, &test->clients, link) {
        if (client->fd >= 0)
            test->lines[far_ends++] = (struct pollfd){client->fd, test_client_waits(client), 0};
    }
    *count = far_ends;
    TAILQ_FOREACH (conn, &test->worker->conns, link) {
        short wanted = (short)((conn->reading ? POLLIN : 0) | (conn->writing ? POLLOUT : 0));

        if (conn->fd >= 0 && wanted != 0)
            test->lines[(*count)++] = (struct pollfd){conn->fd, wanted, 0};
    }
    return far_ends;
}

/* The far ends say and hear what they can. True: they did, or the server is to. */
static bool use_lines(struct sluice_test *test)
{
    nfds_t count, far_ends = list_lines(test, &count);
    const struct pollfd *line = test->lines;
    struct sluice_client *client;
    bool moved = false;

    if (count == 0 || poll(test->lines, count, 0) <= 0)
        return false;
    LIST_FOREACH (client, &test->clients, link) {
        if (client->fd >= 0 && (line++)->revents != 0)
            moved = test_client_pump(client) || moved;
    }
    for (nfds_t i = far_ends; i < count && !moved; i++)
        moved = (test->lines[i].revents & test->lines[i].events) != 0;
    return moved;
}

/* Everybody has a turn: those who hear after those who say. False: nothing came of it. */
static bool turn_all(struct sluice_test *test)
{
    bool moved = run_due(test);

    moved = loop_turn(test->worker->loop, 0) || moved;
    moved = loop_turn(test->loop, 0) || moved;
    moved = use_lines(test) || moved;
    return moved || timer_is_due(test);
}

/* One for which a callback or a job runs on the pool, or waits to. */
static struct conn *find_busy(const struct sluice_test *test)
{
    struct conn *conn;

    TAILQ_FOREACH (conn, &test->worker->conns, link) {
        if (!dispatch_idle(conn) || conn->pins > 0)
            return conn;
    }
    return NULL;
}

/* How long it has gone on. On the stack of who waits. */
struct wait {
    uint64_t began;
    bool told;
};

static void give_up(struct sluice_test *test, const struct conn *busy)
{
    if (busy != NULL)
        test_fail(test->function, "a callback or job of \"%s\" at %s has not ended for %u s",
                  generation_name(busy->generation), busy->mount->config->route,
                  test->patience / 1000);
    test_fail(test->function,
              "there is always more to do: for %u s each event has led to the next one",
              test->patience / 1000);
}

/* Real time: the test's own stands still. */
static void look_at_watch(struct sluice_test *test, struct wait *wait, const struct conn *busy)
{
    uint64_t passed = clock_coarse() - wait->began;

    if (passed >= test->patience)
        give_up(test, busy);
    if (busy == NULL || passed < IMPATIENCE || wait->told)
        return;
    wait->told = true;
    log_write(LOG_WARN, "test.waits", LOG_STR("mount", busy->mount->config->route),
              LOG_STR("consumer", generation_name(busy->generation)), LOG_INT("ms", passed),
              LOG_INT("limit", test->patience));
}

static unsigned lesser(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

void test_settle(struct sluice_test *test)
{
    struct wait wait = {.began = clock_coarse()};

    for (;;) {
        if (turn_all(test)) {
            look_at_watch(test, &wait, NULL);
            continue;
        }
        const struct conn *busy = find_busy(test);
        if (busy == NULL)
            break;
        look_at_watch(test, &wait, busy);
        loop_turn(test->worker->loop, lesser(test->patience, IMPATIENCE));
    }
    reload_reap(test->cache);
}

/* ---- Time ----------------------------------------------------------------------------------- */

/* Timeouts are looked at now and then. Here, at each moment at which anything is due, and at the
 * last, so that none is found too late. */
static void move_clock(struct sluice_test *test, uint64_t moment)
{
    test->now = moment;
    clock_freeze(moment);
    timer_set(test->worker->timers, &test->worker->sweep, moment);
    test_settle(test);
}

void test_advance(struct sluice_test *test, uint64_t ms)
{
    uint64_t until = test->now + ms, next;

    test_settle(test);
    while ((next = timers_next(test->worker->timers)) < until)
        move_clock(test, next);
    move_clock(test, until);
}

/* ---- Connections ---------------------------------------------------------------------------- */

/* On the stack of who has it arrive. */
struct arrival {
    struct loop_message message; /* first */
    int fd;
    struct sockaddr_in peer;
};

static void arrival_run(struct loop *loop, struct loop_message *message)
{
    struct arrival *arrival = (struct arrival *)message;

    acceptor_take(loop_data(loop), arrival->fd, (struct sockaddr *)&arrival->peer);
}

/* No two clients have the same address, as far as ports go. */
void test_arrive(struct sluice_test *test, int fd)
{
    struct arrival arrival = {.message = {.run = arrival_run}, .fd = fd};

    arrival.peer.sin_family = AF_INET;
    arrival.peer.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    arrival.peer.sin_port = htons((uint16_t)(FIRST_PORT + test->client_count++ % PORTS));
    loop_post(test->worker->loop, &arrival.message);
    test_settle(test);
}

/* ---- Reloading ------------------------------------------------------------------------------ */

/* On the stack of test_reload. */
struct wish {
    struct reload_wish wish; /* first */
    bool told, done;
};

static void told(struct reload_wish *wish, const struct reload_report *report)
{
    struct wish *own = (struct wish *)wish;

    own->told = true;
    own->done = report->done;
}

bool test_reload(struct sluice_test *test)
{
    struct wish wish = {.wish = {.told = told}};
    struct wait wait = {.began = clock_coarse()};

    reloader_ask(test->reloader, &wish.wish);
    for (test_settle(test); !wish.told; test_settle(test)) {
        if (clock_coarse() - wait.began >= test->patience)
            test_fail(test->function, "the reload has not ended for %u s", test->patience / 1000);
        reloader_look(test->reloader);
        if (!wish.told)
            loop_turn(test->loop, lesser(test->patience, IMPATIENCE));
    }
    return wish.done;
}
