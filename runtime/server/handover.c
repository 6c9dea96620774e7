/*
 * server/handover: what a consumer holds for all its connections goes from its old code to the new.
 *
 * Each new generation is loaded right behind the save() of the one that it replaces, so that no
 * more than one of those values is there at a time.
 */
#include "server/handover.h"

#include <json-c/json.h>

static void note(struct handover *handover, const struct generation *generation,
                 const char *callback)
{
    atomic_store(&handover->consumer, generation != NULL ? generation_name(generation) : NULL);
    atomic_store(&handover->callback, callback);
}

static struct json_object *save(struct handover *handover, const struct generation *generation)
{
    note(handover, generation, "save");
    struct json_object *saved = generation_save(generation);
    note(handover, NULL, NULL);
    return saved;
}

static bool load(struct handover *handover, struct generation *generation,
                 struct json_object *saved)
{
    note(handover, generation, "load");
    bool done = generation_load(generation, saved);
    note(handover, NULL, NULL);
    return done;
}

static bool take_over(struct handover *handover, const struct mount *mount)
{
    const struct generation *old = routing_generation(handover->now, mount->config->file);
    struct json_object *saved = old != NULL ? save(handover, old) : NULL;
    bool done = load(handover, mount->generation, saved);

    json_object_put(saved);
    return done;
}

bool handover_run(struct handover *handover)
{
    const struct routing *next = handover->next;

    for (unsigned i = 0; i < next->mount_count; i++) {
        const struct mount *mount = &next->mounts[i];

        if (mount->generation == NULL || generation_loaded(mount->generation) ||
            take_over(handover, mount))
            continue;
        diag_add(handover->diag, DIAG_ERROR, &next->config->source, mount->config->file_place,
                 "what the consumer logged may say why",
                 "cannot load \"%s\": its load() returned false", mount->config->file_name);
        return false;
    }
    return handover->done = true;
}
