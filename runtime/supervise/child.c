/*
 * supervise/child: the supervisor's child: this program, executed anew, with its end of the tether.
 */
#include "supervise/child.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/self.h"
#include "supervise/supervised.h"

extern char **environ;

/* What it is to hear of once it has handlers, so that none of it ends it before. */
static void signals_to_block(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGHUP);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGTERM);
}

static int set_attributes(posix_spawnattr_t *attributes)
{
    sigset_t block, reset;

    signals_to_block(&block);
    sigfillset(&reset);
    posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
                                             POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setpgroup(attributes, 0);
    posix_spawnattr_setsigdefault(attributes, &reset);
    return posix_spawnattr_setsigmask(attributes, &block);
}

/* `end` keeps its number in it. */
static int spawn_with(char *const *words, int end, pid_t *server)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    char number[16];
    int error = posix_spawn_file_actions_init(&actions);

    if (error != 0)
        return error;
    error = posix_spawnattr_init(&attributes);
    if (error != 0) {
        posix_spawn_file_actions_destroy(&actions);
        return error;
    }
    snprintf(number, sizeof number, "%d", end);
    error = posix_spawn_file_actions_adddup2(&actions, end, end); /* it is not closed there */
    if (error == 0)
        error = set_attributes(&attributes);
    if (error == 0 && setenv(SUPERVISED_VARIABLE, number, 1) != 0)
        error = errno;
    if (error == 0)
        error = posix_spawn(server, self_program(), &actions, &attributes, words, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return error;
}

int child_start(char *const *words, pid_t *server, int *end)
{
    int ends[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
        return errno;
    int error = spawn_with(words, ends[1], server);
    close(ends[1]);
    if (error == 0)
        *end = ends[0];
    else
        close(ends[0]);
    return error;
}
