/*
 * watch/build: a command that makes consumers of sources, as somebody at the terminal would run it.
 *
 * It runs in a process group of its own, so that all it has started ends with it. What it says goes
 * where the server's own messages go, as it comes; where those are JSON, each line is wrapped.
 */
#ifndef WATCH_BUILD_H
#define WATCH_BUILD_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/text.h"

struct event;
struct event_base;

/* Embedded in what wants it run. All zero: nothing runs. The main thread's. */
struct build {
    pid_t pid;            /* 0: nothing runs */
    struct event *output; /* of the pipe that it writes to; NULL: it writes to stderr */
    int pipe;
    struct text line; /* of its output, as far as it has come */
};

/* Runs it with /bin/sh in the directory. `wrapped`: its output becomes lines of the log. False: it
 * can't be run, see errno. */
bool build_start(struct build *build, struct event_base *base, const char *directory,
                 const char *command, bool wrapped);

/* Upon SIGCHLD. True: it has ended, by itself or by a signal, see waitpid; all it said is out. */
bool build_ended(struct build *build, int *status);

/* SIGTERM to it and what it started, so that make removes what is half made... */
void build_stop(struct build *build);
/* ...and SIGKILL, which it does not outlive. Nothing where nothing runs. */
void build_kill(struct build *build);

#endif
