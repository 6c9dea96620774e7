/*
 * supervise/supervised: the server's end of the tether: what it says to its supervisor, and what it
 * has from it.
 *
 * All that the supervisor has to say it says at the start, and it is read before anything else is
 * done; afterwards the server only speaks, and listens for the end.
 */
#include "supervise/supervised.h"

#include <event2/event.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <signal.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "loop/loop.h"
#include "server/listener.h"
#include "supervise/crash.h"
#include "supervise/tether.h"

/* A socket that was kept, and that nobody has taken yet. */
struct held {
    SLIST_ENTRY(held) link;
    int fd;
    char name[];
};

/* The main thread's, but for `end` and `by`, which are set before there are others. */
static struct {
    int end; /* of the tether; -1: there is none */
    pid_t by;
    bool again;
    char *snapshot; /* what to serve; NULL: what is there */
    bool serving;   /* it has said so: what it closes is gone, and not just lost on the way */
    SLIST_HEAD(, held) held;
    struct event *watch;
    void (*gone)(void *context);
    void *context;
} supervised = {.end = -1};

pid_t supervised_by(void)
{
    return supervised.by;
}

const char *supervised_snapshot(void)
{
    return supervised.snapshot;
}

bool supervised_again(void)
{
    return supervised.again;
}

/* ---- Sockets -------------------------------------------------------------------------------- */

static void hold(const char *name, int fd)
{
    size_t size = strlen(name) + 1;
    struct held *held = fd >= 0 ? mem_alloc(sizeof *held + size) : NULL;

    if (held == NULL) {
        if (fd >= 0)
            close(fd); /* the supervisor has it still: the next one may get it */
        return;
    }
    held->fd = fd;
    memcpy(held->name, name, size);
    SLIST_INSERT_HEAD(&supervised.held, held, link);
}

static int take(const char *name)
{
    struct held *held;

    SLIST_FOREACH(held, &supervised.held, link)
    {
        int fd = held->fd;

        if (strcmp(held->name, name) != 0)
            continue;
        SLIST_REMOVE(&supervised.held, held, held, link);
        mem_free(held);
        return fd;
    }
    return -1;
}

static void keep(const char *name, int fd)
{
    if (!tether_say(supervised.end, TETHER_HOLD, name, 0, fd))
        log_write(LOG_WARN, "supervisor.deaf", LOG_STR("socket", name));
}

static void forget(const char *name)
{
    if (supervised.serving)
        tether_say(supervised.end, TETHER_FORGET, name, 0, -1);
}

static const struct listener_keeper keeper = {.take = take, .keep = keep, .forget = forget};

/* What routing.conf does not name any more, or fewer loops have no use for. */
static void close_held(bool for_good)
{
    struct held *held;

    while ((held = SLIST_FIRST(&supervised.held)) != NULL) {
        SLIST_REMOVE_HEAD(&supervised.held, link);
        if (for_good)
            forget(held->name);
        close(held->fd);
        mem_free(held);
    }
}

/* ---- Beginning and end ---------------------------------------------------------------------- */

/* The descriptor that the environment names, if that is what it should be. */
static int end_from_environment(void)
{
    const char *text = getenv(SUPERVISED_VARIABLE);
    int end = text != NULL ? atoi(text) : -1, type = 0, domain = 0;
    socklen_t size = sizeof(int);

    if (end <= STDERR_FILENO || getsockopt(end, SOL_SOCKET, SO_TYPE, &type, &size) != 0 ||
        getsockopt(end, SOL_SOCKET, SO_DOMAIN, &domain, &size) != 0)
        return -1;
    return type == SOCK_SEQPACKET && domain == AF_UNIX ? end : -1;
}

bool supervised_is(void)
{
    return end_from_environment() >= 0;
}

static void receive_start(void (*bad)(const char *path, uint64_t when, const char *digest))
{
    struct tether_message message;
    int fd;

    do {
        if (tether_receive(supervised.end, &message, &fd, true) != TETHER_GOT)
            _exit(EXIT_FAILURE); /* nobody is left to serve for */
        if (message.kind == TETHER_HELD)
            hold(tether_text(&message, 0), fd);
        else if (message.kind == TETHER_BAD)
            bad(tether_text(&message, 0), message.number, tether_text(&message, 1));
    } while (message.kind != TETHER_START);
    supervised.again = message.number != 0;
    if (*tether_text(&message, 0) != '\0')
        supervised.snapshot = mem_strdup(tether_text(&message, 0));
}

/* In the handler of a signal, on the thread that crashes. */
static void tell_crash(const struct crash *crash)
{
    const struct generation *generation = crash->generation;
    struct tether_message message;
    char digest[2 * DIGEST_SIZE + 1] = "";

    message.kind = TETHER_CRASHES;
    message.size = 0;
    message.number = generation != NULL ? generation_number(generation) : 0;
    if (generation != NULL)
        text_hex(digest, generation_digest(generation), DIGEST_SIZE);
    tether_add_text(&message, generation != NULL ? generation_name(generation) : "");
    tether_add_text(&message, crash->mount != NULL ? crash->mount : "");
    tether_add_text(&message, crash->callback != NULL ? crash->callback : "");
    tether_add_text(&message, digest);
    tether_send(supervised.end, &message, -1, false);
}

void supervised_begin(void (*bad)(const char *path, uint64_t when, const char *digest))
{
    supervised.end = end_from_environment();
    unsetenv(SUPERVISED_VARIABLE);
    fcntl(supervised.end, F_SETFD, FD_CLOEXEC);
    /* Until it serves there is nothing to bring to an end; then supervised_watch takes over. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    supervised.by = getppid();
    signal(SIGTTOU, SIG_IGN); /* a group of its own is in the background of its terminal */
    receive_start(bad);
    listeners_keep_by(&keeper);
    crash_setup(tell_crash);
}

void supervised_serves(uint32_t stop_ms)
{
    if (supervised.end < 0)
        return;
    supervised.serving = true;
    close_held(true);
    prctl(PR_SET_PDEATHSIG, 0);
    tether_say(supervised.end, TETHER_SERVES, NULL, stop_ms, -1);
}

bool supervised_say(enum tether_kind kind, const char *text, uint64_t number, int descriptor)
{
    return supervised.end >= 0 && tether_say(supervised.end, kind, text, number, descriptor);
}

static void on_gone(evutil_socket_t fd, short what, void *ignored)
{
    struct tether_message message;
    int descriptor;

    (void)what, (void)ignored;
    if (tether_receive(fd, &message, &descriptor, false) != TETHER_GONE)
        return;
    event_del(supervised.watch);
    log_write(LOG_ERROR, "supervisor.gone", LOG_INT("pid", supervised.by));
    supervised.gone(supervised.context);
}

bool supervised_watch(struct loop *loop, void (*gone)(void *context), void *context)
{
    sigset_t all;

    if (supervised.end < 0)
        return true;
    sigfillset(&all);
    sigprocmask(SIG_UNBLOCK, &all, NULL);
    supervised.gone = gone;
    supervised.context = context;
    supervised.watch =
        event_new(loop_base(loop), supervised.end, EV_READ | EV_PERSIST, on_gone, NULL);
    return supervised.watch != NULL && event_add(supervised.watch, NULL) == 0;
}

void supervised_end(void)
{
    if (supervised.watch != NULL)
        event_free(supervised.watch);
    supervised.watch = NULL;
    close_held(false);
    mem_free(supervised.snapshot);
    supervised.snapshot = NULL;
}
