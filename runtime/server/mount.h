/*
 * server/mount: a routing table that serves: the config's mounts with the generations behind them.
 *
 * A routing is immutable and counted. New connections meet the newest one; each live connection
 * holds the one it met, and through it its mount and its code. The last reference may go on any
 * thread, inside a callback even, so a routing that nobody uses is put on a list that the main
 * thread empties, as generations are.
 */
#ifndef SERVER_MOUNT_H
#define SERVER_MOUNT_H

#include <stdatomic.h>
#include <sys/queue.h>

#include "conf/config.h"
#include "plugin/consumer.h"
#include "server/limit.h"

struct files; /* server/files */

/* Why something was dropped. Each is counted by mount, and told at most once a minute. (Who runs
 * into a limit and is closed for it is counted in server/limit.) */
enum drop {
    DROP_NO_HANDLER,  /* an event whose type no handler is declared for */
    DROP_BAD_TYPE,    /* an event without a type that could name a handler */
    DROP_BAD_EVENT,   /* an event that could not be made or read */
    DROP_BAD_NAME,    /* a group or channel name that is none */
    DROP_EVENTS_FULL, /* an event, the oldest that waited for a busy consumer */
    DROP_CLOSED,      /* an event or message for a connection that is closing */
    DROP_EARLY,       /* a message sent before the handshake was answered */
    DROP_NOT_TEXT,    /* a message to send that is not UTF-8, or not JSON */
    DROP_JOB,         /* a job: the pool was full */
    DROP_BACKLOG,     /* a message for a slow reader, where routing.conf says policy=drop */
    DROP_PONGS,       /* a pong: too many waited for a peer that pings and does not read */
    DROP_MISUSE,      /* a call that the connection's state does not allow */
    DROP_NO_MEMORY,
    DROP_COUNT,
};

#define MOUNT_TOLD_MAX 64 /* different things that are told in a minute; the others only count */

struct mount {
    const struct mount_config *config;
    struct routing *routing;
    struct generation *generation; /* NULL for http */
    struct files *files;           /* of http */
    /* counters; any thread */
    atomic_ulong dropped[DROP_COUNT];
    struct limit_counts limits;
    atomic_ulong opened, refused, slow_callbacks;
    atomic_uint open; /* connections that are in it now */
    /* Of the reload that brought it: live connections that came to it as they were, and through
     * upgrade; those that should have and stayed, and of them the ones that are to be closed. */
    atomic_ulong moved, upgraded, stayed, draining;
    /* Of the one that took it away: those that it left behind, of them the same. */
    atomic_ulong left, left_draining;
    /* What was told and when: a hash, and the lower half of clock_now; 0: free. */
    _Atomic uint64_t told[MOUNT_TOLD_MAX];
};

struct routing {
    struct config *config; /* a reference */
    unsigned mount_count;
    struct mount *mounts; /* in the config's order */
    atomic_uint references;
    struct routing *next_idle;
    uint64_t made;              /* when, by clock_wall */
    LIST_ENTRY(routing) living; /* see routing_each */
};

const char *drop_name(enum drop drop);

/*
 * Makes a routing of the config: opens directories, maps consumers. `now`: the routing that
 * serves, whose unchanged generations are taken over; or NULL. NULL with errors in diag, each at
 * its place in routing.conf; nothing then has changed. A config with mistakes is looked through for
 * what else is wrong, and gives NULL. Main thread.
 */
struct routing *routing_new(struct config *config, struct plugin_cache *cache,
                            const struct routing *now, struct diag *diag);
/* The generation of this consumer's file that a routing (or NULL) serves; NULL: none. */
struct generation *routing_generation(const struct routing *routing, const char *file);
struct routing *routing_ref(struct routing *routing); /* any thread */
void routing_unref(struct routing *routing);          /* any thread */
/* Logs what its mounts have counted; done when it is freed, so that a reload forgets nothing. */
void routing_tell(const struct routing *routing);
/* Frees the routings nobody uses; main thread, never inside a callback. Gives how many went. */
unsigned routing_reap(void);
/* Each routing that is not freed yet, the newest first. One that is being made has its counters,
 * and no more, for others to look at. Any thread. */
void routing_each(void (*look)(void *context, const struct routing *routing), void *context);
/* Is told, on whichever thread, that there is something to reap. Set before any routing is made. */
void routing_on_idle(void (*wake)(void *context), void *context);

/* A connection is in the mount from now on, or is no more. Any thread. */
void mount_enter(struct mount *mount);
void mount_leave(struct mount *mount);

/* The mount of a config's line within this routing. */
struct mount *routing_mount(const struct routing *routing, const struct mount_config *config);

/* Counts, and says whether to tell: the first of this kind (`what` tells kinds apart; may be empty)
 * within a minute. NULL: what was done outside of any call, by a consumer's own thread, say. */
bool mount_drop(struct mount *mount, enum drop drop, struct slice what);
bool mount_drop_many(struct mount *mount, enum drop drop, unsigned long count, struct slice what);
/* The same where nothing is dropped: is this to be said? */
bool mount_says(struct mount *mount, const char *what);

#endif
