/*
 * testing_runtime: a server that a test turns by hand.
 *
 * All that happens is on the test's thread or on the pool. So there is nothing left to do when a
 * turn of the loops and a look at each far end moved nothing, no line has bytes for the server, and
 * nothing runs on the pool.
 */
#include "testing_runtime.h"

#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <json-c/json.h>

#include "api.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "conf/directive.h"
#include "reload.h"
#include "server/acceptor.h"
#include "server/conn.h"
#include "server/dispatch.h"
#include "server/handover.h"
#include "server/scope.h"
#include "server/server.h"

enum {
    PATIENCE = 60, /* seconds that a call may take, unless SLUICE_TEST_PATIENCE says otherwise */
    IMPATIENCE = 2000, /* ms after which it says what it waits for */
    FIRST_PORT = 49152,
    PORTS = 16384,
};

#define NAME "routing" /* of the text, in messages */

static LIST_HEAD(, sluice_test) tests = LIST_HEAD_INITIALIZER(tests); /* those that are open */
static struct sluice_test *entered;                                   /* the last one called */

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

static bool identify(struct scope *scope, void *context)
{
    const struct sluice_test *test = context;

    return scope_identify(scope, test->session, test->user);
}

/* ---- Whose turn it is ----------------------------------------------------------------------- */

void test_enter(struct sluice_test *test, const char *function)
{
    if (test == NULL)
        test_fail(function, "the test is NULL: sluice_test_open has said why");
    if (test->process != getpid())
        test_fail(function,
                  "the test was opened by another process: open it where it is used, with "
                  "Check in the test or in a checked fixture");
    if (!pthread_equal(test->thread, pthread_self()))
        test_fail(function, "the test was opened by another thread");
    if (loop_current() != NULL)
        test_fail(function, "this is a callback: a consumer does not test itself");
    test->function = function;
    if (entered == test)
        return;
    entered = test;
    clock_freeze(test->now);
    api_serve(test->server);
}

static void leave(struct sluice_test *test)
{
    LIST_REMOVE(test, link);
    entered = NULL;
    api_serve(NULL);
    if (LIST_EMPTY(&tests))
        clock_thaw();
}

/* ---- What is wrong -------------------------------------------------------------------------- */

static void print_message(void *context, enum diag_level level, const char *text)
{
    (void)context;
    (void)level;
    fputs(text, stderr);
}

static void print_diag(const struct diag *diag)
{
    struct text summary = {0};

    if (diag->errors + diag->warnings == 0)
        return;
    diag_each(diag, print_message, NULL);
    reload_summary(diag, &summary);
    fprintf(stderr, "sluice: %s\n", summary.failed ? "no memory" : summary.data);
    text_free(&summary);
}

static void print_reload(void *context, const struct reload_report *report)
{
    (void)context;
    print_diag(report->diag);
}

/* ---- Opening -------------------------------------------------------------------------------- */

static bool is_said(const struct config *config, const char *directive)
{
    return config->places[directive_find(slice_of(directive)) - directives].size > 0;
}

/* What there is only one of in a test: its loop, and, unless it says otherwise, its pool thread, so
 * that blocking callbacks run in the order in which they were set off. It listens nowhere. Any
 * thread: a reload reads on its own. */
static struct config *read_routing(void *context, struct diag *diag)
{
    const struct sluice_test *test = context;
    struct config *config = config_read_text(NAME, test->directory, slice_of(test->routing), diag);

    if (config == NULL)
        return NULL;
    config->listen_count = 0;
    config->loops = 1;
    if (!is_said(config, "pool"))
        config->pool_threads = 1;
    return config;
}

/* No probe: an object that ends the process is to do so where a debugger sees it. */
static bool open_cache(struct sluice_test *test, const struct config *config, struct diag *diag)
{
    struct plugin_fault fault = {.message = ""};

    test->cache = plugin_cache_open(config->cache, &fault);
    if (test->cache == NULL)
        diag_add(diag, DIAG_ERROR, &config->source, config->cache_place,
                 fault.hint[0] ? fault.hint : NULL, "%s", fault.message);
    return test->cache != NULL;
}

static bool open_server(struct sluice_test *test, struct routing *routing, struct diag *diag)
{
    test->server = server_new(test->cache, routing, diag);
    if (test->server == NULL)
        return false;
    test->server->identify = identify;
    test->server->context = test;
    test->worker = test->server->workers[0];
    api_serve(test->server);
    struct handover handover = {.next = routing, .diag = diag};
    return handover_run(&handover);
}

static bool open_reloader(struct sluice_test *test)
{
    test->loop = loop_new(0, "main");
    if (test->loop != NULL)
        test->reloader = reloader_new(test->server, test->loop, NAME, print_reload, test);
    if (test->reloader == NULL)
        return false;
    reloader_read_by(test->reloader, read_routing, test);
    return true;
}

static bool open_all(struct sluice_test *test, struct diag *diag)
{
    struct config *config = read_routing(test, diag);
    struct routing *routing = NULL;

    if (config != NULL && open_cache(test, config, diag))
        routing = routing_new(config, test->cache, NULL, diag);
    config_unref(config);
    if (routing == NULL)
        return false;
    bool done = open_server(test, routing, diag);
    routing_unref(routing); /* the server holds its own */
    if (done && !open_reloader(test)) {
        diag_fail(diag);
        return false;
    }
    return done;
}

static void close_all(struct sluice_test *test)
{
    api_shut();
    reloader_wait(test->reloader, 0); /* none is under way */
    if (test->server != NULL)
        server_free(test->server, 0);
    leave(test);
    if (test->cache != NULL) {
        reload_reap(test->cache);
        plugin_cache_close(test->cache);
    }
    if (test->loop != NULL)
        loop_free(test->loop);
    reloader_free(test->reloader);
    mem_free(test->lines);
    mem_free(test->routing);
    free(test->directory);
    mem_free(test);
}

/* As `sluice run` does, once: as many descriptors as the system lets this process have, since each
 * client takes two. */
static void set_up_process(void)
{
    static bool done;
    struct rlimit files;

    if (done)
        return;
    done = true;
    loop_setup_libevent();
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
}

/* Of a passing test nobody reads the log. SLUICE_TEST_LOG=info shows what a server's has. */
static void set_log(void)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    const char *wanted = getenv("SLUICE_TEST_LOG");

    log_threshold = LOG_WARN;
    for (unsigned i = 0; wanted != NULL && i < sizeof names / sizeof *names; i++)
        if (strcmp(wanted, names[i]) == 0)
            log_threshold = (enum log_level)i;
}

static unsigned patience_of(void)
{
    const char *wanted = getenv("SLUICE_TEST_PATIENCE");
    int seconds = wanted != NULL ? atoi(wanted) : 0;

    return 1000 * (seconds > 0 && seconds <= 86400 ? (unsigned)seconds : PATIENCE);
}

static struct sluice_test *test_new(const char *routing)
{
    struct sluice_test *test = mem_zalloc(sizeof *test);

    if (test == NULL)
        return NULL;
    test->routing = mem_strdup(routing);
    test->directory = getcwd(NULL, 0);
    if (test->routing == NULL || test->directory == NULL) {
        mem_free(test->routing);
        free(test->directory);
        mem_free(test);
        return NULL;
    }
    LIST_INIT(&test->clients);
    test->thread = pthread_self();
    test->process = getpid();
    test->patience = patience_of();
    return test;
}

struct sluice_test *test_open(const char *routing)
{
    struct diag diag = {0};

    set_up_process();
    set_log();
    struct sluice_test *test = test_new(routing);
    if (test == NULL) {
        fprintf(stderr, "sluice: no memory\n");
        return NULL;
    }
    clock_thaw();
    test->now = clock_now();
    clock_freeze(test->now);
    LIST_INSERT_HEAD(&tests, test, link);
    entered = test;
    bool done = open_all(test, &diag);
    print_diag(&diag);
    diag_free(&diag);
    if (done)
        return test;
    close_all(test);
    return NULL;
}

/* As a server stops: with a closing handshake, and disconnect for each. */
void test_close(struct sluice_test *test)
{
    struct sluice_client *client;

    server_stop(test->server, 0);
    test_settle(test);
    server_cut(test->server); /* who has not been answered, and does not hang up */
    test_settle(test);
    while ((client = LIST_FIRST(&test->clients)) != NULL) {
        LIST_REMOVE(client, link);
        test_client_end(client);
        mem_free(client);
    }
    close_all(test);
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
