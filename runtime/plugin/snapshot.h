/*
 * plugin/snapshot: what is served, kept so that another process can serve the same: the text of
 * routing.conf, and the consumers as they were when they were loaded.
 *
 * A directory beside the private copies, which are linked into it and take no room of their own.
 * Its lock is handed to whoever keeps the snapshot; so it stays when the process goes that made it,
 * and what nobody keeps any more is found by the next start. Not kept are the files that
 * routing.conf names with @, directories and files that are served as they are, and libraries that
 * consumers link to.
 */
#ifndef PLUGIN_SNAPSHOT_H
#define PLUGIN_SNAPSHOT_H

#include "base/text.h"
#include "plugin/consumer.h"

/* A consumer of what is served. */
struct snapshot_entry {
    const struct generation *generation;
    const char *file; /* where routing.conf finds it */
    bool fresh;       /* its bytes did not serve before */
};

/* Makes one of the text and these entries, of which several may be of one generation. The path is
 * to be mem_free'd, `*lock` to be kept open for as long as it is to stay. NULL with `fault`. */
char *snapshot_make(struct plugin_cache *cache, struct slice text,
                    const struct snapshot_entry *entries, unsigned count, int *lock,
                    struct plugin_fault *fault);
void snapshot_remove(const char *path);
/* Removes what dead processes left beside it. */
void snapshot_clean(const char *path);

/* One that was made before. */
struct snapshot_file {
    unsigned char digest[DIGEST_SIZE];
    bool fresh;
    char *copy; /* its path in the snapshot */
    char *file; /* where routing.conf finds it */
};

struct snapshot {
    char *text; /* the path of routing.conf's text */
    unsigned count;
    struct snapshot_file *files;
};

/* NULL: it is not there, not whole, or there is no memory. */
struct snapshot *snapshot_read(const char *path);
void snapshot_free(struct snapshot *snapshot);

/* From now on consumers that the snapshot has are opened from there, in place of where routing.conf
 * finds them; NULL: none is. */
void snapshot_use(struct plugin_cache *cache, const struct snapshot *snapshot);

#endif
