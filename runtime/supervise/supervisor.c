/*
 * supervise/supervisor: `sluice run`: a small process that has the server for its child, and starts
 * it again when it dies.
 *
 * It reads no routing.conf, runs nobody's code and has one thread, so that nothing can happen to
 * it. It has the listening sockets too: who connects while there is no server waits for the next
 * one. The server is in a process group of its own, so that what a terminal sends to all comes
 * once: from here.
 */
#include "supervise/supervisor.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/self.h"
#include "plugin/snapshot.h"
#include "supervise/child.h"
#include "supervise/crash.h"
#include "supervise/held.h"
#include "supervise/history.h"
#include "supervise/tether.h"

enum {
    WAIT_FIRST_MS = 100,  /* before the second start in a row... */
    WAIT_MOST_MS = 10000, /* ...which doubles up to this; who served for so long begins anew */
    STOP_MS = 5000,       /* of a server that has not said how long it may take */
    STOP_MORE_MS = 1000,  /* what a stop may take beyond that, before it is ended by force */
    SAME_MS = 5,          /* within which a signal that comes again is the same: timeout(1) sends it
                             to the process, and then to its group */
    END_BY_SIGNAL = 128,  /* what shells add to its number */
};

/* The process. Its one thread's. */
struct supervisor {
    char *const *words; /* the command line of the server */
    int signals;        /* signalfd */
    int status;         /* what it ends with; -1: it goes on */

    pid_t server;   /* 0: there is none */
    int end;        /* of the tether to it; -1: there is none */
    size_t told;    /* so much of what it is to be told at its start (see compose)... */
    bool told_all;  /* ...which was all */
    bool serves;    /* it said so */
    bool leaves;    /* it said so */
    uint64_t since; /* when it began to serve */
    struct tether_message crash; /* what it said of that; size 0: nothing */

    bool served;       /* one of them has */
    bool stopping;     /* it was told to stop */
    bool killed;       /* and had to be */
    int stop_signal;   /* the last one that told it so... */
    uint64_t stop_at;  /* ...when */
    int last_user;     /* the last SIGUSR1 or SIGUSR2 that was handed on */
    uint64_t kill_at;  /* 0: not yet */
    uint64_t start_at; /* the next one; 0: not yet */
    unsigned wait;     /* before that, in ms */
    bool from_files;   /* the next one reads what is there: what served does not do any more */
    bool hang_up;      /* a SIGHUP waits for the next one */
    uint32_t stop_ms;

    struct held held;
    struct history history;
};

/* ---- Starting the server -------------------------------------------------------------------- */

static void start_later(struct supervisor *supervisor)
{
    unsigned next = supervisor->wait > 0 ? 2 * supervisor->wait : WAIT_FIRST_MS;

    log_write(LOG_WARN, "server.restarting", LOG_INT("in_ms", supervisor->wait));
    supervisor->start_at = clock_now() + supervisor->wait;
    supervisor->wait = next < WAIT_MOST_MS ? next : WAIT_MOST_MS;
}

static void start_server(struct supervisor *supervisor)
{
    supervisor->start_at = 0;
    supervisor->told = 0;
    supervisor->told_all = supervisor->serves = supervisor->leaves = false;
    supervisor->crash.size = 0;
    supervisor->crash.number = 0;
    int error = child_start(supervisor->words, &supervisor->server, &supervisor->end);
    if (error == 0) {
        if (supervisor->hang_up)
            kill(supervisor->server, SIGHUP);
        supervisor->hang_up = false;
        return;
    }
    log_write(LOG_ERROR, "server.not_started", LOG_STR("why", strerror(error)));
    if (supervisor->served)
        start_later(supervisor);
    else
        supervisor->status = EXIT_FAILURE;
}

/* ---- What is said over the tether ----------------------------------------------------------- */

/* What it is told `nth`: the sockets, what was bad, and what to serve. Gives a descriptor for it,
 * or -1. False: the message can't be made. */
static bool compose(const struct supervisor *supervisor, size_t nth, struct tether_message *message,
                    int *descriptor)
{
    const struct held *held = &supervisor->held;
    const struct history *history = &supervisor->history;
    const char *newest = history_newest(history);

    message->size = 0;
    *descriptor = -1;
    if (nth < held->count) {
        message->kind = TETHER_HELD;
        *descriptor = held->sockets[nth].fd;
        return tether_add_text(message, held->sockets[nth].name);
    }
    nth -= held->count;
    if (nth < history->bad_count) {
        const struct bad *bad = &history->bad[nth];
        char digest[2 * DIGEST_SIZE + 1] = "";

        if (bad->blamed)
            text_hex(digest, bad->digest, DIGEST_SIZE);
        message->kind = TETHER_BAD;
        message->number = bad->when;
        return tether_add_text(message, bad->state.path) && tether_add_text(message, digest);
    }
    message->kind = TETHER_START;
    message->number = supervisor->served;
    if (supervisor->from_files)
        newest = NULL;
    return tether_add_text(message, newest != NULL ? newest : "");
}

/* As much as it takes. */
static void tell_server(struct supervisor *supervisor)
{
    struct tether_message message;
    int descriptor;

    while (!supervisor->told_all) {
        if (compose(supervisor, supervisor->told, &message, &descriptor) &&
            !tether_send(supervisor->end, &message, descriptor, false))
            return;
        supervisor->told++;
        supervisor->told_all = message.kind == TETHER_START;
    }
}

/* Gives back whether the descriptor was taken over. */
static bool take_message(struct supervisor *supervisor, const struct tether_message *message,
                         int fd)
{
    const char *text = tether_text(message, 0);
    char *path;

    switch (message->kind) {
    case TETHER_HOLD:
        if (fd >= 0)
            held_add(&supervisor->held, text, fd);
        return true;
    case TETHER_FORGET:
        held_remove(&supervisor->held, text);
        break;
    case TETHER_SERVES:
        supervisor->serves = supervisor->served = true;
        supervisor->since = clock_now();
        supervisor->stop_ms = (uint32_t)message->number;
        history_serve(&supervisor->history);
        break;
    case TETHER_TRIES:
        path = fd >= 0 ? mem_strdup(text) : NULL;
        if (path != NULL)
            history_try(&supervisor->history, path, fd, (uint32_t)message->number);
        return path != NULL;
    case TETHER_DROPS:
        history_drop(&supervisor->history);
        break;
    case TETHER_TRIED:
        history_serve(&supervisor->history);
        break;
    case TETHER_LEAVES:
        supervisor->leaves = true;
        break;
    case TETHER_CRASHES:
        supervisor->crash = *message;
        break;
    default:
        break;
    }
    return false;
}

static void hear_server(struct supervisor *supervisor)
{
    struct tether_message message;
    enum tether_result result = TETHER_GOT;
    int fd;

    while (supervisor->end >= 0 && result == TETHER_GOT) {
        result = tether_receive(supervisor->end, &message, &fd, false);
        if (result == TETHER_GOT && !take_message(supervisor, &message, fd) && fd >= 0)
            close(fd);
    }
    if (result != TETHER_GONE)
        return;
    close(supervisor->end); /* its end will be told of by SIGCHLD */
    supervisor->end = -1;
}

/* ---- The end of a server -------------------------------------------------------------------- */

static int status_of(int ended)
{
    return WIFSIGNALED(ended) ? END_BY_SIGNAL + WTERMSIG(ended) : WEXITSTATUS(ended);
}

static void log_crash(pid_t pid, int ended)
{
    bool killed = WIFSIGNALED(ended);

    log_write(LOG_ERROR, "server.crashed",
              LOG_STR("signal", killed ? crash_signal_name(WTERMSIG(ended)) : NULL),
              killed ? LOG_STR("", "") : LOG_INT("status", WEXITSTATUS(ended)),
              LOG_INT("pid", pid));
}

/* Empty texts are left out. */
static struct log_field known(const char *key, const char *text)
{
    return LOG_STR(key, *text != '\0' ? text : NULL);
}

/* New code that does not do is left, and the next server starts with what did. */
static void take_back(struct supervisor *supervisor, int ended)
{
    const struct tether_message *crash = &supervisor->crash;
    const char *hex = tether_text(crash, 3);
    unsigned char digest[DIGEST_SIZE];
    bool blamed = text_unhex(digest, hex, DIGEST_SIZE);

    if (history_crash(&supervisor->history, blamed ? digest : NULL) == NULL)
        return;
    supervisor->wait = 0;
    log_write(LOG_ERROR, "reload.taken_back",
              LOG_STR("why", WIFSIGNALED(ended) ? crash_signal_name(WTERMSIG(ended)) : "exit"),
              known("consumer", tether_text(crash, 0)),
              crash->number > 0 ? LOG_INT("generation", crash->number) : LOG_STR("", ""),
              known("mount", tether_text(crash, 1)), known("callback", tether_text(crash, 2)));
}

/* Has it ended as it was meant to, or for a reason that would only come again? */
static bool is_over(const struct supervisor *supervisor, int ended)
{
    if (supervisor->stopping || !supervisor->served)
        return true;
    if (WIFSIGNALED(ended))
        return WTERMSIG(ended) == supervisor->last_user;
    return supervisor->leaves;
}

static void server_ended(struct supervisor *supervisor, int ended)
{
    pid_t pid = supervisor->server;

    hear_server(supervisor); /* its last words */
    if (supervisor->end >= 0)
        close(supervisor->end);
    supervisor->end = -1;
    supervisor->server = 0;
    if (WIFSIGNALED(ended) && supervisor->killed) {
        log_write(LOG_ERROR, "server.stopped", LOG_STR("why", "it did not end by itself"),
                  LOG_INT("pid", pid));
        supervisor->status = EXIT_SUCCESS; /* as where a callback does not end */
        return;
    }
    bool over = is_over(supervisor, ended);
    if (WIFSIGNALED(ended) || !over)
        log_crash(pid, ended);
    if (over) {
        supervisor->status = status_of(ended);
        return;
    }
    if (supervisor->serves && clock_now() - supervisor->since >= WAIT_MOST_MS)
        supervisor->wait = 0;
    supervisor->from_files = !supervisor->serves && !supervisor->from_files;
    if (supervisor->serves || WIFSIGNALED(ended))
        take_back(supervisor, ended);
    start_later(supervisor);
}

/* Others that end here have lost their own parents, where this is the first process of a
 * container. */
static void reap(struct supervisor *supervisor)
{
    pid_t pid;
    int ended;

    while ((pid = waitpid(-1, &ended, WNOHANG)) > 0) {
        if (pid == supervisor->server)
            server_ended(supervisor, ended);
    }
}

/* ---- Signals -------------------------------------------------------------------------------- */

static void stop(struct supervisor *supervisor, int signal)
{
    uint64_t now = clock_now();

    if (signal == supervisor->stop_signal && now - supervisor->stop_at < SAME_MS)
        return;
    supervisor->stopping = true;
    supervisor->stop_signal = signal;
    supervisor->stop_at = now;
    if (supervisor->server == 0) {
        log_write(LOG_INFO, "server.stopped", LOG_STR("why", crash_signal_name(signal)));
        supervisor->status = EXIT_SUCCESS;
        return;
    }
    if (supervisor->kill_at == 0)
        supervisor->kill_at = now + supervisor->stop_ms + STOP_MORE_MS;
    kill(supervisor->server, signal);
}

static void hang_up(struct supervisor *supervisor)
{
    if (supervisor->server > 0) {
        kill(supervisor->server, SIGHUP);
        return;
    }
    supervisor->hang_up = true; /* somebody has mended it, perhaps: it is tried at once */
    if (supervisor->start_at > 0)
        supervisor->start_at = clock_now();
}

/* The terminal stops the whole job, of which the server's group is not a part. */
static void suspend(struct supervisor *supervisor)
{
    if (supervisor->server > 0)
        kill(supervisor->server, SIGSTOP);
    kill(getpid(), SIGSTOP);
}

static void take_signal(struct supervisor *supervisor, int signal)
{
    switch (signal) {
    case SIGCHLD:
        reap(supervisor);
        break;
    case SIGTERM:
    case SIGINT:
        stop(supervisor, signal);
        break;
    case SIGHUP:
        hang_up(supervisor);
        break;
    case SIGTSTP:
        suspend(supervisor);
        break;
    default: /* SIGCONT, SIGUSR1, SIGUSR2 */
        if (signal != SIGCONT)
            supervisor->last_user = signal;
        if (supervisor->server > 0)
            kill(supervisor->server, signal);
    }
}

static void hear_signals(struct supervisor *supervisor)
{
    struct signalfd_siginfo info;

    while (supervisor->status < 0 &&
           read(supervisor->signals, &info, sizeof info) == (ssize_t)sizeof info)
        take_signal(supervisor, (int)info.ssi_signo);
}

static bool open_signals(struct supervisor *supervisor)
{
    static const int all[] = {SIGCHLD, SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGUSR2, SIGTSTP, SIGCONT};
    sigset_t set;

    signal(SIGCHLD, SIG_DFL); /* where it is ignored, as somebody may have left it, nobody waits */
    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&set);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        sigaddset(&set, all[i]);
    sigprocmask(SIG_BLOCK, &set, NULL);
    supervisor->signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    return supervisor->signals >= 0;
}

/* ---- The whole ------------------------------------------------------------------------------ */

/* Until the next moment at which something is to be done. */
static int patience(const struct supervisor *supervisor)
{
    uint64_t at = supervisor->server > 0 ? supervisor->kill_at : supervisor->start_at;
    uint64_t settle = history_next(&supervisor->history);
    uint64_t now = clock_now();

    if (at == 0 || (settle != 0 && settle < at))
        at = settle;
    if (at == 0)
        return -1;
    if (at - now > INT_MAX) /* long ago; or so far ahead that it is looked at again before */
        return at < now ? 0 : INT_MAX;
    return (int)(at - now);
}

static void look_at_clock(struct supervisor *supervisor)
{
    uint64_t now = clock_now();

    history_settle(&supervisor->history);
    if (supervisor->server == 0 && supervisor->start_at > 0 && now >= supervisor->start_at)
        start_server(supervisor);
    if (supervisor->server > 0 && supervisor->kill_at > 0 && now >= supervisor->kill_at) {
        kill(-supervisor->server, SIGKILL); /* its group: what it has started as well */
        supervisor->killed = true;
        supervisor->kill_at = 0;
    }
}

static void turn(struct supervisor *supervisor)
{
    struct pollfd ready[] = {
        {.fd = supervisor->signals, .events = POLLIN},
        {.fd = supervisor->end, .events = (short)(POLLIN | (supervisor->told_all ? 0 : POLLOUT))}};

    if (poll(ready, 2, patience(supervisor)) < 0)
        return;
    if ((ready[1].revents & POLLOUT) != 0 && !supervisor->told_all)
        tell_server(supervisor);
    if ((ready[1].revents & ~POLLOUT) != 0)
        hear_server(supervisor);
    if (ready[0].revents != 0)
        hear_signals(supervisor);
    if (supervisor->status < 0)
        look_at_clock(supervisor);
}

int supervisor_run(char *const *words)
{
    struct supervisor supervisor = {
        .words = words, .status = -1, .end = -1, .stop_ms = STOP_MS, .crash = {.size = 0}};

    self_raise_file_limit(); /* it may come to hold many sockets */
    if (!open_signals(&supervisor)) {
        fprintf(stderr, "sluice: no supervisor: %s\n", strerror(errno));
        return EXIT_FAILURE;
    }
    start_server(&supervisor);
    while (supervisor.status < 0)
        turn(&supervisor);
    if (!supervisor.leaves && history_newest(&supervisor.history) != NULL)
        snapshot_clean(history_newest(&supervisor.history)); /* what it could not remove itself */
    held_free(&supervisor.held, !supervisor.leaves);
    history_free(&supervisor.history);
    close(supervisor.signals);
    return supervisor.status;
}
