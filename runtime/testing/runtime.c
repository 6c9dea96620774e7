/*
 * testing/runtime: a server that a test turns by hand.
 *
 * It is opened as `sluice run` opens one, but for what a test has no use for: it listens nowhere,
 * probes nothing, and its loop has no thread.
 */
#include "testing/runtime.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "api.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "conf/directive.h"
#include "reload/reload.h"
#include "server/handover.h"
#include "server/scope.h"
#include "server/server.h"

enum { PATIENCE = 60 }; /* seconds that a call may take, or as many as SLUICE_TEST_PATIENCE says */

#define NAME "routing" /* of the text, in messages */

static LIST_HEAD(, sluice_test) tests = LIST_HEAD_INITIALIZER(tests); /* those that are open */
static struct sluice_test *entered;                                   /* the last one called */

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
