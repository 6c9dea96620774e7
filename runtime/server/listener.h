/*
 * server/listener: the sockets on which connections come in.
 *
 * Each loop has its own TCP socket for each address (SO_REUSEPORT), so that the kernel spreads
 * connections and no lock is shared; a Unix socket is one, and all loops wait at it. All are opened
 * before anything serves, so that an address that is taken is an error at its place in
 * routing.conf. A reload opens those that are new and goes on with the others: a listener is
 * counted, and its sockets close when the last loop has let go of it.
 */
#ifndef SERVER_LISTENER_H
#define SERVER_LISTENER_H

#include "conf/config.h"

/* One address, and its sockets. */
struct listener;

/* Those of a routing.conf. Owned by the server, or by a reload that is under way. */
struct listeners;

/* Somebody outside of this process who keeps sockets, so that the next one goes on with them and
 * whoever connects in between just waits. Each has a name: its address as routing.conf has it, and
 * of TCP the loop's number. Main thread. */
struct listener_keeper {
    int (*take)(const char *name); /* what is kept by that name: the caller's from now on; or -1 */
    void (*keep)(const char *name, int fd); /* it listens */
    void (*forget)(const char *name);       /* it is closed for good */
};
void listeners_keep_by(const struct listener_keeper *keeper); /* NULL, as at first: nobody does */

/* Opens every address of the config, `count` sockets each, but those that `now` (or NULL) has: they
 * are shared. NULL with errors in diag. Main thread, as all that does not say otherwise. */
struct listeners *listeners_open(const struct config *config, unsigned count,
                                 const struct listeners *now, struct diag *diag);
/* Lets go of all. The names of Unix sockets that were its alone are removed. */
void listeners_close(struct listeners *listeners);

/* It serves from now on, in the place of `now`: shared Unix sockets get the mode that it says, and
 * to addresses that it has not got nobody can connect any more; who has, is still to be accepted.
 * Gives how many those are. */
unsigned listeners_replace(const struct listeners *listeners, const struct listeners *now);

/* The address as people write it: "http://127.0.0.1:8000", "unix:run/sluice.sock". */
unsigned listeners_count(const struct listeners *listeners);
const char *listeners_address(const struct listeners *listeners, unsigned index);

struct listener *listeners_get(const struct listeners *listeners, unsigned index);
bool listeners_hold(const struct listeners *listeners, const struct listener *listener);

/* For acceptors, on their loops' threads. */
struct listener *listener_ref(struct listener *listener);
void listener_unref(struct listener *listener); /* the last one closes its sockets */
int listener_socket(const struct listener *listener, unsigned worker);
bool listener_is_unix(const struct listener *listener);

#endif
