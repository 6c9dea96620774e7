/*
 * server/move: a live connection goes on in the code and the mount that serve now.
 *
 * A new routing makes every connection of its loop stale. A stale connection moves before its next
 * callback, or when the sweep that follows gets to it, whichever is first; always on its loop's
 * thread, between two of its callbacks. It moves to the first mount of the new routing that takes
 * its path, if that has the same consumer (the same file); with its state as it is where size and
 * version are the same, else through upgrade. Where nothing takes it, or it can't move, it stays
 * with the routing and the code that it has, and is not asked again until the next routing.
 *
 * One that stays because its mount is gone, or in a generation that is too old (`reload keep`), is
 * closed in time: see server/drain. Moving may run out of memory before anything has changed, and
 * then the connection stays, too. One whose disconnect is still to come moves for that, though its
 * line may be cut; so what a consumer counts in connect and disconnect is right in the new code.
 *
 * A blocking consumer's connection moves when its callback on the pool has ended, and its upgrade
 * is a task of the pool. The sweep does not wait for either; the server is settled when all have
 * moved, or a second after the sweep, and those that are left move when they can.
 */
#ifndef SERVER_MOVE_H
#define SERVER_MOVE_H

#include "server/conn.h"

struct captured;

/* What a connection stands on, and what changes when it moves. */
struct footing {
    struct mount *mount;
    struct routing *routing; /* references */
    struct generation *generation;
    void *state;                     /* the consumer's bytes */
    const struct captured *captured; /* its scope's */
};

/* A connection in upgrade: it stands on the new already. Its own. */
struct move {
    struct footing
        before; /* what it goes back to where upgrade says no; and upgrade's arguments: */
    size_t state_size;
    uint32_t state_version;
};

/* Is there a routing that the connection has not been asked to move to? Cheap: for each callback.
 */
static inline bool move_due(const struct conn *conn)
{
    return conn->epoch != conn->worker->epoch;
}

/* Moves it, or finds that it stays; or leaves it as it is while a callback of it is under way on
 * the pool. Not within any callback. */
void move_conn(struct conn *conn);

/* Its upgrade has ended: well (NULL), or why not. */
#define MOVE_REFUSED   "upgrade gave false"
#define MOVE_NO_MEMORY "no memory"
void move_upgraded(struct conn *conn, const char *why_not);

/* It is about to be freed. */
void move_forget(struct conn *conn);

/* Before the loop starts. */
void move_prepare(struct worker *worker);
/* Main thread, the worker's loop standing still: from now on this routing is what its connections
 * meet and move to. Takes over a reference. Can't fail. */
void move_begin(struct worker *worker, struct routing *routing);
/* Once a turn: sweeps, for a part of the turn. True: there is more to do. */
bool move_turn(struct worker *worker);

#endif
