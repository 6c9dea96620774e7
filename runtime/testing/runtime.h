/*
 * testing/runtime: a server that a test turns by hand.
 *
 * It is the server that `sluice run` has, with two differences. No thread runs its loop: the
 * test's own thread turns it, and the far end of each connection, until nothing is left to do. And
 * its clock stands still, but for when the test moves it. Blocking callbacks and jobs run on the
 * pool as ever, and are waited for.
 */
#ifndef TESTING_RUNTIME_H
#define TESTING_RUNTIME_H

#include <pthread.h>
#include <sys/types.h>

#include "conf/config.h"
#include "loop/loop.h"
#include "testing/client.h"

struct json_object;
struct pollfd;

/* Owned by whoever opened it, whose thread alone touches it, and its loops. */
struct sluice_test {
    LIST_ENTRY(sluice_test) link; /* of those that are open */
    char *routing;                /* its text */
    char *directory;              /* that paths in it are relative to */
    struct plugin_cache *cache;
    struct server *server;
    struct worker *worker; /* its only one */
    struct loop *loop;     /* of the main thread: reloads */
    struct reloader *reloader;
    LIST_HEAD(, sluice_client) clients;
    unsigned client_count; /* so far */
    uint64_t now;          /* of its clock */

    const char *function; /* of testing.h, that is under way */
    pthread_t thread;
    pid_t process;
    unsigned patience; /* ms that a call may take */

    struct json_object *session, *user; /* of the client that connects */
    struct pollfd *lines;               /* room for test_settle */
    size_t line_room;
};

/* NULL, and what is wrong was printed. */
struct sluice_test *test_open(const char *routing);
void test_close(struct sluice_test *test);

/* A call of testing.h begins: from now on its server is the one that consumers talk to, and its
 * clock the one that counts. */
void test_enter(struct sluice_test *test, const char *function);

/* ---- In turn.c: each turns everything until nothing is left to do ---------------------- */

void test_settle(struct sluice_test *test);
/* Moves the clock, from deadline to deadline. */
void test_advance(struct sluice_test *test, uint64_t ms);
/* A connection comes in at `fd`. */
void test_arrive(struct sluice_test *test, int fd);
/* False: it was refused, and why was printed. */
bool test_reload(struct sluice_test *test);

#endif
