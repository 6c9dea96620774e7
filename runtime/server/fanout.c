/*
 * server/fanout: events that have come to a loop go to the connections they are addressed to.
 *
 * A run is events in a row for one group; its members are walked once. For all members of an
 * audience (server/audience) a broadcast handler runs once.
 */
#include "server/fanout.h"

#include <json-c/json.h>
#include <string.h>

#include "base/mem.h"
#include "layer/local.h"
#include "layer/msgpack.h"
#include "server/audience.h"
#include "server/compression.h"
#include "server/dispatch.h"
#include "server/group.h"
#include "server/move.h"
#include "server/server.h"
#include "server/share.h"

enum {
    RUN_MOST = AUDIENCE_SHOWINGS, /* events of one group taken together */
    SLICE_BYTES = 4096,           /* of a batch are as much work as one more delivery */
    /* Bytes of events that a loop keeps; beyond, the new go. */
    WAITING_MAX = LAYER_LOCAL_WAITING_MAX,
};

/* Of all groups together, in a turn: deliveries, and what they weigh. */
static const struct share_most slice_most = {.work = 1024, .micros = 2000, .every = 64};

/* An event that has come and waits. */
struct arrival {
    STAILQ_ENTRY(arrival) link;
    struct layer_event *event; /* a reference */
    uint64_t moment;           /* of its coming: who joined later does not get it */
    struct json_object *content;
    struct slice type; /* its own: a handler may write to what it is given */
};

/* Events in a row for one group, on their way through its members. */
struct run {
    struct group *group; /* NULL: no run is under way */
    unsigned count;
    bool excepting; /* an event of it is not for one of the members */
    struct arrival *arrivals[RUN_MOST];
    struct audience *audiences;
};

struct fanout {
    STAILQ_HEAD(, arrival) waiting;
    size_t waiting_bytes;
    struct run run;
};

struct fanout *fanout_new(void)
{
    struct fanout *fanout = mem_zalloc(sizeof *fanout);

    if (fanout != NULL)
        STAILQ_INIT(&fanout->waiting);
    return fanout;
}

static void arrival_free(struct arrival *arrival)
{
    json_object_put(arrival->content);
    mem_free((char *)arrival->type.data);
    layer_event_unref(arrival->event);
    mem_free(arrival);
}

static void run_clear(struct run *run)
{
    for (unsigned i = 0; i < run->count; i++)
        arrival_free(run->arrivals[i]);
    while (run->audiences != NULL) {
        struct audience *audience = run->audiences;

        run->audiences = audience->next;
        audience_free(audience);
    }
    *run = (struct run){0};
}

size_t fanout_waiting(const struct fanout *fanout)
{
    return fanout->waiting_bytes;
}

/* Told once in a thousand times: whoever floods is not to flood the log too. */
static void undelivered(struct server *server, const char *why)
{
    unsigned long count = atomic_fetch_add(&server->undelivered, 1);

    if (count % 1000 == 0)
        log_write(LOG_WARN, "event.undelivered", LOG_STR("why", why), LOG_INT("count", count + 1));
}

static size_t weight(const struct layer_event *event)
{
    return sizeof *event + sizeof(struct arrival) + event->size;
}

void fanout_deliver(struct loop *loop, struct layer_event *event, void *context)
{
    struct worker *worker = loop_data(loop);
    struct fanout *fanout = worker->fanout;

    if (loop_over(loop))
        return;
    if (fanout->waiting_bytes + weight(event) > WAITING_MAX) {
        undelivered(context, "more events come than are handed out");
        return;
    }
    struct arrival *arrival = mem_zalloc(sizeof *arrival);
    if (arrival == NULL) {
        undelivered(context, "no memory");
        return;
    }
    arrival->event = layer_event_ref(event);
    arrival->moment = ++worker->moment;
    fanout->waiting_bytes += weight(event);
    STAILQ_INSERT_TAIL(&fanout->waiting, arrival, link);
}

/* The first that waits, taken out. */
static struct arrival *arrival_take(struct fanout *fanout)
{
    struct arrival *arrival = STAILQ_FIRST(&fanout->waiting);

    STAILQ_REMOVE_HEAD(&fanout->waiting, link);
    fanout->waiting_bytes -= weight(arrival->event);
    return arrival;
}

void fanout_free(struct fanout *fanout)
{
    if (fanout == NULL)
        return;
    run_clear(&fanout->run);
    while (!STAILQ_EMPTY(&fanout->waiting))
        arrival_free(arrival_take(fanout));
    mem_free(fanout);
}

/* ---- Broadcast handlers --------------------------------------------------------------------- */

/* What the handler sends is added to the batch. */
static void broadcast_run(struct conn *conn, const struct sluice_handler *handler,
                          struct json_object *content, struct batch *batch, unsigned *frames)
{
    struct call call = {.conn = conn,
                        .mount = conn->mount,
                        .callback = handler->name,
                        .type = dispatch_type(content),
                        .batch = batch};

    call_begin(&call, conn->worker);
    handler->run((sluice_conn *)conn, content);
    call_end(&call, conn->worker);
    *frames = call.batch_frames;
}

void fanout_broadcast(struct conn *conn, const struct sluice_handler *handler,
                      struct json_object *content)
{
    struct batch *batch = batch_new();
    unsigned frames = 0;

    if (batch == NULL) {
        conn_cut(conn, "no memory");
        return;
    }
    broadcast_run(conn, handler, content, batch, &frames);
    passage_send_alone(conn, &(struct passage){batch, 0, batch->bytes.size, frames});
    batch_unref(batch);
}

/* ---- Audiences ------------------------------------------------------------------------------ */

static struct audience *audience_of(struct run *run, struct conn *conn)
{
    struct audience *audience = run->audiences;

    while (audience != NULL && !audience_has(audience, conn))
        audience = audience->next;
    if (audience != NULL)
        return audience;
    audience = audience_new(conn);
    if (audience == NULL)
        return NULL;
    audience->next = run->audiences;
    run->audiences = audience;
    return audience;
}

static struct showing *showing_of(struct audience *audience, struct conn *conn,
                                  const struct run *run, unsigned index)
{
    struct showing *showing = &audience->showings[index];

    if (!showing->known) {
        const struct arrival *arrival = run->arrivals[index];

        showing->known = true;
        showing->handler = dispatch_find(conn, arrival->type, arrival->event->runtime);
    }
    return showing;
}

/* ---- Members -------------------------------------------------------------------------------- */

/* Its handler runs, and what it sends stands behind what others have sent. */
static void show_first(struct conn *conn, struct audience *audience, struct showing *showing,
                       const struct arrival *arrival)
{
    struct passage *plain = &showing->plain;

    showing->done = true;
    batch_go_on(&audience->batch);
    plain->batch = audience->batch;
    plain->offset = plain->batch->bytes.size;
    broadcast_run(conn, showing->handler, arrival->content, plain->batch, &plain->frames);
    plain->size = plain->batch->bytes.size - plain->offset;
}

static void show_broadcast(struct conn *conn, struct audience *audience, unsigned index,
                           const struct arrival *arrival, struct passage *waiting)
{
    struct showing *showing = &audience->showings[index];

    if (conn->state != CONN_OPEN) {
        mount_drop(conn->mount, DROP_EARLY, (struct slice){0});
        return;
    }
    if (!showing->done)
        show_first(conn, audience, showing, arrival);
    audience_show(audience, index, conn, waiting);
}

static bool is_addressed(const struct arrival *arrival, const struct conn *conn, uint64_t joined)
{
    if (joined > arrival->moment)
        return false;
    const char *except = arrival->event->except;
    return except[0] == '\0' || conn->channel == NULL || strcmp(except, conn->channel->name) != 0;
}

/* How much of a turn's slice it is to serve one member. */
static unsigned work_of(const struct run *run, size_t bytes)
{
    return run->count + (unsigned)(bytes / SLICE_BYTES);
}

/* Is each event of the run addressed to it, as it stands? */
static bool takes_all(const struct run *run, const struct conn *conn, uint64_t joined)
{
    return conn->state == CONN_OPEN && conn->reader.deflate == NULL && !run->excepting &&
           joined <= run->arrivals[0]->moment;
}

/* All events of the run, in order, for one member: each by itself. The membership may go with the
 * first callback, the connection stays until the turn ends. */
static unsigned serve_each(struct run *run, struct audience *audience, struct conn *conn,
                           uint64_t joined)
{
    struct passage waiting = {0};

    for (unsigned i = 0; i < run->count; i++) {
        struct arrival *arrival = run->arrivals[i];

        if (!is_addressed(arrival, conn, joined))
            continue;
        if (dispatch_blocking(conn) || !dispatch_open(conn)) {
            dispatch_event(conn, arrival->event);
            continue;
        }
        struct showing *showing = showing_of(audience, conn, run, i);
        if (showing->handler != NULL && showing->handler->broadcast) {
            show_broadcast(conn, audience, i, arrival, &waiting);
        } else if (showing->handler != NULL) {
            passage_send(conn, &waiting);
            dispatch_handler(conn, showing->handler, arrival->type, arrival->content);
        }
    }
    unsigned work = work_of(run, waiting.size);
    passage_send(conn, &waiting);
    return work;
}

/* What the first member of an audience was shown, nearly all others get as it is: the bytes that
 * are there already, in one write. */
static unsigned member_serve(struct run *run, const struct membership *membership)
{
    struct conn *conn = membership->ends.conn;
    uint64_t joined = membership->moment;

    if (move_due(conn))
        move_conn(conn); /* first: of which audience it is says where it stands */
    struct audience *audience = audience_of(run, conn);
    if (audience == NULL) {
        mount_drop(conn->mount, DROP_NO_MEMORY, (struct slice){0});
        return 1;
    }
    if (!takes_all(run, conn, joined) || !audience_has_all(audience, run->count))
        return serve_each(run, audience, conn, joined);
    struct passage all = audience->all;
    passage_send(conn, &all);
    return work_of(run, audience->all.size);
}

/* ---- Runs ----------------------------------------------------------------------------------- */

static struct slice target_of(const struct arrival *arrival)
{
    return (struct slice){arrival->event->name, arrival->event->name_size};
}

static bool arrival_decode(struct arrival *arrival)
{
    if (!msgpack_decode(arrival->event->body, arrival->event->size, &arrival->content))
        return false;
    struct slice type = dispatch_type(arrival->content);
    if (type.data == NULL)
        return true;
    arrival->type = (struct slice){mem_strndup(type.data, type.size), type.size};
    return arrival->type.data != NULL;
}

static void run_add(struct worker *worker, struct run *run)
{
    struct arrival *arrival = arrival_take(worker->fanout);

    if (!arrival_decode(arrival)) {
        undelivered(worker->server, "not msgpack, or no memory");
        arrival_free(arrival);
        return;
    }
    run->excepting = run->excepting || arrival->event->except[0] != '\0';
    run->arrivals[run->count++] = arrival;
}

/* Takes the events in a row that go to the same group as the first. */
static void run_begin(struct worker *worker, struct group *group)
{
    struct fanout *fanout = worker->fanout;
    struct run *run = &fanout->run;
    struct arrival *arrival;

    run->group = group;
    group_walk_begin(group);
    compression_expect_repeats(worker->compression, group->member_count > 1);
    while ((arrival = STAILQ_FIRST(&fanout->waiting)) != NULL && run->count < RUN_MOST &&
           arrival->event->target == LAYER_GROUP &&
           slice_equal(target_of(arrival), (struct slice){group->name, group->name_size}))
        run_add(worker, run);
}

static unsigned run_step(struct worker *worker, struct run *run)
{
    struct membership *membership = run->count > 0 ? group_walk_next(run->group) : NULL;

    if (membership != NULL)
        return member_serve(run, membership);
    compression_expect_repeats(worker->compression, false);
    group_walk_end(worker, run->group);
    run_clear(run);
    return 0;
}

/* An event for one connection, or for a group that nobody is in any more. */
static unsigned deliver_one(struct worker *worker)
{
    struct arrival *arrival = arrival_take(worker->fanout);
    struct conn *conn =
        arrival->event->target == LAYER_CHANNEL ? channel_find(worker, target_of(arrival)) : NULL;

    if (conn != NULL)
        dispatch_event(conn, arrival->event);
    else if (arrival->event->target == LAYER_CHANNEL)
        undelivered(worker->server, "its connection is gone");
    arrival_free(arrival);
    return 1;
}

bool fanout_turn(struct worker *worker)
{
    struct fanout *fanout = worker->fanout;
    struct share share = SHARE_NONE_YET;

    while (!share_over(&share, &slice_most)) {
        if (fanout->run.group != NULL) {
            share.work += run_step(worker, &fanout->run);
            continue;
        }
        struct arrival *arrival = STAILQ_FIRST(&fanout->waiting);
        if (arrival == NULL)
            return false;
        struct group *group =
            arrival->event->target == LAYER_GROUP ? group_find(worker, target_of(arrival)) : NULL;
        if (group != NULL)
            run_begin(worker, group);
        else
            share.work += deliver_one(worker);
    }
    return true;
}
