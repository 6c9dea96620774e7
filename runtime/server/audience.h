/*
 * server/audience: the members of a group for whom a broadcast is the same, and its bytes.
 *
 * Who shares a mount and a generation is of one audience: for it a broadcast handler runs once, and
 * what it sends is one batch of frames. The same frames compressed are another batch: a dialect,
 * one for each size of window that members agreed to without context takeover, written when the
 * first of them is served. A window that is taken over is the member's own, so it gets frames of
 * its own.
 */
#ifndef SERVER_AUDIENCE_H
#define SERVER_AUDIENCE_H

#include <sluice/sluice.h>

#include "server/conn.h"

#define AUDIENCE_SHOWINGS 64 /* events that an audience is shown, at most */

/* Whole frames, one behind the other, in a batch. */
struct passage {
    struct batch *batch; /* borrowed; NULL: there are none */
    size_t offset, size;
    unsigned frames;
};

/* What one event is to one audience. */
struct showing {
    const struct sluice_handler *handler; /* NULL: it has none, and that was said */
    bool known;                           /* the handler was looked up */
    bool done;                            /* its broadcast handler has run, and sent: */
    struct passage plain;                 /* in a batch of the audience */
};

struct dialect;

/* Of one run of events through a group; its loop's thread only. Owned by the run. */
struct audience {
    struct audience *next;
    struct mount *mount;
    struct routing *routing; /* references: a member may leave while others are served */
    struct generation *generation;
    struct batch *batch;         /* the newest of them */
    struct passage all;          /* what audience_has_all found; size 0: nothing yet */
    struct dialect *dialects[8]; /* by bits of the window, from 8 on; NULL: not needed yet */
    struct showing showings[AUDIENCE_SHOWINGS];
};

struct audience *audience_new(struct conn *conn); /* NULL without memory */
void audience_free(struct audience *audience);
bool audience_has(const struct audience *audience, const struct conn *conn);

/* Sends a showing, which is done, to a member: at once, or it is added to what waits in `waiting`,
 * frames that stand one behind the other and leave in one write. */
void audience_show(struct audience *audience, unsigned index, struct conn *conn,
                   struct passage *waiting);

/* Are these first showings all done, and is what they sent one passage, which `all` then is? */
bool audience_has_all(struct audience *audience, unsigned count);

/* Sends what waits. */
void passage_send(struct conn *conn, struct passage *waiting);

/* Sends plain frames of a batch to one connection, compressed where it agreed to that. */
void passage_send_alone(struct conn *conn, const struct passage *passage);

#endif
