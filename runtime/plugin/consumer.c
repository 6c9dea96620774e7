/*
 * plugin/consumer: a generation: one consumer's shared object as it was when it was loaded.
 *
 * All of a generation's life but counting references is the business of one thread, the one that
 * loads: dlopen and dlclose run an author's constructors and destructors, and no loop's stack may
 * be inside an object that goes. Others only put what they let go of on a list.
 */
#include "plugin/consumer.h"

#include <assert.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "base/log.h"
#include "base/mem.h"
#include "plugin/copies.h"
#include "plugin/file.h"
#include "plugin/generation.h"
#include "plugin/probe.h"
#include "plugin/record.h"
#include "plugin/snapshot.h"

STAILQ_HEAD(generation_list, generation);

/* Owned by main. `idle` and the two behind it belong to who holds `mutex`; the counters are
 * atomic; the rest is of the thread that loads. */
struct plugin_cache {
    struct copies copies;
    struct generation_list stuck;   /* gone, and still mapped */
    const struct snapshot *instead; /* what consumers are opened from; NULL: from their files */
    atomic_uint count, stuck_count;
    struct probe probe; /* without a program there is none */

    pthread_mutex_t mutex;
    struct generation_list idle; /* nobody refers to them any more */
    char going[NAME_MAX + 1];    /* the consumer that was taken from there last */
    void (*wake)(void *context);
    void *wake_context;
};

static atomic_ullong last_number; /* of this process, whatever its caches */
static bool keep_mapped;

/* ---- Who is called ------------------------------------------------------- */

static _Thread_local struct {
    const struct generation *generation;
    const char *function; /* NULL: none */
} calling;

static void calling_begin(const struct generation *generation, const char *function)
{
    calling.generation = generation;
    calling.function = function;
}

static void calling_end(void)
{
    calling.function = NULL;
}

const char *generation_calling(const struct generation **generation)
{
    if (calling.function != NULL)
        *generation = calling.generation;
    return calling.function;
}

/* ---- The cache ----------------------------------------------------------- */

struct plugin_cache *plugin_cache_open(const char *directory, struct plugin_fault *fault)
{
    struct plugin_cache *cache = mem_zalloc(sizeof(*cache));

    if (cache == NULL) {
        fault_set(fault, "no memory");
        return NULL;
    }
    if (!copies_open(&cache->copies, directory, fault)) {
        mem_free(cache);
        return NULL;
    }
    STAILQ_INIT(&cache->stuck);
    STAILQ_INIT(&cache->idle);
    pthread_mutex_init(&cache->mutex, NULL);
    return cache;
}

static void free_generation(struct generation *generation)
{
    handlers_free(generation);
    mem_free(generation->path);
    mem_free(generation->name);
    mem_free(generation);
}

void plugin_cache_close(struct plugin_cache *cache)
{
    struct generation *generation;

    generation_reap(cache);
    assert(generation_count(cache) == 0);
    while ((generation = STAILQ_FIRST(&cache->stuck)) != NULL) {
        STAILQ_REMOVE_HEAD(&cache->stuck, link);
        free_generation(generation);
    }
    copies_close(&cache->copies);
    pthread_mutex_destroy(&cache->mutex);
    mem_free(cache);
}

void plugin_cache_probe_by(struct plugin_cache *cache, const char *program, uint32_t ms)
{
    cache->probe.program = program;
    cache->probe.deadline_ms = ms;
}

void plugin_cache_give_up(struct plugin_cache *cache)
{
    atomic_store(&cache->probe.give_up, true);
}

void plugin_cache_going(struct plugin_cache *cache, struct text *name)
{
    pthread_mutex_lock(&cache->mutex);
    text_add_str(name, cache->going);
    pthread_mutex_unlock(&cache->mutex);
}

void plugin_cache_clean(struct plugin_cache *cache)
{
    copies_clean(&cache->copies);
}

const struct copies *cache_copies(const struct plugin_cache *cache)
{
    return &cache->copies;
}

void snapshot_use(struct plugin_cache *cache, const struct snapshot *snapshot)
{
    cache->instead = snapshot;
}

unsigned generation_count(const struct plugin_cache *cache)
{
    return atomic_load(&cache->count);
}

unsigned generation_stuck(const struct plugin_cache *cache)
{
    return atomic_load(&cache->stuck_count);
}

void generation_keep_mapped(bool keep)
{
    keep_mapped = keep;
}

/* ---- Loading ------------------------------------------------------------- */

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash != NULL ? slash + 1 : path;
}

/* Takes a mapped object out again. One that stays keeps its copy on disk, where debuggers look
 * for it. Takes the generation over. */
static void let_go(struct plugin_cache *cache, struct generation *generation)
{
    if (keep_mapped) {
        free_generation(generation);
        return;
    }
    calling_begin(generation, "destructor");
    bool unmapped = object_unmap(&generation->object, generation->path);
    calling_end();
    if (unmapped) {
        unlink(generation->path);
        free_generation(generation);
        return;
    }
    handlers_free(generation);
    STAILQ_INSERT_TAIL(&cache->stuck, generation, link);
    atomic_fetch_add(&cache->stuck_count, 1);
    log_write(LOG_WARN, "generation.stuck", LOG_STR("consumer", generation->name),
              LOG_INT("generation", generation->number),
              LOG_STR("reason", "-z nodelete, a C++ unique symbol, a library that is bound to it, "
                                "or a thread_local with a destructor"));
}

/* Everything but the copy and the mapping. */
static struct generation *new_generation(struct plugin_cache *cache, const char *file,
                                         const unsigned char digest[DIGEST_SIZE])
{
    struct generation *generation = mem_zalloc(sizeof(*generation));

    if (generation == NULL)
        return NULL;
    generation->name = mem_strdup(base_name(file));
    if (generation->name == NULL) {
        mem_free(generation);
        return NULL;
    }
    atomic_init(&generation->references, 1);
    generation->number = atomic_fetch_add(&last_number, 1) + 1;
    generation->cache = cache;
    memcpy(generation->digest, digest, DIGEST_SIZE);
    return generation;
}

static bool check_here(struct generation *generation, struct plugin_fault *fault)
{
    calling_begin(generation, "check");
    bool good = generation->record.check();
    calling_end();
    return good || fault_set(fault, "its check() returned false");
}

/* What the probe has not found out is done without, but for a check that its author wants. */
static bool map_probed(struct generation *generation, const struct elf *elf,
                       const struct elf_symbol *symbol, bool checked, struct plugin_fault *fault)
{
    if (!record_copy(&generation->object, elf, symbol, &generation->record, fault))
        return false;
    if (generation->record.check != NULL && generation->cache->probe.program == NULL &&
        !check_here(generation, fault))
        return false;
    if (generation->record.check != NULL && !checked)
        return fault_set(fault, "there is no process to call its check() in");
    return handlers_collect(generation, elf, fault);
}

static bool map(struct generation *generation, const struct elf *elf,
                const struct elf_symbol *symbol, struct plugin_fault *fault)
{
    struct plugin_cache *cache = generation->cache;
    enum probe_result probed = PROBE_PASSED;

    generation->path =
        copies_add(&cache->copies, generation->name, generation->number, elf->file, fault);
    if (generation->path == NULL) {
        free_generation(generation);
        return false;
    }
    if (cache->probe.program != NULL)
        probed = probe_try(&cache->probe, generation->path, fault);
    bool mapped = probed != PROBE_REFUSED;
    if (mapped) {
        calling_begin(generation, "constructor");
        mapped = object_map(&generation->object, generation->path, generation->name, elf, fault);
        calling_end();
    }
    if (!mapped) {
        unlink(generation->path);
        free_generation(generation);
        return false;
    }
    if (!map_probed(generation, elf, symbol, probed == PROBE_PASSED, fault)) {
        let_go(cache, generation);
        return false;
    }
    return true;
}

static struct generation *open_bytes(struct plugin_cache *cache, const char *file,
                                     struct slice bytes, const unsigned char digest[DIGEST_SIZE],
                                     struct plugin_fault *fault)
{
    struct generation *generation;
    struct elf_symbol symbol = {0};
    struct elf elf;

    if (!elf_parse(&elf, bytes, fault) || !record_check(&elf, &symbol, fault))
        return NULL;
    generation = new_generation(cache, file, digest);
    if (generation == NULL) {
        fault_set(fault, "no memory");
        return NULL;
    }
    if (!map(generation, &elf, &symbol, fault))
        return NULL;
    atomic_fetch_add(&cache->count, 1);
    return generation;
}

struct generation *generation_open(struct plugin_cache *cache, const char *file,
                                   struct generation *known, struct plugin_fault *fault)
{
    unsigned char digest[DIGEST_SIZE];
    struct generation *generation = NULL;
    struct slice bytes = {0};

    if (!file_read(snapshot_instead(cache->instead, file), &bytes, fault))
        return NULL;
    if (EVP_Digest(bytes.data, bytes.size, digest, NULL, EVP_sha256(), NULL) != 1)
        fault_set(fault, "cannot compute its SHA-256");
    else if (known != NULL && memcmp(known->digest, digest, DIGEST_SIZE) == 0)
        generation = generation_ref(known);
    else
        generation = open_bytes(cache, file, bytes, digest, fault);
    if (generation != NULL && generation != known)
        generation->sequence = known != NULL ? known->sequence + 1 : 1;
    mem_free((char *)bytes.data);
    return generation;
}

bool generation_load(struct generation *generation, struct json_object *saved)
{
    if (generation->load == LOAD_NOT_CALLED) {
        bool (*load)(struct json_object *) = generation->record.load;

        calling_begin(generation, "load");
        generation->load = load == NULL || load(saved) ? LOAD_YES : LOAD_NO;
        calling_end();
    }
    return generation->load == LOAD_YES;
}

bool generation_loaded(const struct generation *generation)
{
    return generation->load != LOAD_NOT_CALLED;
}

struct json_object *generation_save(const struct generation *generation)
{
    if (generation->record.save == NULL)
        return NULL;
    calling_begin(generation, "save");
    struct json_object *saved = generation->record.save();
    calling_end();
    return saved;
}

/* ---- References ---------------------------------------------------------- */

struct generation *generation_ref(struct generation *generation)
{
    atomic_fetch_add_explicit(&generation->references, 1, memory_order_relaxed);
    return generation;
}

void generation_unref(struct generation *generation)
{
    struct plugin_cache *cache = generation->cache;
    void (*wake)(void *context) = NULL;
    void *context;

    if (atomic_fetch_sub_explicit(&generation->references, 1, memory_order_acq_rel) != 1)
        return;
    pthread_mutex_lock(&cache->mutex);
    if (STAILQ_EMPTY(&cache->idle))
        wake = cache->wake;
    context = cache->wake_context;
    STAILQ_INSERT_TAIL(&cache->idle, generation, link);
    pthread_mutex_unlock(&cache->mutex);
    if (wake != NULL)
        wake(context);
}

void generation_on_idle(struct plugin_cache *cache, void (*wake)(void *context), void *context)
{
    pthread_mutex_lock(&cache->mutex);
    cache->wake = wake;
    cache->wake_context = context;
    pthread_mutex_unlock(&cache->mutex);
}

/* What a thread's thread_local destructor held may be gone by now. */
static void retry_stuck(struct plugin_cache *cache)
{
    struct generation_list stuck = STAILQ_HEAD_INITIALIZER(stuck);
    struct generation *generation;

    STAILQ_CONCAT(&stuck, &cache->stuck);
    while ((generation = STAILQ_FIRST(&stuck)) != NULL) {
        STAILQ_REMOVE_HEAD(&stuck, link);
        if (object_mapped(generation->path)) {
            STAILQ_INSERT_TAIL(&cache->stuck, generation, link);
            continue;
        }
        atomic_fetch_sub(&cache->stuck_count, 1);
        unlink(generation->path);
        free_generation(generation);
    }
}

static struct generation *take_idle(struct plugin_cache *cache)
{
    struct generation *generation;

    pthread_mutex_lock(&cache->mutex);
    generation = STAILQ_FIRST(&cache->idle);
    if (generation != NULL) {
        STAILQ_REMOVE_HEAD(&cache->idle, link);
        snprintf(cache->going, sizeof cache->going, "%s", generation->name);
    }
    pthread_mutex_unlock(&cache->mutex);
    return generation;
}

unsigned generation_reap(struct plugin_cache *cache)
{
    struct generation *generation;
    unsigned gone = 0;

    retry_stuck(cache);
    while ((generation = take_idle(cache)) != NULL) {
        if (generation->load == LOAD_YES && generation->record.unload != NULL) {
            calling_begin(generation, "unload");
            generation->record.unload();
            calling_end();
        }
        let_go(cache, generation);
        atomic_fetch_sub(&cache->count, 1);
        gone++;
    }
    return gone;
}

/* ---- What it is ---------------------------------------------------------- */

const struct sluice_consumer *generation_consumer(const struct generation *generation)
{
    return &generation->record;
}

uint64_t generation_number(const struct generation *generation)
{
    return generation->number;
}

unsigned generation_sequence(const struct generation *generation)
{
    return generation->sequence;
}

const char *generation_name(const struct generation *generation)
{
    return generation->name;
}

const unsigned char *generation_digest(const struct generation *generation)
{
    return generation->digest;
}
