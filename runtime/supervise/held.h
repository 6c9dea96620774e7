/*
 * supervise/held: listening sockets that outlive the server that made them.
 */
#ifndef SUPERVISE_HELD_H
#define SUPERVISE_HELD_H

#include <stdbool.h>
#include <stddef.h>

struct held_socket {
    char *name; /* see server/listener */
    int fd;
};

/* Of the supervisor. All zero is none. */
struct held {
    struct held_socket *sockets;
    size_t count;
};

/* Takes over the descriptor, in place of one that has this name. */
void held_add(struct held *held, const char *name, int fd);
void held_remove(struct held *held, const char *name);
/* `names`: also the names of Unix sockets in the file system, which a server that was killed could
 * not remove. */
void held_free(struct held *held, bool names);

#endif
