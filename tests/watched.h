/*
 * tests/watched: what tests of `sluice run --watch` ask of a server, and how they wait for it.
 */
#ifndef TESTS_WATCHED_H
#define TESTS_WATCHED_H

#include <fcntl.h>
#include <sys/stat.h>

#include "client.h"
#include "harness.h"

#define CONF "ws /version/ version.so\n"

static inline void expect_version(const char *version)
{
    struct client client = client_open("/version/");

    client_text(&client, "which");
    client_expect_text(&client, version);
    client_leave(&client);
}

/* Waits until the log has that many lines with both texts. */
static inline void wait_lines(unsigned many, const char *a, const char *b)
{
    lines_wait("log", many, (const char *const[]){a, b, NULL});
}

/* What was done before has been seen, whatever it was, and no build runs. */
static inline void fence(void)
{
    unsigned before = log_count(" routing.conf", "changed: ");

    ck_assert_int_eq(utimensat(AT_FDCWD, in_dir("routing.conf"), NULL, 0), 0);
    wait_lines(before + 1, " routing.conf", "changed: ");
}

#endif
