/*
 * server/listener: the sockets on which connections come in.
 *
 * SO_REUSEPORT gives each loop a queue of its own, and hides that a port is in use: so that is
 * asked for first. Of a Unix socket, what is in the way is a name, which may be that of a server
 * that died.
 */
#include "server/listener.h"

#include <errno.h>
#include <linux/filter.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "server/address.h"

enum {
    BACKLOG = 4096, /* connections the kernel completes ahead: a short queue stalls clients */
    TEXT_SIZE = 160,
    NAME_SIZE = TEXT_SIZE + 16, /* an address, and a loop's number */
};

union any_address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_un un;
    struct sockaddr_storage room;
};

struct target {
    union any_address address;
    socklen_t size;
    bool every; /* "*": of IPv4, too, where "::" is of IPv6 alone */
};

/* The main thread's, but for its references. */
struct listener {
    atomic_uint references;  /* of lists and acceptors */
    char text[TEXT_SIZE];    /* for people */
    char address[TEXT_SIZE]; /* as it is written: what it is kept by */
    struct target target;    /* as routing.conf says it: a port may be 0 */
    struct target bound;     /* and what became of it */
    bool is_unix;
    bool named;  /* it has a name, which goes with it */
    mode_t mode; /* of the name */
    unsigned count;
    int fds[]; /* one for each worker; of a Unix socket, all the same */
};

struct entry {
    struct listener *listener; /* a reference */
    mode_t mode;               /* that it is to have */
};

struct listeners {
    unsigned count;
    struct entry list[];
};

static int socket_bind(const struct target *target, bool shared)
{
    const struct sockaddr *address = &target->address.any;
    int on = 1, alone = !target->every;
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (shared)
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    if (address->sa_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &alone, sizeof alone);
    if (bind(fd, address, target->size) == 0)
        return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

/* ---- Sockets that outlive the process ------------------------------------------------------- */

static const struct listener_keeper *keeper;

void listeners_keep_by(const struct listener_keeper *by)
{
    keeper = by;
}

/* Of a Unix socket, which is one for all workers, by its address alone. */
static void name_kept(const struct listener *listener, unsigned worker, char name[NAME_SIZE])
{
    if (listener->is_unix)
        snprintf(name, NAME_SIZE, "%s", listener->address);
    else
        snprintf(name, NAME_SIZE, "%s#%u", listener->address, worker);
}

static int take_kept(const struct listener *listener, unsigned worker)
{
    char name[NAME_SIZE];

    name_kept(listener, worker, name);
    return keeper != NULL ? keeper->take(name) : -1;
}

static void keep(const struct listener *listener, unsigned worker)
{
    char name[NAME_SIZE];

    name_kept(listener, worker, name);
    if (keeper != NULL)
        keeper->keep(name, listener->fds[worker]);
}

static void forget(const struct listener *listener, unsigned worker)
{
    char name[NAME_SIZE];

    name_kept(listener, worker, name);
    if (keeper != NULL)
        keeper->forget(name);
}

/* ---- TCP ------------------------------------------------------------------------------------ */

static bool resolve(const char *host, uint16_t number, struct target *target)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *found;
    char port[8];

    snprintf(port, sizeof port, "%u", number);
    if (getaddrinfo(host, port, &hints, &found) != 0) {
        errno = EADDRNOTAVAIL;
        return false;
    }
    memcpy(&target->address, found->ai_addr, found->ai_addrlen);
    target->size = found->ai_addrlen;
    freeaddrinfo(found);
    return true;
}

static bool has_v6(void)
{
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static bool target_of_tcp(const struct listen_config *config, struct target *target)
{
    if (strcmp(config->host, "*") != 0)
        return resolve(config->host, config->port, target);
    target->every = has_v6();
    return resolve(target->every ? "::" : "0.0.0.0", config->port, target);
}

/* SO_REUSEPORT would let a second server share the port in silence, each getting half of the
 * clients. So the address is first bound as if it were for one alone. */
static bool is_free(struct target *target)
{
    int fd = socket_bind(target, false);

    if (fd < 0)
        return false;
    /* A port of 0 becomes the one that was chosen. */
    getsockname(fd, &target->address.any, &target->size);
    close(fd);
    return true;
}

/* Where sockets are to be bound to. One that is kept says so itself: a port that was chosen stays,
 * and it is in use by us. `ours`: sockets of this server are at that port, which may be what is in
 * the way: those of 127.0.0.1:8000 that are to become 0.0.0.0:8000, say. */
static bool find_place(struct listener *listener, bool ours)
{
    struct target *bound = &listener->bound;

    *bound = listener->target;
    if (listener->fds[0] < 0)
        return is_free(bound) || (ours && errno == EADDRINUSE);
    bound->size = sizeof bound->address;
    return getsockname(listener->fds[0], &bound->address.any, &bound->size) == 0;
}

static bool open_tcp(struct listener *listener, bool ours)
{
    char text[ADDRESS_TEXT_SIZE];

    for (unsigned i = 0; i < listener->count; i++)
        listener->fds[i] = take_kept(listener, i);
    if (!find_place(listener, ours))
        return false;
    for (unsigned i = 0; i < listener->count; i++) {
        if (listener->fds[i] < 0)
            listener->fds[i] = socket_bind(&listener->bound, true);
        if (listener->fds[i] < 0 || listen(listener->fds[i], BACKLOG) != 0)
            return false;
        keep(listener, i);
    }
    address_text(&listener->bound.address.any, text);
    snprintf(listener->text, sizeof listener->text, "http://%s", text);
    return true;
}

/* Whoever begins to connect gets no answer any more, for SYNs are thrown away; who has begun is let
 * in. To close the socket instead would reset those who were let in and not accepted yet. */
static void close_to_newcomers(const struct listener *listener)
{
    struct sock_filter drop_syn[] = {
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 13), /* the flags of the TCP header */
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 0x02, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, 0),
        BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
    };
    struct sock_fprog program = {sizeof drop_syn / sizeof *drop_syn, drop_syn};

    for (unsigned i = 0; i < listener->count; i++)
        setsockopt(listener->fds[i], SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program);
}

/* ---- Unix sockets --------------------------------------------------------------------------- */

static bool is_socket(const char *path)
{
    struct stat status;

    return lstat(path, &status) == 0 && S_ISSOCK(status.st_mode);
}

/* A name left by a server that died is removed; one that answers is in use. */
static bool remove_stale(const struct target *target)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return false;
    int result = connect(fd, &target->address.any, target->size);
    int error = errno;
    close(fd);
    if (result == 0) {
        errno = EADDRINUSE;
        return false;
    }
    if (error == ECONNREFUSED && is_socket(target->address.un.sun_path))
        unlink(target->address.un.sun_path);
    return true;
}

static bool target_of_unix(const struct listen_config *config, struct target *target)
{
    struct sockaddr_un *name = &target->address.un;

    if (strlen(config->unix_path) >= sizeof name->sun_path) {
        errno = ENAMETOOLONG;
        return false;
    }
    name->sun_family = AF_UNIX;
    strcpy(name->sun_path, config->unix_path);
    target->size = sizeof *name;
    return true;
}

static const char *name_of(const struct listener *listener)
{
    return listener->target.address.un.sun_path;
}

static int bind_unix(const struct target *target)
{
    if (!remove_stale(target))
        return -1;
    mode_t before = umask(0777); /* nobody gets in before its mode is set */
    int fd = socket_bind(target, false);
    umask(before);
    return fd;
}

static bool open_unix(struct listener *listener)
{
    int fd = take_kept(listener, 0);

    if (fd >= 0 && !is_socket(name_of(listener))) { /* nobody finds it any more */
        close(fd);
        fd = -1;
    }
    if (fd < 0)
        fd = bind_unix(&listener->target);
    for (unsigned i = 0; i < listener->count; i++)
        listener->fds[i] = fd;
    listener->named = fd >= 0;
    snprintf(listener->text, sizeof listener->text, "unix:%s", name_of(listener));
    if (fd < 0 || chmod(name_of(listener), listener->mode) != 0 || listen(fd, BACKLOG) != 0)
        return false;
    keep(listener, 0);
    return true;
}

/* ---- One of them ---------------------------------------------------------------------------- */

/* Nobody is to find it any more. */
static void retire(struct listener *listener)
{
    for (unsigned i = 0; i < listener->count; i++)
        if (listener->fds[i] >= 0 && (i == 0 || !listener->is_unix))
            forget(listener, i);
    if (listener->named)
        unlink(name_of(listener));
    listener->named = false;
}

struct listener *listener_ref(struct listener *listener)
{
    atomic_fetch_add(&listener->references, 1);
    return listener;
}

void listener_unref(struct listener *listener)
{
    if (listener == NULL || atomic_fetch_sub(&listener->references, 1) > 1)
        return;
    for (unsigned i = 0; i < listener->count; i++) {
        bool shared = listener->is_unix && i > 0;

        if (listener->fds[i] >= 0 && !shared)
            close(listener->fds[i]);
    }
    mem_free(listener);
}

static struct listener *listener_open(const struct target *target,
                                      const struct listen_config *config, unsigned count, bool ours)
{
    struct listener *listener = mem_zalloc(sizeof *listener + count * sizeof listener->fds[0]);

    if (listener == NULL) {
        errno = ENOMEM;
        return NULL;
    }
    atomic_init(&listener->references, 1);
    listener->target = *target;
    listener->is_unix = config->unix_path != NULL;
    snprintf(listener->address, sizeof listener->address, "%s", config->address);
    listener->mode = config->mode;
    listener->count = count;
    for (unsigned i = 0; i < count; i++)
        listener->fds[i] = -1;
    if (listener->is_unix ? open_unix(listener) : open_tcp(listener, ours))
        return listener;
    int error = errno;
    retire(listener);
    listener_unref(listener);
    errno = error;
    return NULL;
}

int listener_socket(const struct listener *listener, unsigned worker)
{
    return listener->fds[worker];
}

bool listener_is_unix(const struct listener *listener)
{
    return listener->is_unix;
}

/* ---- All of them ---------------------------------------------------------------------------- */

void listeners_close(struct listeners *listeners)
{
    if (listeners == NULL)
        return;
    for (unsigned i = 0; i < listeners->count; i++) {
        struct listener *listener = listeners->list[i].listener;

        if (atomic_load(&listener->references) == 1) /* no acceptor has it */
            retire(listener);
        listener_unref(listener);
    }
    mem_free(listeners);
}

static bool same_target(const struct target *a, const struct target *b)
{
    return a->size == b->size && a->every == b->every &&
           memcmp(&a->address, &b->address, a->size) == 0;
}

/* The one that `now` has for this target; NULL: none that is not in `next` already, since each port
 * of 0 is another one. */
static struct listener *find(const struct listeners *now, const struct listeners *next,
                             const struct target *target)
{
    for (unsigned i = 0; now != NULL && i < now->count; i++) {
        struct listener *listener = now->list[i].listener;

        if ((same_target(&listener->target, target) || same_target(&listener->bound, target)) &&
            !listeners_hold(next, listener))
            return listener;
    }
    return NULL;
}

/* 0: any, or none. */
static in_port_t port_of(const struct target *target)
{
    if (target->address.any.sa_family == AF_INET)
        return target->address.v4.sin_port;
    return target->address.any.sa_family == AF_INET6 ? target->address.v6.sin6_port : 0;
}

static bool has_port(const struct listeners *now, in_port_t port)
{
    for (unsigned i = 0; now != NULL && port != 0 && i < now->count; i++)
        if (port_of(&now->list[i].listener->bound) == port)
            return true;
    return false;
}

static struct listener *find_or_open(const struct listeners *now, const struct listeners *next,
                                     const struct listen_config *config, unsigned count)
{
    struct target target = {.size = 0};
    bool known = config->unix_path != NULL ? target_of_unix(config, &target)
                                           : target_of_tcp(config, &target);
    struct listener *listener = known ? find(now, next, &target) : NULL;

    if (listener != NULL)
        return listener_ref(listener);
    return known ? listener_open(&target, config, count, has_port(now, port_of(&target))) : NULL;
}

struct listeners *listeners_open(const struct config *config, unsigned count,
                                 const struct listeners *now, struct diag *diag)
{
    struct listeners *listeners =
        mem_zalloc(sizeof *listeners + config->listen_count * sizeof listeners->list[0]);
    bool done = listeners != NULL;

    if (listeners == NULL)
        diag_add(diag, DIAG_ERROR, &config->source, (struct place){0}, NULL, "no memory");
    for (unsigned i = 0; listeners != NULL && i < config->listen_count; i++) {
        const struct listen_config *one = &config->listens[i];
        struct listener *listener = find_or_open(now, listeners, one, count);

        if (listener != NULL) {
            listeners->list[listeners->count++] = (struct entry){listener, one->mode};
            continue;
        }
        diag_add(diag, DIAG_ERROR, &config->source, one->place, NULL, "cannot listen on \"%s\": %s",
                 one->address, strerror(errno));
        done = false;
    }
    if (done)
        return listeners;
    listeners_close(listeners);
    return NULL;
}

static void change_mode(struct listener *listener, mode_t mode)
{
    if (!listener->is_unix || listener->mode == mode)
        return;
    if (chmod(name_of(listener), mode) != 0)
        log_write(LOG_ERROR, "listener.mode", LOG_STR("address", listener->text),
                  LOG_STR("why", strerror(errno)));
    listener->mode = mode;
}

unsigned listeners_replace(const struct listeners *listeners, const struct listeners *now)
{
    unsigned gone = 0;

    for (unsigned i = 0; i < listeners->count; i++) {
        struct listener *listener = listeners->list[i].listener;

        change_mode(listener, listeners->list[i].mode);
        if (!listeners_hold(now, listener))
            log_write(LOG_INFO, "listener.opened", LOG_STR("address", listener->text));
    }
    for (unsigned i = 0; i < now->count; i++) {
        struct listener *listener = now->list[i].listener;

        if (listeners_hold(listeners, listener))
            continue;
        gone++;
        log_write(LOG_INFO, "listener.closed", LOG_STR("address", listener->text));
        retire(listener);
        if (!listener->is_unix)
            close_to_newcomers(listener);
    }
    return gone;
}

unsigned listeners_count(const struct listeners *listeners)
{
    return listeners->count;
}

const char *listeners_address(const struct listeners *listeners, unsigned index)
{
    return listeners->list[index].listener->text;
}

struct listener *listeners_get(const struct listeners *listeners, unsigned index)
{
    return listeners->list[index].listener;
}

bool listeners_hold(const struct listeners *listeners, const struct listener *listener)
{
    for (unsigned i = 0; i < listeners->count; i++)
        if (listeners->list[i].listener == listener)
            return true;
    return false;
}
