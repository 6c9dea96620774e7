/*
 * reload/trial: what is about to be served is tried.
 */
#include "reload/trial.h"

#include <string.h>
#include <sys/queue.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "conf/read.h"
#include "plugin/snapshot.h"
#include "supervise/supervised.h"

enum { TEXT_MAX = 1 << 20 }; /* of routing.conf: none is longer */

/* What is not to be served again: consumers of these bytes all together, or, where there are none,
 * this text of routing.conf. */
struct mark {
    SLIST_ENTRY(mark) link;
    char time[16]; /* "18:26:04" */
    struct text text;
    unsigned count;
    unsigned char digests[][DIGEST_SIZE];
};

/* Set before there are other threads, and then only read, but for `begun`, which the thread that
 * loads and the main thread use in turn. */
static SLIST_HEAD(, mark) marks;
static bool begun;

/* ---- What was taken back -------------------------------------------------------------------- */

static void mark_free(struct mark *mark)
{
    text_free(&mark->text);
    mem_free(mark);
}

/* The one that crashed, if it was new; else all that was. */
static void mark_files(struct mark *mark, const struct snapshot *snapshot, const char *digest)
{
    unsigned char blamed[DIGEST_SIZE];
    bool known = text_unhex(blamed, digest, DIGEST_SIZE);

    for (unsigned i = 0; i < snapshot->count; i++) {
        const struct snapshot_file *file = &snapshot->files[i];

        if (!file->fresh)
            continue;
        if (known && memcmp(file->digest, blamed, DIGEST_SIZE) == 0) {
            memcpy(mark->digests[0], blamed, DIGEST_SIZE);
            mark->count = 1;
            return;
        }
        memcpy(mark->digests[mark->count++], file->digest, DIGEST_SIZE);
    }
}

static struct mark *mark_of(const struct snapshot *snapshot, uint64_t when, const char *digest)
{
    struct mark *mark = mem_zalloc(sizeof *mark + snapshot->count * sizeof mark->digests[0]);
    time_t seconds = (time_t)(when / 1000);
    struct tm local;

    if (mark == NULL)
        return NULL;
    strftime(mark->time, sizeof mark->time, "%H:%M:%S", localtime_r(&seconds, &local));
    mark_files(mark, snapshot, digest);
    if (mark->count > 0 ||
        (read_file(snapshot->text, TEXT_MAX, true, &mark->text) == READ_DONE && !mark->text.failed))
        return mark;
    mark_free(mark);
    return NULL;
}

void trial_remember(const char *path, uint64_t when, const char *digest)
{
    struct snapshot *snapshot = snapshot_read(path);
    struct mark *mark = snapshot != NULL ? mark_of(snapshot, when, digest) : NULL;

    if (mark != NULL)
        SLIST_INSERT_HEAD(&marks, mark, link);
    else
        log_write(LOG_WARN, "snapshot.lost", LOG_STR("path", path));
    snapshot_free(snapshot);
}

void trial_forget(void)
{
    struct mark *mark;

    while ((mark = SLIST_FIRST(&marks)) != NULL) {
        SLIST_REMOVE_HEAD(&marks, link);
        mark_free(mark);
    }
}

/* ---- Is it that again ----------------------------------------------------------------------- */

/* The first mount whose consumer is of these bytes; NULL: there is none. */
static const struct mount *find_bytes(const struct routing *routing, const unsigned char *digest)
{
    for (unsigned i = 0; i < routing->mount_count; i++) {
        const struct mount *mount = &routing->mounts[i];

        if (mount->generation != NULL &&
            memcmp(generation_digest(mount->generation), digest, DIGEST_SIZE) == 0)
            return mount;
    }
    return NULL;
}

static bool refuse_text(const struct mark *mark, const struct routing *next, struct diag *diag)
{
    const struct source *source = &next->config->source, nowhere = {.name = source->name};

    if (source->size != mark->text.size || memcmp(source->data, mark->text.data, source->size) != 0)
        return false;
    diag_add(diag, DIAG_ERROR, &nowhere, (struct place){0}, "change what it changed, and reload",
             "with this text the server crashed within its probation at %s", mark->time);
    return true;
}

static bool refuse_bytes(const struct mark *mark, const struct routing *next, struct diag *diag)
{
    const struct mount *first = NULL;

    for (unsigned i = 0; i < mark->count; i++) {
        const struct mount *mount = find_bytes(next, mark->digests[i]);

        if (mount == NULL)
            return false;
        first = first == NULL ? mount : first;
    }
    diag_add(diag, DIAG_ERROR, &next->config->source, first->config->file_place,
             mark->count == 1 ? "build it anew"
                              : "build anew what crashed: what was loaded together is refused "
                                "together",
             "cannot load \"%s\": these bytes crashed within their probation at %s",
             first->config->file_name, mark->time);
    return true;
}

static bool refuse(const struct routing *next, struct diag *diag)
{
    const struct mark *mark;

    SLIST_FOREACH(mark, &marks, link)
    {
        if (mark->count > 0 ? refuse_bytes(mark, next, diag) : refuse_text(mark, next, diag))
            return true;
    }
    return false;
}

/* ---- Trying --------------------------------------------------------------------------------- */

/* Did this routing serve the same file with the same bytes. */
static bool served(const struct routing *routing, const struct mount *mount)
{
    for (unsigned i = 0; routing != NULL && i < routing->mount_count; i++) {
        const struct mount *other = &routing->mounts[i];

        if (other->generation != NULL && strcmp(other->config->file, mount->config->file) == 0)
            return memcmp(generation_digest(other->generation),
                          generation_digest(mount->generation), DIGEST_SIZE) == 0;
    }
    return false;
}

static unsigned list_entries(const struct routing *next, const struct routing *now,
                             struct snapshot_entry *entries, bool *changed)
{
    unsigned count = 0;

    for (unsigned i = 0; i < next->mount_count; i++) {
        const struct mount *mount = &next->mounts[i];

        if (mount->generation == NULL)
            continue;
        bool fresh = !served(now, mount);
        entries[count++] = (struct snapshot_entry){mount->generation, mount->config->file, fresh};
        *changed = *changed || fresh;
    }
    return count;
}

static bool is_same_text(const struct config *a, const struct config *b)
{
    return a->source.size == b->source.size &&
           memcmp(a->source.data, b->source.data, a->source.size) == 0;
}

/* Where none can be made, there is none to go back to, and that is all. */
static void hand_snapshot(struct plugin_cache *cache, const struct config *config,
                          const struct snapshot_entry *entries, unsigned count)
{
    struct slice text = {config->source.data, config->source.size};
    struct plugin_fault fault = {.message = ""};
    int lock;
    char *path = snapshot_make(cache, text, entries, count, &lock, &fault);

    if (path == NULL) {
        log_write(LOG_WARN, "snapshot.failed", LOG_STR("why", fault.message));
        return;
    }
    begun = supervised_say(TETHER_TRIES, path, config->reload.probation, lock);
    if (!begun)
        snapshot_remove(path);
    close(lock);
    mem_free(path);
}

bool trial_begin(struct plugin_cache *cache, const struct routing *next, const struct routing *now,
                 struct diag *diag)
{
    if (supervised_by() == 0)
        return true;
    if (refuse(next, diag))
        return false;
    struct snapshot_entry *entries = mem_alloc((next->mount_count + 1) * sizeof *entries);
    if (entries == NULL) {
        log_write(LOG_WARN, "snapshot.failed", LOG_STR("why", "no memory"));
        return true;
    }
    bool changed = now == NULL || !is_same_text(next->config, now->config);
    unsigned count = list_entries(next, now, entries, &changed);
    if (changed)
        hand_snapshot(cache, next->config, entries, count);
    mem_free(entries);
    return true;
}

static void tell(enum tether_kind kind)
{
    if (begun)
        supervised_say(kind, NULL, 0, -1);
    begun = false;
}

void trial_serve(void)
{
    tell(TETHER_TRIED);
}

void trial_drop(void)
{
    tell(TETHER_DROPS);
}
