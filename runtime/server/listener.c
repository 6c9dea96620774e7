/*
 * server/listener: the sockets on which connections come in.
 *
 * Sockets are opened by the main thread, waited at by the loops. What fails while accepting is
 * either that one connection's misfortune, or a lack that passes: the socket then rests for a
 * moment, until a connection has gone. Who still finds no descriptor then is told so, by means of
 * one that each loop keeps for that: else the kernel would keep clients waiting in silence.
 */
#include "server/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "server/conn.h"
#include "server/server.h"

enum {
    BACKLOG = 4096,    /* connections the kernel completes ahead: a short queue stalls clients */
    ACCEPT_MOST = 256, /* taken in a turn, so that those already here are served too */
    PAUSE_MS = 100,    /* without a descriptor left, until the next try */
    EPISODE_MS = 10 * 1000, /* without such a lack: the next one is told again */
    ADDRESS_SIZE = 160,
};

struct address {
    char text[ADDRESS_SIZE]; /* for people */
    const char *unix_path;   /* the config's own; NULL for TCP */
    int *fds;                /* one for each worker; of a Unix socket, all the same */
};

/* Owned by the server. */
struct listeners {
    struct config *config; /* a reference */
    unsigned worker_count;
    unsigned address_count;
    struct address *addresses;
};

/* ---- Opening -------------------------------------------------------------------------------- */

union any_address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_un un;
    struct sockaddr_storage room;
};

static int socket_bind(const union any_address *address, socklen_t size, bool shared)
{
    int on = 1;
    int fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (shared)
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    if (address->any.sa_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    if (bind(fd, &address->any, size) == 0)
        return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

/* SO_REUSEPORT would let a second server share the port in silence, each getting half of the
 * clients. So the address is first bound as if it were for one alone. */
static bool address_is_free(union any_address *address, socklen_t size)
{
    int fd = socket_bind(address, size, false);

    if (fd < 0)
        return false;
    getsockname(fd, &address->any, &size); /* a port of 0 becomes the one that was chosen */
    close(fd);
    return true;
}

static bool resolve(const struct listen_config *config, union any_address *address, socklen_t *size)
{
    const char *host = strcmp(config->host, "*") == 0 ? "::" : config->host;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *found;
    char port[8];

    snprintf(port, sizeof port, "%u", config->port);
    if (getaddrinfo(host, port, &hints, &found) != 0) {
        errno = EADDRNOTAVAIL;
        return false;
    }
    memcpy(address, found->ai_addr, found->ai_addrlen);
    *size = found->ai_addrlen;
    freeaddrinfo(found);
    return true;
}

static void describe_tcp(struct address *address, const union any_address *bound)
{
    char host[INET6_ADDRSTRLEN] = "";
    bool v6 = bound->any.sa_family == AF_INET6;

    if (v6)
        inet_ntop(AF_INET6, &bound->v6.sin6_addr, host, sizeof host);
    else
        inet_ntop(AF_INET, &bound->v4.sin_addr, host, sizeof host);
    snprintf(address->text, sizeof address->text, v6 ? "http://[%s]:%u" : "http://%s:%u", host,
             ntohs(v6 ? bound->v6.sin6_port : bound->v4.sin_port));
}

static bool open_tcp(const struct listen_config *config, struct address *address, unsigned count)
{
    union any_address bound = {.any = {0}};
    socklen_t size;

    if (!resolve(config, &bound, &size) || !address_is_free(&bound, size))
        return false;
    for (unsigned i = 0; i < count; i++) {
        address->fds[i] = socket_bind(&bound, size, true);
        if (address->fds[i] < 0 || listen(address->fds[i], BACKLOG) != 0)
            return false;
    }
    describe_tcp(address, &bound);
    return true;
}

/* A name left by a server that died is removed; one that answers is in use. */
static bool remove_stale(const union any_address *address)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return false;
    int result = connect(fd, &address->any, sizeof address->un);
    int error = errno;
    close(fd);
    if (result == 0) {
        errno = EADDRINUSE;
        return false;
    }
    struct stat status;
    bool is_socket = lstat(address->un.sun_path, &status) == 0 && S_ISSOCK(status.st_mode);
    if (error == ECONNREFUSED && is_socket)
        unlink(address->un.sun_path);
    return true;
}

static bool open_unix(const struct listen_config *config, struct address *address, unsigned count)
{
    union any_address name = {.un = {.sun_family = AF_UNIX}};

    if (strlen(config->unix_path) >= sizeof name.un.sun_path) {
        errno = ENAMETOOLONG;
        return false;
    }
    strcpy(name.un.sun_path, config->unix_path);
    if (!remove_stale(&name))
        return false;
    mode_t before = umask(0777); /* nobody gets in before its mode is set */
    int fd = socket_bind(&name, sizeof name.un, false);
    umask(before);
    for (unsigned i = 0; i < count; i++)
        address->fds[i] = fd;
    if (fd < 0)
        return false;
    address->unix_path = config->unix_path;
    snprintf(address->text, sizeof address->text, "unix:%s", config->unix_path);
    return chmod(config->unix_path, config->mode) == 0 && listen(fd, BACKLOG) == 0;
}

static void address_close(struct address *address, unsigned count)
{
    for (unsigned i = 0; address->fds != NULL && i < count; i++) {
        bool shared = address->unix_path != NULL && i > 0;

        if (address->fds[i] >= 0 && !shared)
            close(address->fds[i]);
    }
    if (address->unix_path != NULL)
        unlink(address->unix_path);
    mem_free(address->fds);
}

void listeners_close(struct listeners *listeners)
{
    if (listeners == NULL)
        return;
    for (unsigned i = 0; i < listeners->address_count; i++)
        address_close(&listeners->addresses[i], listeners->worker_count);
    config_unref(listeners->config);
    mem_free(listeners->addresses);
    mem_free(listeners);
}

static bool address_open(const struct listen_config *config, struct address *address,
                         unsigned count)
{
    address->fds = mem_alloc(count * sizeof *address->fds);
    if (address->fds == NULL) {
        errno = ENOMEM;
        return false;
    }
    for (unsigned i = 0; i < count; i++)
        address->fds[i] = -1;
    return config->unix_path != NULL ? open_unix(config, address, count)
                                     : open_tcp(config, address, count);
}

struct listeners *listeners_open(const struct config *config, unsigned count, struct diag *diag)
{
    struct listeners *listeners = mem_zalloc(sizeof *listeners);
    struct address *addresses = mem_zalloc((config->listen_count + 1) * sizeof *addresses);

    if (listeners == NULL || addresses == NULL) {
        mem_free(listeners);
        mem_free(addresses);
        diag_add(diag, DIAG_ERROR, &config->source, (struct place){0}, NULL, "no memory");
        return NULL;
    }
    *listeners = (struct listeners){config_ref((struct config *)config), count,
                                    config->listen_count, addresses};
    for (unsigned i = 0; i < config->listen_count; i++) {
        const struct listen_config *one = &config->listens[i];

        if (!address_open(one, &addresses[i], count))
            diag_add(diag, DIAG_ERROR, &config->source, one->place, NULL,
                     "cannot listen on \"%s\": %s", one->address, strerror(errno));
    }
    if (diag->errors == 0)
        return listeners;
    listeners_close(listeners);
    return NULL;
}

unsigned listeners_count(const struct listeners *listeners)
{
    return listeners->address_count;
}

const char *listeners_address(const struct listeners *listeners, unsigned index)
{
    return listeners->addresses[index].text;
}

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
        bool one = limit == LIMIT_PER_ADDRESS;
        char text[ADDRESS_TEXT_SIZE] = "";

        if (one)
            address_text(peer, text);
        log_write(LOG_WARN, "conn.refused",
                  LOG_STR("why",
                          one ? "its address has as many as it may" : "as many are open as may be"),
                  LOG_INT(one ? "per_address" : "connections", most),
                  LOG_STR("peer", one ? text : NULL),
                  LOG_INT("count", limit_hits(&worker->server->limits, limit)));
    }
    refuse(worker, fd, limit);
}

/* ---- Accepting ------------------------------------------------------------------------------ */

/* One socket as one worker waits at it. Owned by the worker; its thread only. */
struct listener {
    struct listener *next;
    struct worker *worker;
    struct event *event;
    struct timer resume; /* of a pause */
    int fd;
    bool is_unix;
};

/* It holds a place among the server's connections: is there one among its address's? */
static void take(struct listener *listener, int fd, const struct sockaddr *peer)
{
    struct worker *worker = listener->worker;
    struct server *server = worker->server;
    unsigned most = worker->routing->config->server.per_address;
    struct address_entry *address = NULL;
    enum address_answer answer = ADDRESS_ADMITTED;

    if (!server_admit(server)) {
        refuse_beyond(worker, fd, LIMIT_CONNECTIONS, server->connection_limit, peer);
        return;
    }
    if (!listener->is_unix)
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

/* No descriptor is left, or no memory: to try again at once would spin, so the socket rests for a
 * moment. Lacks that follow each other closely are one, and told once. */
static void listener_pause(struct listener *listener, int error)
{
    struct worker *worker = listener->worker;
    uint64_t now = loop_now(worker->loop);

    if (worker->lacked_at == 0 || now - worker->lacked_at >= EPISODE_MS)
        log_write(LOG_ERROR, "listener.paused", LOG_STR("why", strerror(error)),
                  LOG_INT("connections", atomic_load(&worker->server->open)));
    worker->lacked_at = now;
    event_del(listener->event);
    if (!timer_set(worker->timers, &listener->resume, now + PAUSE_MS))
        event_add(listener->event, NULL);
}

/* Nothing that may be used in any other way: it only keeps its number. */
static void spare_make(struct worker *worker)
{
    if (worker->spare < 0)
        worker->spare = eventfd(0, EFD_CLOEXEC);
}

/* With the spare descriptor, to tell somebody that there is no other. 0, or errno. */
static int refuse_with_spare(struct listener *listener)
{
    struct worker *worker = listener->worker;
    int fd, error;

    if (worker->spare < 0)
        return EMFILE;
    close(worker->spare);
    worker->spare = -1;
    fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
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

/* True: no more for now. */
static bool accept_failed(struct listener *listener, int error)
{
    switch (error) {
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
        listener_pause(listener, error);
        return true;
    case EAGAIN:
        return true;
    default: /* that one connection died before it was taken */
        return false;
    }
}

/* `waited`: a pause has passed, so who is without a descriptor still is told. */
static void accept_all(struct listener *listener, bool waited)
{
    for (unsigned taken = 0; taken < ACCEPT_MOST; taken++) {
        union any_address peer;
        socklen_t size = sizeof peer;
        int fd = accept4(listener->fd, &peer.any, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
        int error = fd < 0 ? errno : 0;

        if (fd >= 0)
            take(listener, fd, &peer.any);
        else if (waited && (error == EMFILE || error == ENFILE))
            error = refuse_with_spare(listener);
        if (error != 0 && accept_failed(listener, error))
            return;
    }
}

static void listener_event(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    accept_all(context, false);
}

static void listener_resume(struct loop *loop, struct timer *timer)
{
    (void)loop;
    struct listener *listener =
        (struct listener *)((char *)timer - offsetof(struct listener, resume));
    spare_make(listener->worker);
    event_add(listener->event, NULL);
    accept_all(listener, true);
}

void listener_wake(struct worker *worker)
{
    for (struct listener *listener = worker->listeners; listener != NULL;
         listener = listener->next) {
        if (listener->resume.place == 0)
            continue;
        timer_unset(worker->timers, &listener->resume);
        event_add(listener->event, NULL);
    }
}

static bool listener_add(struct worker *worker, int fd, bool is_unix)
{
    struct listener *listener = mem_zalloc(sizeof *listener);

    if (listener == NULL)
        return false;
    *listener = (struct listener){.next = worker->listeners,
                                  .worker = worker,
                                  .fd = fd,
                                  .is_unix = is_unix,
                                  .resume = {.run = listener_resume}};
    listener->event =
        event_new(loop_base(worker->loop), fd, EV_READ | EV_PERSIST, listener_event, listener);
    if (listener->event == NULL || event_add(listener->event, NULL) != 0) {
        if (listener->event != NULL)
            event_free(listener->event);
        mem_free(listener);
        return false;
    }
    worker->listeners = listener;
    return true;
}

bool listener_begin(struct worker *worker, struct listeners *listeners)
{
    spare_make(worker);
    for (unsigned i = 0; i < listeners->address_count; i++) {
        const struct address *address = &listeners->addresses[i];

        if (!listener_add(worker, address->fds[loop_index(worker->loop)],
                          address->unix_path != NULL))
            return false;
    }
    return true;
}

void listener_end(struct worker *worker)
{
    while (worker->listeners != NULL) {
        struct listener *listener = worker->listeners;

        worker->listeners = listener->next;
        timer_unset(worker->timers, &listener->resume);
        event_free(listener->event);
        shutdown(listener->fd, SHUT_RDWR); /* who comes now is refused, and not left to wait */
        mem_free(listener);
    }
    if (worker->spare >= 0)
        close(worker->spare);
    worker->spare = -1;
}
