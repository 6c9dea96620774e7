/*
 * server/acceptor: a loop takes in connections, and turns some away.
 *
 * Who is beyond a limit, of the server's or of an address's, is told so in HTTP and closed, before
 * there is a connection.
 */
#ifndef SERVER_ACCEPTOR_H
#define SERVER_ACCEPTOR_H

#include "server/listener.h"
#include "server/worker.h"

struct acceptor_change;
struct sockaddr;

/* Before the worker's thread starts: takes the descriptor that is kept for when there is no other.
 */
void acceptor_prepare(struct worker *worker);
/* Begins, and ends, accepting on a worker's loop: on its thread. */
void acceptor_begin(struct worker *worker, struct acceptor_change *change);
void acceptor_end(struct worker *worker);

/* What a worker is to accept from, made beforehand so that it can't fail: for all of `listeners`
 * that are not in `now` (or NULL). NULL: no memory. Main thread. */
struct acceptor_change *acceptor_change_new(struct worker *worker,
                                            const struct listeners *listeners,
                                            const struct listeners *now);
void acceptor_change_free(struct acceptor_change *change); /* one that was not posted */
/* Main thread: it is done on the worker's thread. Who waits at a listener that `listeners` has not
 * got is still accepted, then it is let go of. */
void acceptor_change_post(struct acceptor_change *change);

/* A connection that has come: taken in, or turned away. `peer`: NULL for a Unix socket. */
void acceptor_take(struct worker *worker, int fd, const struct sockaddr *peer);
/* A descriptor has become free: accepting that rests for want of one goes on. */
void acceptor_wake(struct worker *worker);

#endif
