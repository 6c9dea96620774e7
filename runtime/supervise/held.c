/*
 * supervise/held: listening sockets that outlive the server that made them.
 */
#include "supervise/held.h"

#include <string.h>
#include <unistd.h>

#include "base/mem.h"

void held_remove(struct held *held, const char *name)
{
    for (size_t i = 0; i < held->count; i++) {
        struct held_socket *socket = &held->sockets[i];

        if (strcmp(socket->name, name) != 0)
            continue;
        close(socket->fd);
        mem_free(socket->name);
        *socket = held->sockets[--held->count];
        return;
    }
}

/* Without memory it is not held: the next server opens one, and who waits here is lost. */
void held_add(struct held *held, const char *name, int fd)
{
    struct held_socket *sockets = mem_realloc(held->sockets, (held->count + 1) * sizeof *sockets);
    char *copy = mem_strdup(name);

    if (sockets != NULL)
        held->sockets = sockets;
    if (sockets == NULL || copy == NULL) {
        mem_free(copy);
        close(fd);
        return;
    }
    held_remove(held, name); /* which the server was given, and gives back */
    held->sockets[held->count++] = (struct held_socket){copy, fd};
}

static void remove_name(const char *name)
{
    static const char prefix[] = "unix:";

    if (strncmp(name, prefix, strlen(prefix)) == 0)
        unlink(name + strlen(prefix));
}

void held_free(struct held *held, bool names)
{
    for (size_t i = 0; i < held->count; i++) {
        if (names)
            remove_name(held->sockets[i].name);
        close(held->sockets[i].fd);
        mem_free(held->sockets[i].name);
    }
    mem_free(held->sockets);
    *held = (struct held){.count = 0};
}
