/*
 * server/mount: a routing table that serves: opened, counted, and let go of.
 *
 * Opening calls nobody's code but constructors: load() comes last, when all else is known to be
 * well: see server/handover.
 */
#include "server/mount.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "server/files.h"

enum { TELL_AGAIN_MS = 60 * 1000 };

/* ---- Counting ------------------------------------------------------------------------------- */

const char *drop_name(enum drop drop)
{
    static const char *const names[DROP_COUNT] = {
        [DROP_NO_HANDLER] = "no handler",
        [DROP_BAD_TYPE] = "bad type",
        [DROP_BAD_EVENT] = "bad event",
        [DROP_BAD_NAME] = "bad name",
        [DROP_EVENTS_FULL] = "events full",
        [DROP_CLOSED] = "closed",
        [DROP_EARLY] = "before accept",
        [DROP_NOT_TEXT] = "not text",
        [DROP_JOB] = "pool full",
        [DROP_BACKLOG] = "backlog",
        [DROP_PONGS] = "pongs",
        [DROP_MISUSE] = "misuse",
        [DROP_NO_MEMORY] = "no memory",
    };

    return names[drop];
}

/* What is said beside the reasons for a drop. */
#define SAID ((enum drop)DROP_COUNT)

/* FNV-1a of what tells one thing from another; never 0, and never long, whoever chose it. */
static unsigned hash_of(enum drop drop, struct slice what)
{
    unsigned hash = 2166136261u ^ (unsigned)drop;
    size_t size = what.size < 128 ? what.size : 128;

    for (size_t i = 0; i < size; i++)
        hash = (hash * 16777619u) ^ (unsigned char)what.data[i];
    hash = hash * 16777619u ^ (unsigned)what.size;
    return hash ? hash : 1;
}

/* Of another thread it may be from a moment later than now. */
static bool is_recent(uint64_t told, uint32_t now)
{
    return told != 0 && now - (uint32_t)told + TELL_AGAIN_MS < 2 * TELL_AGAIN_MS;
}

/* Where something of this kind can be noted as told. -1: it was told within a minute, or there have
 * been so many different things that it is somebody's game. */
static int news_place(struct mount *mount, unsigned hash, uint32_t now)
{
    int place = -1;

    for (int i = 0; i < MOUNT_TOLD_MAX; i++) {
        uint64_t told = atomic_load(&mount->told[i]);

        if (is_recent(told, now) && told >> 32 == hash)
            return -1;
        if (!is_recent(told, now) && place < 0)
            place = i;
    }
    return place;
}

/* The first of its kind within a minute? Of threads that come to this at once, one says it. */
static bool is_news(struct mount *mount, unsigned hash)
{
    uint32_t now = (uint32_t)clock_now();
    int place;

    while ((place = news_place(mount, hash, now)) >= 0) {
        uint64_t before = atomic_load(&mount->told[place]);

        if (!is_recent(before, now) && atomic_compare_exchange_strong(&mount->told[place], &before,
                                                                      (uint64_t)hash << 32 | now))
            return true;
    }
    return false;
}

bool mount_drop(struct mount *mount, enum drop drop, struct slice what)
{
    return mount_drop_many(mount, drop, 1, what);
}

bool mount_drop_many(struct mount *mount, enum drop drop, unsigned long count, struct slice what)
{
    static struct mount outside;

    if (mount == NULL)
        mount = &outside;
    atomic_fetch_add_explicit(&mount->dropped[drop], count, memory_order_relaxed);
    return is_news(mount, hash_of(drop, what));
}

bool mount_says(struct mount *mount, const char *what)
{
    return is_news(mount, hash_of(SAID, slice_of(what)));
}

void mount_enter(struct mount *mount)
{
    atomic_fetch_add_explicit(&mount->open, 1, memory_order_relaxed);
}

void mount_leave(struct mount *mount)
{
    atomic_fetch_sub_explicit(&mount->open, 1, memory_order_relaxed);
}

/* ---- Making --------------------------------------------------------------------------------- */

struct generation *routing_generation(const struct routing *routing, const char *file)
{
    for (unsigned i = 0; routing != NULL && i < routing->mount_count; i++) {
        const struct mount *mount = &routing->mounts[i];

        if (mount->generation != NULL && strcmp(mount->config->file, file) == 0)
            return mount->generation;
    }
    return NULL;
}

static void open_consumer(struct mount *mount, struct plugin_cache *cache,
                          const struct routing *now, struct diag *diag)
{
    const struct mount_config *config = mount->config;
    struct generation *same = routing_generation(mount->routing, config->file);

    if (same != NULL) { /* a mount above has it */
        mount->generation = generation_ref(same);
        return;
    }
    struct plugin_fault fault = {.message = ""};
    mount->generation =
        generation_open(cache, config->file, routing_generation(now, config->file), &fault);
    if (mount->generation == NULL)
        diag_add(diag, DIAG_ERROR, &mount->routing->config->source, config->file_place,
                 fault.hint[0] ? fault.hint : NULL, "cannot load \"%s\": %s", config->file_name,
                 fault.message);
}

static void open_files(struct mount *mount, struct diag *diag)
{
    const struct mount_config *config = mount->config;
    bool directory = config->kind == MOUNT_DIR;

    mount->files = files_open(config->file, directory, config->max_age, config->csp);
    if (mount->files == NULL)
        diag_add(diag, DIAG_ERROR, &mount->routing->config->source, config->file_place, NULL,
                 "cannot open %s \"%s\": %s", directory ? "directory" : "file", config->file_name,
                 strerror(errno));
}

static void mount_tell(const struct mount *mount)
{
    unsigned long opened = atomic_load(&mount->opened), refused = atomic_load(&mount->refused);
    const char *route = mount->config->route;

    if (opened + refused > 0)
        log_write(LOG_INFO, "mount.served", LOG_STR("mount", route), LOG_INT("opened", opened),
                  LOG_INT("refused", refused),
                  LOG_INT("slow_callbacks", atomic_load(&mount->slow_callbacks)));
    limit_tell(&mount->limits, route);
    for (unsigned drop = 0; drop < DROP_COUNT; drop++) {
        unsigned long count = atomic_load(&mount->dropped[drop]);

        if (count > 0)
            log_write(LOG_INFO, "mount.dropped", LOG_STR("mount", route),
                      LOG_STR("why", drop_name(drop)), LOG_INT("count", count));
    }
}

void routing_tell(const struct routing *routing)
{
    for (unsigned i = 0; i < routing->mount_count; i++)
        mount_tell(&routing->mounts[i]);
}

static struct {
    pthread_mutex_t lock;
    LIST_HEAD(, routing) list;
} living = {.lock = PTHREAD_MUTEX_INITIALIZER};

void routing_each(void (*look)(void *context, const struct routing *routing), void *context)
{
    struct routing *routing;

    pthread_mutex_lock(&living.lock);
    LIST_FOREACH (routing, &living.list, living) {
        look(context, routing);
    }
    pthread_mutex_unlock(&living.lock);
}

static void note_living(struct routing *routing, bool lives)
{
    pthread_mutex_lock(&living.lock);
    if (lives)
        LIST_INSERT_HEAD(&living.list, routing, living);
    else
        LIST_REMOVE(routing, living);
    pthread_mutex_unlock(&living.lock);
}

static void routing_free(struct routing *routing)
{
    note_living(routing, false);
    routing_tell(routing);
    for (unsigned i = 0; i < routing->mount_count; i++) {
        if (routing->mounts[i].generation != NULL)
            generation_unref(routing->mounts[i].generation);
        if (routing->mounts[i].files != NULL)
            files_close(routing->mounts[i].files);
    }
    config_unref(routing->config);
    mem_free(routing->mounts);
    mem_free(routing);
}

static struct routing *routing_of(struct config *config)
{
    struct routing *routing = mem_zalloc(sizeof *routing);
    struct mount *mounts = mem_zalloc((config->mount_count + 1) * sizeof *mounts);

    if (routing == NULL || mounts == NULL) {
        mem_free(routing);
        mem_free(mounts);
        return NULL;
    }
    routing->config = config_ref(config);
    routing->mounts = mounts;
    routing->mount_count = config->mount_count;
    routing->made = clock_wall();
    atomic_init(&routing->references, 1);
    for (unsigned i = 0; i < config->mount_count; i++) {
        mounts[i].config = &config->mounts[i];
        mounts[i].routing = routing;
    }
    note_living(routing, true);
    return routing;
}

struct routing *routing_new(struct config *config, struct plugin_cache *cache,
                            const struct routing *now, struct diag *diag)
{
    struct routing *routing = routing_of(config);

    if (routing == NULL) {
        diag_add(diag, DIAG_ERROR, &config->source, (struct place){0}, NULL, "no memory");
        return NULL;
    }
    for (unsigned i = 0; i < routing->mount_count; i++) {
        if (routing->mounts[i].config->file == NULL) /* one of routing.conf's mistakes */
            continue;
        if (routing->mounts[i].config->kind == MOUNT_WS)
            open_consumer(&routing->mounts[i], cache, now, diag);
        else
            open_files(&routing->mounts[i], diag);
    }
    if (diag->errors == 0)
        return routing;
    routing_free(routing);
    return NULL;
}

struct mount *routing_mount(const struct routing *routing, const struct mount_config *config)
{
    return &routing->mounts[config - routing->config->mounts];
}

/* ---- Going ---------------------------------------------------------------------------------- */

static struct {
    pthread_mutex_t lock;
    struct routing *first;
    void (*wake)(void *context);
    void *context;
} idle = {.lock = PTHREAD_MUTEX_INITIALIZER};

void routing_on_idle(void (*wake)(void *context), void *context)
{
    idle.wake = wake;
    idle.context = context;
}

struct routing *routing_ref(struct routing *routing)
{
    atomic_fetch_add_explicit(&routing->references, 1, memory_order_relaxed);
    return routing;
}

void routing_unref(struct routing *routing)
{
    if (routing == NULL ||
        atomic_fetch_sub_explicit(&routing->references, 1, memory_order_acq_rel) > 1)
        return;
    pthread_mutex_lock(&idle.lock);
    routing->next_idle = idle.first;
    idle.first = routing;
    pthread_mutex_unlock(&idle.lock);
    if (idle.wake != NULL)
        idle.wake(idle.context);
}

unsigned routing_reap(void)
{
    pthread_mutex_lock(&idle.lock);
    struct routing *routing = idle.first;
    idle.first = NULL;
    pthread_mutex_unlock(&idle.lock);
    unsigned count = 0;
    for (; routing != NULL; count++) {
        struct routing *next = routing->next_idle;

        routing_free(routing);
        routing = next;
    }
    return count;
}
