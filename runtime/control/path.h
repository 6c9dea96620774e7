/*
 * control/path: where the control socket of a routing.conf is.
 *
 * Whoever asks for a server knows its routing.conf, so the socket's name is made of that: of the
 * path as it was given (a name like /srv/current/routing.conf may lead elsewhere by the time of the
 * reload), and of the path behind all symbolic links (so that any name of the file will do). They
 * are in a directory that belongs to the server's user and that nobody else can write to:
 *
 *     /run/sluice                root's, or the user's to whom root has given it
 *     $XDG_RUNTIME_DIR/sluice    else
 *     /run/user/UID/sluice       else: for who asks with another environment than the server's
 *     /tmp/sluice-UID            else
 *
 * `control PATH` in routing.conf names another place. Root finds, beside its own, the servers of
 * the user whom routing.conf belongs to, those in /run/sluice, and those at a PATH.
 */
#ifndef CONTROL_PATH_H
#define CONTROL_PATH_H

#include <sys/types.h>
#include <sys/un.h>

#include "base/text.h"
#include "conf/config.h"

#define CONTROL_PATH_SIZE sizeof(((struct sockaddr_un *)0)->sun_path)
#define CONTROL_NAMES     2

/* A place where the socket goes, or may be. */
struct control_path {
    char path[CONTROL_PATH_SIZE];
    uid_t owner; /* of its directory, as it was found */
};

/* For the server: one path for each name of the file. The directory is made if need be. 0: there is
 * no place, and `why` says so for each that was tried. */
unsigned control_path_own(const char *file, const struct config *config,
                          struct control_path paths[CONTROL_NAMES], struct text *why);

/* Is it the name of such a socket, without its directory? */
bool control_path_is_name(const char *name);

/* For who asks: where the socket may be, the likeliest first, in directories that can be trusted to
 * hold what their owner has put there. `config` may be NULL. */
#define CONTROL_PATHS_MAX 16
unsigned control_path_likely(const char *file, const struct config *config,
                             struct control_path paths[CONTROL_PATHS_MAX]);

#endif
