/*
 * layer/local: the channel layer of one process: from mailbox to mailbox.
 *
 * A name leads to the set of loops that hear it: for a group those that have members, for a channel
 * the one that it is open on. Sending looks the name up and posts to each of them; who the members
 * are, only their loops know.
 */
#include "layer/local.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/mem.h"
#include "base/table.h"

#define SHARDS     64 /* a power of two */
#define SHARD_BITS 6
#define CACHE_LINE 64 /* what far threads write is kept that far apart */

/* The loops that hear a name. Owned by its shard, and touched with its lock held. */
struct audience {
    UT_hash_handle hh;
    unsigned count;   /* of loops */
    uint64_t loops[]; /* a bit for each; behind them the name */
};

/* A part of the names, with its own lock, so that senders seldom meet. A group and a channel may
 * share a name. */
struct shard {
    pthread_mutex_t lock;
    struct audience *names[2]; /* by enum layer_target */
    char gap[CACHE_LINE];
};

/* What is on its way to one loop. */
struct lane {
    atomic_size_t waiting; /* bytes, of LAYER_LOCAL_WAITING_MAX */
    char gap[CACHE_LINE];
};

struct local {
    struct layer layer; /* first */
    struct loop *const *loops;
    unsigned words; /* of an audience's set of loops */
    layer_deliver *deliver;
    void *context;
    atomic_ulong counts[2]; /* names in use, by enum layer_target */
    atomic_ulong dropped;
    struct lane *lanes; /* one a loop */
    struct shard shards[SHARDS];
};

/* One event on its way to some loops: one block, freed by the last that has heard it. */
struct delivery {
    struct local *local;
    struct layer_event *event; /* a reference */
    atomic_uint left;          /* parcels not yet delivered, and the sender while it posts */
    unsigned count;
    struct parcel {
        struct loop_message message; /* first */
        struct delivery *delivery;
        struct loop *loop;
    } parcels[];
};

static struct local *local_of(struct layer *layer)
{
    return (struct local *)layer;
}

/* ---- names ---- */

/* The table takes the low bits of the hash, the shard the high ones. */
static struct shard *shard_of(struct local *local, struct slice name, unsigned *hash)
{
    HASH_VALUE(name.data, name.size, *hash);
    return &local->shards[*hash >> (32 - SHARD_BITS)];
}

static struct audience *audience_find(struct shard *shard, enum layer_target target,
                                      struct slice name, unsigned hash)
{
    struct audience *audience;

    HASH_FIND_BYHASHVALUE(hh, shard->names[target], name.data, name.size, hash, audience);
    return audience;
}

static struct audience *audience_new(struct local *local, struct shard *shard,
                                     enum layer_target target, struct slice name, unsigned hash)
{
    size_t loops_size = local->words * sizeof(uint64_t);
    struct audience *audience = mem_zalloc(sizeof *audience + loops_size + name.size);

    if (audience == NULL)
        return NULL;

    char *key = (char *)(audience->loops + local->words);

    memcpy(key, name.data, name.size);
    HASH_ADD_KEYPTR_BYHASHVALUE(hh, shard->names[target], key, name.size, hash, audience);
    if (audience->hh.tbl == NULL) {
        mem_free(audience);
        return NULL;
    }
    atomic_fetch_add_explicit(&local->counts[target], 1, memory_order_relaxed);
    return audience;
}

static void audience_free(struct local *local, struct shard *shard, enum layer_target target,
                          struct audience *audience)
{
    HASH_DEL(shard->names[target], audience);
    mem_free(audience);
    atomic_fetch_sub_explicit(&local->counts[target], 1, memory_order_relaxed);
}

static bool audience_has(const struct audience *audience, unsigned index)
{
    return audience->loops[index / 64] >> index % 64 & 1;
}

static void audience_flip(struct audience *audience, unsigned index)
{
    audience->count += audience_has(audience, index) ? -1U : 1U;
    audience->loops[index / 64] ^= UINT64_C(1) << index % 64;
}

static void audience_clear(struct local *local, struct audience *audience)
{
    audience->count = 0;
    memset(audience->loops, 0, local->words * sizeof(uint64_t));
}

/* From now on the loop hears this name. A channel has one loop: the last to open it. */
static bool hear(struct local *local, enum layer_target target, struct loop *loop,
                 struct slice name)
{
    unsigned hash, index = loop_index(loop);
    struct shard *shard = shard_of(local, name, &hash);

    pthread_mutex_lock(&shard->lock);

    struct audience *audience = audience_find(shard, target, name, hash);

    if (audience == NULL)
        audience = audience_new(local, shard, target, name, hash);
    else if (target == LAYER_CHANNEL)
        audience_clear(local, audience);
    if (audience != NULL && !audience_has(audience, index))
        audience_flip(audience, index);
    pthread_mutex_unlock(&shard->lock);
    return audience != NULL;
}

static bool local_group_join(struct layer *layer, struct loop *loop, struct slice group)
{
    return hear(local_of(layer), LAYER_GROUP, loop, group);
}

static bool local_channel_open(struct layer *layer, struct loop *loop, const char *channel)
{
    return hear(local_of(layer), LAYER_CHANNEL, loop, slice_of(channel));
}

static void local_group_leave(struct layer *layer, struct loop *loop, struct slice group)
{
    struct local *local = local_of(layer);
    unsigned hash, index = loop_index(loop);
    struct shard *shard = shard_of(local, group, &hash);

    pthread_mutex_lock(&shard->lock);

    struct audience *audience = audience_find(shard, LAYER_GROUP, group, hash);

    if (audience != NULL && audience_has(audience, index)) {
        audience_flip(audience, index);
        if (audience->count == 0)
            audience_free(local, shard, LAYER_GROUP, audience);
    }
    pthread_mutex_unlock(&shard->lock);
}

static void local_channel_shut(struct layer *layer, const char *channel)
{
    struct local *local = local_of(layer);
    struct slice name = slice_of(channel);
    unsigned hash;
    struct shard *shard = shard_of(local, name, &hash);

    pthread_mutex_lock(&shard->lock);

    struct audience *audience = audience_find(shard, LAYER_CHANNEL, name, hash);

    if (audience != NULL)
        audience_free(local, shard, LAYER_CHANNEL, audience);
    pthread_mutex_unlock(&shard->lock);
}

/* ---- events ---- */

static size_t weight_of(const struct layer_event *event)
{
    return sizeof *event + event->size;
}

/* False: too much waits for this loop already. Where nothing does, an event of any size is taken.
 */
static bool lane_take(struct lane *lane, size_t weight)
{
    size_t before = atomic_fetch_add_explicit(&lane->waiting, weight, memory_order_relaxed);

    if (before == 0 || before + weight <= LAYER_LOCAL_WAITING_MAX)
        return true;
    atomic_fetch_sub_explicit(&lane->waiting, weight, memory_order_relaxed);
    return false;
}

static void delivery_unref(struct delivery *delivery)
{
    if (atomic_fetch_sub_explicit(&delivery->left, 1, memory_order_acq_rel) > 1)
        return;
    layer_event_unref(delivery->event);
    mem_free(delivery);
}

/* On the loop's thread. */
static void parcel_run(struct loop *loop, struct loop_message *message)
{
    struct delivery *delivery = ((struct parcel *)message)->delivery;
    struct local *local = delivery->local;
    struct lane *lane = &local->lanes[loop_index(loop)];

    if (!loop_over(loop))
        local->deliver(loop, delivery->event, local->context);
    atomic_fetch_sub_explicit(&lane->waiting, weight_of(delivery->event), memory_order_relaxed);
    delivery_unref(delivery);
}

static void delivery_add(struct delivery *delivery, unsigned index)
{
    struct local *local = delivery->local;

    if (!lane_take(&local->lanes[index], weight_of(delivery->event))) {
        atomic_fetch_add_explicit(&local->dropped, 1, memory_order_relaxed);
        return;
    }
    delivery->parcels[delivery->count++] = (struct parcel){
        .message.run = parcel_run, .delivery = delivery, .loop = local->loops[index]};
}

/* A parcel for each loop that hears the name and can take it. NULL: no memory. */
static struct delivery *delivery_new(struct local *local, const struct audience *audience,
                                     struct layer_event *event)
{
    struct delivery *delivery =
        mem_alloc(sizeof *delivery + audience->count * sizeof delivery->parcels[0]);

    if (delivery == NULL)
        return NULL;
    delivery->local = local;
    delivery->event = layer_event_ref(event);
    delivery->count = 0;
    for (unsigned word = 0; word < local->words; word++)
        for (uint64_t rest = audience->loops[word]; rest != 0; rest &= rest - 1)
            delivery_add(delivery, word * 64 + (unsigned)__builtin_ctzll(rest));
    atomic_init(&delivery->left, delivery->count + 1);
    return delivery;
}

/* The sender counts as one of those who have the delivery: the first loop may be done before the
 * last is told. */
static bool delivery_post(struct delivery *delivery)
{
    bool taken = delivery->count > 0;

    for (unsigned i = 0; i < delivery->count; i++)
        loop_post(delivery->parcels[i].loop, &delivery->parcels[i].message);
    delivery_unref(delivery);
    return taken;
}

/* Posts after the lock is given back: ringing another loop's bell is a system call. */
static bool local_send(struct layer *layer, struct layer_event *event)
{
    struct local *local = local_of(layer);
    struct slice name = {event->name, event->name_size};
    struct delivery *delivery = NULL;
    unsigned hash;
    struct shard *shard = shard_of(local, name, &hash);

    pthread_mutex_lock(&shard->lock);

    const struct audience *audience = audience_find(shard, event->target, name, hash);

    if (audience != NULL)
        delivery = delivery_new(local, audience, event);
    pthread_mutex_unlock(&shard->lock);
    if (audience == NULL)
        return event->target == LAYER_GROUP;
    if (delivery != NULL)
        return delivery_post(delivery);
    atomic_fetch_add_explicit(&local->dropped, 1, memory_order_relaxed);
    return false;
}

/* ---- the layer ---- */

static void local_count(struct layer *layer, struct layer_counts *counts)
{
    struct local *local = local_of(layer);

    counts->groups = atomic_load_explicit(&local->counts[LAYER_GROUP], memory_order_relaxed);
    counts->channels = atomic_load_explicit(&local->counts[LAYER_CHANNEL], memory_order_relaxed);
    counts->dropped = atomic_load_explicit(&local->dropped, memory_order_relaxed);
}

static void shard_free(struct local *local, struct shard *shard)
{
    for (enum layer_target target = LAYER_GROUP; target <= LAYER_CHANNEL; target++)
        while (shard->names[target] != NULL)
            audience_free(local, shard, target, shard->names[target]);
    pthread_mutex_destroy(&shard->lock);
}

static void local_free(struct layer *layer)
{
    struct local *local = local_of(layer);

    for (unsigned i = 0; i < SHARDS; i++)
        shard_free(local, &local->shards[i]);
    mem_free(local->lanes);
    mem_free(local);
}

static const struct layer_ops local_ops = {
    .group_join = local_group_join,
    .group_leave = local_group_leave,
    .channel_open = local_channel_open,
    .channel_shut = local_channel_shut,
    .send = local_send,
    .count = local_count,
    .free = local_free,
};

struct layer *layer_local_new(struct loop *const *loops, unsigned loop_count,
                              layer_deliver *deliver, void *context)
{
    struct local *local = mem_zalloc(sizeof *local);

    if (local == NULL)
        return NULL;
    local->loops = loops;
    local->words = (loop_count + 63) / 64;
    local->deliver = deliver;
    local->context = context;
    for (unsigned i = 0; i < SHARDS; i++)
        pthread_mutex_init(&local->shards[i].lock, NULL);
    local->lanes = mem_zalloc(loop_count * sizeof *local->lanes);
    if (local->lanes != NULL && layer_init(&local->layer, &local_ops))
        return &local->layer;
    local_free(&local->layer);
    return NULL;
}
