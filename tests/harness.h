/*
 * harness: starts the real program on a routing.conf of the test's own, and looks at what it does:
 * its answers (client.h), its log, the traces of its consumers, its end.
 *
 * Each test has a directory below /tmp, in which the server runs. A test that fails leaves its
 * directory, and the suite's end shows the log in it. No test waits for time to pass: it waits for
 * something to be true, with a deadline that a slow machine meets.
 */
#ifndef TESTS_HARNESS_H
#define TESTS_HARNESS_H

#include <check.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define PATIENCE_MS 40000 /* a machine that takes longer is broken */

/* The main of each program of tests. */
int harness_run(Suite *suite);
/* A case whose tests each get a directory. */
TCase *harness_case(Suite *suite, const char *name);

/* ---- Files: names are taken in the test's directory ------------------------------------------ */

const char *in_dir(const char *name);
void put_file(const char *name, const char *content);
void put_bytes(const char *name, const void *data, size_t size);
/* Directories on the way are made. */
void put_directory(const char *name);
/* Copies the built tests/plugins/NAME.so over so/AS.so, in place as cp does. */
void put_plugin_as(const char *name, const char *as);
void put_plugin(const char *name);

/* ---- The server ------------------------------------------------------------------------------ */

/* Writes routing.conf: a free port, two loops, `cache cache`, `consumers so`, then `conf`. Line 5
 * is the first of `conf`. Consumers that it names are put there if they are not. */
void serve_conf(const char *conf);
/* Starts the server on it, and waits until it serves. */
void serve(const char *conf);
/* The same with lines in front that change what stands there: "loops 1\n". */
void serve_with(const char *first, const char *conf);
/* Starts a server that must not start: its status is 1; what it said is in the log. */
void serve_refused(const char *conf);

/* Starts it on what serve_conf wrote, and waits for nothing. */
void server_start(void);
/* Before the start: one more word for its command line, up to three. */
void server_option(const char *option);
/* Before the start: with a supervisor, whose process is then server_pid. */
void server_supervise(void);
/* Waits for the nth server that such a one starts, and gives its process. */
pid_t server_child(unsigned nth);

unsigned server_port(void);
pid_t server_pid(void);
const char *server_output(void); /* what it said on stdout before it served */
void server_signal(int signal);
/* SIGHUP, and waits for the end of the reload: done, or refused. */
void server_reload(void);
void server_reload_refused(void);
/* Waits for its end, which must be clean: status 0, nothing leaked. */
void server_wait(void);
/* Waits for its end by a signal, which must be this one; or with a status other than 0. */
void server_wait_killed(int signal);
void server_wait_status(int status);
/* SIGTERM, and a clean end. Every test ends so, by itself where it did not say it. */
void server_stop(void);
/* What /proc knows. */
unsigned server_mappings(const char *name); /* of files whose path holds `name` */
unsigned server_descriptors(void);
unsigned server_files(const char *name); /* descriptors of files whose path holds `name` */
unsigned cache_files(void);              /* private copies of consumers */

/* ---- What was logged and traced -------------------------------------------------------------- */

/* How many lines of the log hold all of these texts. */
#define log_count(...) lines_count("log", (const char *const[]){__VA_ARGS__, NULL})
/* Waits for such a line. */
#define log_wait(...) lines_wait("log", 1, (const char *const[]){__VA_ARGS__, NULL})
/* How many lines of the trace are `line`; waits for that many. */
#define trace_count(line) lines_count("trace", (const char *const[]){"\n" line "\n", NULL})
#define trace_wait(line, many)                                                                     \
    lines_wait("trace", many, (const char *const[]){"\n" line "\n", NULL})

unsigned lines_count(const char *file, const char *const *texts);
void lines_wait(const char *file, unsigned many, const char *const *texts);
const char *log_text(void); /* all of it; until the next call */

/* As ck_assert_msg, which tells the runner of each success too: too dear for what is done for every
 * frame. */
#define must(condition, ...)                                                                       \
    do {                                                                                           \
        if (!(condition))                                                                          \
            ck_abort_msg(__VA_ARGS__);                                                             \
    } while (0)

/* ---- Waiting --------------------------------------------------------------------------------- */

uint64_t now_ms(void);
/* A moment's rest before the next look at what nothing tells of; fails the test at the deadline. */
void rest_until(uint64_t deadline, const char *what);
#define AWAIT(condition)                                                                           \
    do {                                                                                           \
        uint64_t await_deadline = now_ms() + PATIENCE_MS;                                          \
        while (!(condition))                                                                       \
            rest_until(await_deadline, #condition);                                                \
    } while (0)

/* ---- The gate: callbacks that wait for the test ---------------------------------------------- */

/* Lets `many` callbacks through that wait at the gate (plugins/gate.h). */
void gate_open(unsigned many);

#endif
