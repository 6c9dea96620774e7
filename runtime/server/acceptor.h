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

/* Before the worker's thread starts: takes the descriptor that is kept for when there is no other.
 */
void acceptor_prepare(struct worker *worker);
/* Begins, and ends, accepting on a worker's loop: on its thread. False: no memory. */
bool acceptor_begin(struct worker *worker, struct listeners *listeners);
void acceptor_end(struct worker *worker);
/* A descriptor has become free: accepting that rests for want of one goes on. */
void acceptor_wake(struct worker *worker);

#endif
