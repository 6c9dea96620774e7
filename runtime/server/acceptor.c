/*
 * server/acceptor: a loop takes in connections, and turns some away.
 *
 * What fails while accepting is either that one connection's misfortune, or a lack that passes: the
 * socket then rests for a moment, until a connection has gone. Who still finds no descriptor then
 * is told so, by means of one that each loop keeps for that: else the kernel would keep clients
 * waiting in silence.
 */
#include "server/acceptor.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "server/conn.h"
#include "server/server.h"

enum {
    ACCEPT_MOST = 256,      /* taken in a turn, so that those already here are served too */
    PAUSE_MS = 100,         /* without a descriptor left, until the next try */
    EPISODE_MS = 10 * 1000, /* without such a lack: the next one is told again */
    LINGER_MS = 100,        /* for those who had begun to connect when the address went */
};

union peer {
    struct sockaddr any;
    struct sockaddr_storage room;
};

/* ---- Turning away --------------------------------------------------------------------------- */

/* Told in HTTP, so that clients and proxies understand, as far as a line without a connection can
 * be told anything: what the peer has sent already is read, since to close over it would reset the
 * line, and the answer with it. */
static void refuse(struct worker *worker, int fd, enum limit limit)
{
    char text[128];
    int size =
        snprintf(text, sizeof text, "HTTP/1.1 %s\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
                 limit == LIMIT_PER_ADDRESS ? "429 Too Many Requests" : "503 Service Unavailable");

    (void)!recv(fd, worker->receive, WORKER_RECEIVE_SIZE, MSG_DONTWAIT);
    if (send(fd, text, (size_t)size, MSG_NOSIGNAL | MSG_DONTWAIT) > 0)
        shutdown(fd, SHUT_WR);
    close(fd);
}

static void refuse_beyond(struct worker *worker, int fd, enum limit limit, unsigned most,
                          const struct sockaddr *peer)
{
    if (limit_hit(&worker->server->limits, limit)) {
        bool per_address = limit == LIMIT_PER_ADDRESS;
        char text[ADDRESS_TEXT_SIZE] = "";

        if (per_address)
            address_text(peer, text);
        log_write(LOG_WARN, "conn.refused",
                  LOG_STR("why", per_address ? "its address has as many as it may"
                                             : "as many are open as may be"),
                  LOG_INT(per_address ? "per_address" : "connections", most),
                  LOG_STR("peer", per_address ? text : NULL),
                  LOG_INT("count", limit_hits(&worker->server->limits, limit)));
    }
    refuse(worker, fd, limit);
}

/* ---- Accepting ------------------------------------------------------------------------------ */

/* One socket as one worker waits at it. Owned by the worker; its thread only. */
struct acceptor {
    struct acceptor *next;
    struct worker *worker;
    struct listener *listener; /* a reference */
    struct event event;
    struct timer resume; /* of a pause */
    struct timer linger; /* until it goes, too: */
    bool retired;        /* its address is gone */
    int fd;
    bool is_unix;
};

/* It holds a place among the server's connections: is there one among its address's? */
void acceptor_take(struct worker *worker, int fd, const struct sockaddr *peer)
{
    struct server *server = worker->server;
    unsigned most = worker->routing->config->server.per_address;
    struct address_entry *address = NULL;
    enum address_answer answer = ADDRESS_ADMITTED;

    if (!server_admit(server)) {
        refuse_beyond(worker, fd, LIMIT_CONNECTIONS, server->connection_limit, peer);
        return;
    }
    if (peer != NULL)
        answer = address_admit(server->addresses, peer, most, &address);
    switch (answer) {
    case ADDRESS_ADMITTED:
        conn_accept(worker, fd, peer, address);
        return;
    case ADDRESS_FULL:
        refuse_beyond(worker, fd, LIMIT_PER_ADDRESS, most, peer);
        break;
    case ADDRESS_NO_MEMORY:
        log_write(LOG_ERROR, "conn.refused", LOG_STR("why", "no memory"));
        close(fd);
        break;
    }
    server_leave(server);
}

/* ---- When there is no descriptor ------------------------------------------------------------ */

/* No descriptor is left, or no memory: to try again at once would spin, so the socket rests for a
 * moment. Lacks that follow each other closely are one, and told once. */
static void acceptor_pause(struct acceptor *acceptor, int error)
{
    struct worker *worker = acceptor->worker;
    uint64_t now = loop_now(worker->loop);

    if (worker->lacked_at == 0 || now - worker->lacked_at >= EPISODE_MS)
        log_write(LOG_ERROR, "listener.paused", LOG_STR("why", strerror(error)),
                  LOG_INT("connections", atomic_load(&worker->server->open)));
    worker->lacked_at = now;
    event_del(&acceptor->event);
    if (!timer_set(worker->timers, &acceptor->resume, now + PAUSE_MS))
        event_add(&acceptor->event, NULL);
}

/* The pause is over; or, where the kernel has no memory to wait at one socket more, goes on. */
static void acceptor_wait(struct acceptor *acceptor)
{
    struct worker *worker = acceptor->worker;

    if (event_add(&acceptor->event, NULL) != 0)
        timer_set(worker->timers, &acceptor->resume, loop_now(worker->loop) + PAUSE_MS);
}

/* Nothing that may be used in any other way: it only keeps its number. */
static void spare_make(struct worker *worker)
{
    if (worker->spare < 0)
        worker->spare = eventfd(0, EFD_CLOEXEC);
}

/* With the spare descriptor, to tell somebody that there is no other. 0, or errno. */
static int refuse_with_spare(struct acceptor *acceptor)
{
    struct worker *worker = acceptor->worker;
    int fd, error;

    if (worker->spare < 0)
        return EMFILE;
    close(worker->spare);
    worker->spare = -1;
    fd = accept4(acceptor->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    error = fd < 0 ? errno : 0;
    if (fd >= 0) {
        if (limit_hit(&worker->server->limits, LIMIT_DESCRIPTORS))
            log_write(LOG_WARN, "conn.refused", LOG_STR("why", "no descriptor is left"),
                      LOG_INT("count", limit_hits(&worker->server->limits, LIMIT_DESCRIPTORS)));
        refuse(worker, fd, LIMIT_DESCRIPTORS);
    }
    spare_make(worker);
    return error;
}

/* ---- Turns ---------------------------------------------------------------------------------- */

/* True: no more for now. */
static bool accept_failed(struct acceptor *acceptor, int error)
{
    switch (error) {
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
        acceptor_pause(acceptor, error);
        return true;
    case EAGAIN:
        return true;
    default: /* that one connection died before it was taken */
        return false;
    }
}

/* `waited`: a pause has passed, so who is without a descriptor still is told. False: there may be
 * more. */
static bool accept_all(struct acceptor *acceptor, bool waited)
{
    for (unsigned taken = 0; taken < ACCEPT_MOST; taken++) {
        union peer peer;
        socklen_t size = sizeof peer;
        int fd = accept4(acceptor->fd, &peer.any, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
        int error = fd < 0 ? errno : 0;

        if (fd >= 0)
            acceptor_take(acceptor->worker, fd, acceptor->is_unix ? NULL : &peer.any);
        else if (waited && (error == EMFILE || error == ENFILE))
            error = refuse_with_spare(acceptor);
        if (error != 0 && accept_failed(acceptor, error))
            return true;
    }
    return false;
}

static void acceptor_event(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    accept_all(context, false);
}

static void acceptor_resume(struct loop *loop, struct timer *timer)
{
    (void)loop;
    struct acceptor *acceptor =
        (struct acceptor *)((char *)timer - offsetof(struct acceptor, resume));
    spare_make(acceptor->worker);
    acceptor_wait(acceptor);
    accept_all(acceptor, true);
}

void acceptor_wake(struct worker *worker)
{
    for (struct acceptor *acceptor = worker->acceptors; acceptor != NULL;
         acceptor = acceptor->next) {
        if (acceptor->resume.place == 0)
            continue;
        timer_unset(worker->timers, &acceptor->resume);
        acceptor_wait(acceptor);
    }
}

/* ---- Changing ------------------------------------------------------------------------------- */

/* For one worker: the main thread's until it is posted. */
struct acceptor_change {
    struct loop_message message; /* first */
    struct worker *worker;
    struct acceptor *fresh;
    unsigned kept_count;
    const struct listener *kept[]; /* only compared with */
};

static void acceptor_free(struct acceptor *acceptor)
{
    listener_unref(acceptor->listener);
    mem_free(acceptor);
}

/* It begins, as far as the kernel has memory; else a moment later. */
static void acceptor_start(struct acceptor *acceptor)
{
    struct worker *worker = acceptor->worker;

    acceptor->next = worker->acceptors;
    worker->acceptors = acceptor;
    event_assign(&acceptor->event, loop_base(worker->loop), acceptor->fd, EV_READ | EV_PERSIST,
                 acceptor_event, acceptor);
    acceptor_wait(acceptor);
}

static void acceptor_stop(struct acceptor *acceptor)
{
    struct worker *worker = acceptor->worker;
    struct acceptor **place = &worker->acceptors;

    while (*place != acceptor)
        place = &(*place)->next;
    *place = acceptor->next;
    timer_unset(worker->timers, &acceptor->resume);
    timer_unset(worker->timers, &acceptor->linger);
    event_del(&acceptor->event);
}

/* Closes the socket, if it was the last one at it. */
static void acceptor_let_go(struct acceptor *acceptor)
{
    struct server *server = acceptor->worker->server;
    bool retired = acceptor->retired;

    acceptor_stop(acceptor);
    acceptor_free(acceptor);
    if (retired)
        atomic_fetch_sub(&server->retiring, 1);
}

/* Those who wait are taken; where there is no descriptor for them, a moment later. */
static void acceptor_linger(struct loop *loop, struct timer *timer)
{
    struct acceptor *acceptor =
        (struct acceptor *)((char *)timer - offsetof(struct acceptor, linger));

    while (!accept_all(acceptor, false))
        continue;
    if (acceptor->resume.place != 0 &&
        timer_set(acceptor->worker->timers, timer, loop_now(loop) + LINGER_MS))
        return;
    acceptor_let_go(acceptor);
}

static void acceptor_retire(struct acceptor *acceptor)
{
    struct worker *worker = acceptor->worker;

    acceptor->retired = true;
    acceptor->linger.run = acceptor_linger;
    if (!timer_set(worker->timers, &acceptor->linger, loop_now(worker->loop) + LINGER_MS))
        acceptor_linger(worker->loop, &acceptor->linger);
}

static bool keeps(const struct acceptor_change *change, const struct acceptor *acceptor)
{
    for (unsigned i = 0; i < change->kept_count; i++)
        if (change->kept[i] == acceptor->listener)
            return true;
    return false;
}

void acceptor_begin(struct worker *worker, struct acceptor_change *change)
{
    struct acceptor *acceptor, *next;

    for (acceptor = worker->acceptors; acceptor != NULL; acceptor = next) {
        next = acceptor->next;
        if (!acceptor->retired && !keeps(change, acceptor))
            acceptor_retire(acceptor);
    }
    while ((acceptor = change->fresh) != NULL && !worker->stopping) {
        change->fresh = acceptor->next;
        acceptor_start(acceptor);
    }
    acceptor_change_free(change);
}

static void change_run(struct loop *loop, struct loop_message *message)
{
    if (loop_over(loop))
        acceptor_change_free((struct acceptor_change *)message);
    else
        acceptor_begin(loop_data(loop), (struct acceptor_change *)message);
}

static bool change_add(struct acceptor_change *change, struct listener *listener)
{
    struct acceptor *acceptor = mem_zalloc(sizeof *acceptor);

    if (acceptor == NULL)
        return false;
    *acceptor = (struct acceptor){.next = change->fresh,
                                  .worker = change->worker,
                                  .listener = listener_ref(listener),
                                  .fd = listener_socket(listener, loop_index(change->worker->loop)),
                                  .is_unix = listener_is_unix(listener),
                                  .resume = {.run = acceptor_resume}};
    change->fresh = acceptor;
    return true;
}

struct acceptor_change *acceptor_change_new(struct worker *worker,
                                            const struct listeners *listeners,
                                            const struct listeners *now)
{
    unsigned count = listeners_count(listeners);
    struct acceptor_change *change = mem_zalloc(sizeof *change + count * sizeof change->kept[0]);

    if (change == NULL)
        return NULL;
    change->message.run = change_run;
    change->worker = worker;
    for (unsigned i = 0; i < count; i++) {
        struct listener *listener = listeners_get(listeners, i);

        change->kept[change->kept_count++] = listener;
        if (now != NULL && listeners_hold(now, listener))
            continue;
        if (!change_add(change, listener)) {
            acceptor_change_free(change);
            return NULL;
        }
    }
    return change;
}

void acceptor_change_free(struct acceptor_change *change)
{
    struct acceptor *acceptor;

    while (change != NULL && (acceptor = change->fresh) != NULL) {
        change->fresh = acceptor->next;
        acceptor_free(acceptor);
    }
    mem_free(change);
}

void acceptor_change_post(struct acceptor_change *change)
{
    loop_post(change->worker->loop, &change->message);
}

/* ---- Beginning and end ---------------------------------------------------------------------- */

void acceptor_prepare(struct worker *worker)
{
    spare_make(worker);
}

void acceptor_end(struct worker *worker)
{
    while (worker->acceptors != NULL) {
        struct acceptor *acceptor = worker->acceptors;

        shutdown(acceptor->fd, SHUT_RDWR); /* who comes now is refused, and not left to wait */
        acceptor_let_go(acceptor);
    }
    if (worker->spare >= 0)
        close(worker->spare);
    worker->spare = -1;
}
