/*
 * server/server: the loops, the layer and the pool that serve one routing.conf.
 */
#ifndef SERVER_SERVER_H
#define SERVER_SERVER_H

#include "server/address.h"
#include "server/limit.h"
#include "server/worker.h"

struct scope;

/* Owned by main. Its fields are set before the loops start and then only read, but for the atomic
 * ones. */
struct server {
    struct plugin_cache *cache;
    struct routing *routing; /* what serves now; main thread */
    struct config *config;   /* of the start: what needs a restart to change still holds */
    struct layer *layer;
    struct jobs *jobs;
    unsigned worker_count;
    unsigned started; /* of the workers: their threads run */
    bool stopping;
    struct worker **workers;
    struct loop **loops; /* theirs, for the layer */
    struct listeners *listeners;
    struct listeners *next_listeners; /* of a reload: opened, and not yet served... */
    struct acceptor_change **changes; /* ...and what that is for each worker */
    atomic_uint retiring;             /* sockets that are still to be closed, for a reload */
    unsigned connection_limit;
    struct address_table *addresses;
    struct limit_counts limits; /* hit before a mount is known */
    atomic_uint open;           /* connections */
    atomic_size_t held;         /* bytes of memory that half messages of all connections take */
    atomic_uint workers_left;   /* of a stop: those that still have connections */
    atomic_uint workers_moving; /* of a reload: those whose connections are still to move */
    atomic_ulong accepted;
    atomic_ulong undelivered;          /* events for which there was nobody, or no memory */
    void (*on_stopped)(void *context); /* told on a worker's thread, when the last one is through */
    /* Tests: says who a client is; false: no memory. NULL: nobody is. */
    bool (*identify)(struct scope *scope, void *context);
    void *context; /* of both */
};

/* Opens sockets and threads for a routing (a reference is taken), but does not serve yet. NULL
 * with errors in diag. Main thread, as everything here that does not say otherwise. */
struct server *server_new(struct plugin_cache *cache, struct routing *routing, struct diag *diag);
bool server_start(struct server *server);

/* All loops stand still: see server/pause. New connections meet this routing from now on, and live
 * ones move to it; until they have, as far as they can, the server is not settled: see server/move.
 */
void server_set_routing(struct server *server, struct routing *routing);

/* What a reload changes of the addresses, in two steps: opens what is new (false, with errors in
 * diag: nothing has changed); then serves it, which can't fail. Addresses that are gone let in who
 * has begun to connect, and are closed when server_settled says so. Taken back: as it was. */
bool server_prepare_listeners(struct server *server, const struct config *config,
                              struct diag *diag);
void server_take_back_listeners(struct server *server);
void server_switch_listeners(struct server *server);
bool server_settled(const struct server *server);

/* Stops: as worker_stop and worker_cut. on_stopped is told when all connections are gone. */
void server_stop(struct server *server, uint32_t pace);
void server_cut(struct server *server);

/* Names callbacks that hold a loop right now; called now and then. */
void server_watch(struct server *server);

/* After on_stopped, or without: joins the loops, ends the pool (waiting `patience` ms for callbacks
 * that block), frees. False: something would not end, and its memory is left. */
bool server_free(struct server *server, unsigned patience);

/* The addresses served, as "http://127.0.0.1:8000" or "unix:PATH", for people. */
unsigned server_address_count(const struct server *server);
const char *server_address(const struct server *server, unsigned index);

/* A worker's thread: it has no connection left of those a stop was to close. */
void server_worker_stopped(struct server *server);
/* A worker's thread: its connections have moved. */
void server_worker_moved(struct server *server);

/* Any thread. False: as many are open as may be. */
bool server_admit(struct server *server);
void server_leave(struct server *server);

#endif
