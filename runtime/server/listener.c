/*
 * server/listener: the sockets on which connections come in.
 *
 * SO_REUSEPORT gives each loop a queue of its own, and hides that a port is in use: so that is
 * asked for first. Of a Unix socket, what is in the way is a name, which may be that of a server
 * that died.
 */
#include "server/listener.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/mem.h"
#include "server/address.h"

enum {
    BACKLOG = 4096, /* connections the kernel completes ahead: a short queue stalls clients */
    TEXT_SIZE = 160,
};

/* An address of routing.conf, and its sockets. */
struct listener {
    char text[TEXT_SIZE];  /* for people */
    const char *unix_path; /* the config's own; NULL for TCP */
    int *fds;              /* one for each worker; of a Unix socket, all the same */
};

/* Owned by the server. */
struct listeners {
    struct config *config; /* a reference */
    unsigned worker_count;
    unsigned count;
    struct listener *list;
};

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

/* ---- TCP ------------------------------------------------------------------------------------ */

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

static void describe_tcp(struct listener *listener, const union any_address *bound)
{
    char text[ADDRESS_TEXT_SIZE];

    address_text(&bound->any, text);
    snprintf(listener->text, sizeof listener->text, "http://%s", text);
}

static bool open_tcp(const struct listen_config *config, struct listener *listener, unsigned count)
{
    union any_address bound = {.any = {0}};
    socklen_t size;

    if (!resolve(config, &bound, &size) || !address_is_free(&bound, size))
        return false;
    for (unsigned i = 0; i < count; i++) {
        listener->fds[i] = socket_bind(&bound, size, true);
        if (listener->fds[i] < 0 || listen(listener->fds[i], BACKLOG) != 0)
            return false;
    }
    describe_tcp(listener, &bound);
    return true;
}

/* ---- Unix sockets --------------------------------------------------------------------------- */

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

static bool open_unix(const struct listen_config *config, struct listener *listener, unsigned count)
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
        listener->fds[i] = fd;
    if (fd < 0)
        return false;
    listener->unix_path = config->unix_path;
    snprintf(listener->text, sizeof listener->text, "unix:%s", config->unix_path);
    return chmod(config->unix_path, config->mode) == 0 && listen(fd, BACKLOG) == 0;
}

/* ---- All of them ---------------------------------------------------------------------------- */

static void listener_close(struct listener *listener, unsigned count)
{
    for (unsigned i = 0; listener->fds != NULL && i < count; i++) {
        bool shared = listener->unix_path != NULL && i > 0;

        if (listener->fds[i] >= 0 && !shared)
            close(listener->fds[i]);
    }
    if (listener->unix_path != NULL)
        unlink(listener->unix_path);
    mem_free(listener->fds);
}

void listeners_close(struct listeners *listeners)
{
    if (listeners == NULL)
        return;
    for (unsigned i = 0; i < listeners->count; i++)
        listener_close(&listeners->list[i], listeners->worker_count);
    config_unref(listeners->config);
    mem_free(listeners->list);
    mem_free(listeners);
}

static bool listener_open(const struct listen_config *config, struct listener *listener,
                          unsigned count)
{
    listener->fds = mem_alloc(count * sizeof *listener->fds);
    if (listener->fds == NULL) {
        errno = ENOMEM;
        return false;
    }
    for (unsigned i = 0; i < count; i++)
        listener->fds[i] = -1;
    return config->unix_path != NULL ? open_unix(config, listener, count)
                                     : open_tcp(config, listener, count);
}

struct listeners *listeners_open(const struct config *config, unsigned count, struct diag *diag)
{
    struct listeners *listeners = mem_zalloc(sizeof *listeners);
    struct listener *list = mem_zalloc((config->listen_count + 1) * sizeof *list);

    if (listeners == NULL || list == NULL) {
        mem_free(listeners);
        mem_free(list);
        diag_add(diag, DIAG_ERROR, &config->source, (struct place){0}, NULL, "no memory");
        return NULL;
    }
    *listeners =
        (struct listeners){config_ref((struct config *)config), count, config->listen_count, list};
    for (unsigned i = 0; i < config->listen_count; i++) {
        const struct listen_config *one = &config->listens[i];

        if (!listener_open(one, &list[i], count))
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
    return listeners->count;
}

const char *listeners_address(const struct listeners *listeners, unsigned index)
{
    return listeners->list[index].text;
}

int listeners_socket(const struct listeners *listeners, unsigned index, unsigned worker)
{
    return listeners->list[index].fds[worker];
}

bool listeners_is_unix(const struct listeners *listeners, unsigned index)
{
    return listeners->list[index].unix_path != NULL;
}
