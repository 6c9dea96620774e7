/*
 * server/listener: the sockets on which connections come in.
 *
 * Each loop has its own TCP socket for each address (SO_REUSEPORT), so that the kernel spreads
 * connections and no lock is shared; a Unix socket is one, and all loops wait at it. All are opened
 * before anything serves, so that an address that is taken is an error at its place in
 * routing.conf.
 */
#ifndef SERVER_LISTENER_H
#define SERVER_LISTENER_H

#include "conf/config.h"

struct listeners;

/* Opens every address of the config, `count` times. NULL with errors in diag. Main thread. */
struct listeners *listeners_open(const struct config *config, unsigned count, struct diag *diag);
void listeners_close(struct listeners *listeners); /* and removes Unix sockets' names */

/* The address as people write it: "http://127.0.0.1:8000", "unix:run/sluice.sock". */
unsigned listeners_count(const struct listeners *listeners);
const char *listeners_address(const struct listeners *listeners, unsigned index);

/* For acceptors: the socket of an address that a worker waits at. */
int listeners_socket(const struct listeners *listeners, unsigned index, unsigned worker);
bool listeners_is_unix(const struct listeners *listeners, unsigned index);

#endif
