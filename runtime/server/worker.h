/*
 * server/worker: a loop and what the server keeps on it. Its thread alone touches it.
 */
#ifndef SERVER_WORKER_H
#define SERVER_WORKER_H

#include <stdatomic.h>
#include <sys/queue.h>

#include "loop/loop.h"
#include "loop/timer.h"
#include "server/chunk.h"
#include "server/mount.h"
#include "server/traffic.h"

struct compression;
struct conn;
struct event;
struct fanout;

TAILQ_HEAD(conn_list, conn);
STAILQ_HEAD(conn_queue, conn);

#define WORKER_TYPE_WORDS   8            /* of an event's type, for the watchdog */
#define WORKER_RECEIVE_SIZE (512 * 1024) /* bytes received at once, of any connection */

struct worker {
    struct server *server;
    struct loop *loop;
    struct timers *timers;
    struct loop_hook turn;
    struct routing *routing; /* what new connections meet; a reference */
    unsigned epoch;          /* counts routings: which one it is */

    /* Its connections. */
    struct conn_list conns;   /* all of them */
    struct conn_queue ready;  /* to be looked at when the turn ends: see conn_turn */
    struct conn_queue greedy; /* had their share of the turn, and left more: after the others */
    struct conn_list stalled; /* with a task that the pool had no room for */
    unsigned conn_count;
    struct traffic_meter traffic;
    struct timer sweep;       /* looks at timeouts, and at memory: */
    uint64_t trimmed;         /* when what is not used was last given back */
    struct loop_message room; /* posted when the pool has room again */
    atomic_flag room_posted;

    /* What they share. */
    uint8_t *receive; /* WORKER_RECEIVE_SIZE bytes and one more, for a zero byte */
    struct chunk_pool pool;
    struct compression *compression; /* of messages that go out: server/compression */

    /* Groups and events. */
    struct group *groups; /* who on this loop is in which: server/group */
    struct membership *memberships;
    struct channel *channels; /* channel name -> connection: server/group */
    uint64_t moment;          /* counts joins and arrivals of events, to tell which was first */
    struct fanout *fanout;    /* events on their way to connections: server/fanout */

    /* Accepting: server/acceptor. */
    struct acceptor *acceptors; /* one for each socket */
    int spare;                  /* a descriptor for when there is no other; -1: none */
    uint64_t lacked_at;         /* when there was none last; 0: never */

    /* Connections on their way to a new routing: server/move. */
    struct worker_moves {
        bool begun;            /* a routing is new, and what follows from it is to be done */
        bool sweeping;         /* connections are looked at, some in each turn... */
        struct conn *next;     /* ...this one next; NULL: all have been */
        bool told;             /* the server knows that they have moved, or that... */
        unsigned waiting;      /* ...these can't yet, for a callback of theirs is under way */
        struct timer patience; /* until it is told all the same */
        uint32_t drained;      /* counts those that are to be closed, to spread their deadlines */
    } moves;

    /* Stopping. */
    bool stopping;                 /* takes no connection any more */
    bool stopped;                  /* and has none any more, which the server knows */
    uint32_t pace;                 /* for `stop` to read */
    struct timer slice;            /* the next few connections are closed... */
    unsigned slice_size;           /* ...as many as these... */
    uint64_t slice_at;             /* ...at this moment */
    struct loop_message stop, cut; /* posted once each, by the main thread */

    /* The watchdog: it names callbacks that hold the loop. */
    struct worker_watch {               /* read by its thread */
        _Atomic(const char *) callback; /* a literal; NULL: none is running */
        _Atomic(struct mount *) mount;
        _Atomic uint64_t type[WORKER_TYPE_WORDS]; /* of its event: text, cut, a zero byte behind */
        atomic_ulong calls;                       /* counts begins and ends */
    } watch;
    bool call_row;            /* calls of one connection follow each other: server/dispatch */
    uint64_t call_ended;      /* the last of them, by clock_coarse; 0: none has */
    unsigned long seen_calls; /* its own: what it saw last... */
    uint64_t seen_at;         /* ...since when, by clock_coarse... */
    bool seen_told;           /* ...and whether it has said so */
};

/* One for each loop; `server` is opaque to it. NULL without memory. Main thread. */
struct worker *worker_new(struct server *server, unsigned index, struct routing *routing);
void worker_free(struct worker *worker); /* its loop joined */
bool worker_start(struct worker *worker);

/* A thread of the pool: what was refused may be tried again. */
void worker_pool_has_room(struct worker *worker);

/* Main thread. Stops accepting, and closes every connection, the closing handshake and all: few of
 * them at once, many in even slices over `pace` ms. Those whose turn has not come are served as
 * before. The server is told when the last one is gone. */
void worker_stop(struct worker *worker, uint32_t pace);
/* Main thread. The same, but all lines are cut, now. */
void worker_cut(struct worker *worker);

/* Its thread: one connection less. */
void worker_conn_left(struct worker *worker);

#endif
