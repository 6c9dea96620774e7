/*
 * plugin/copies: the private copies that consumers are loaded from, in a directory of this
 * process.
 *
 * The directory bears the process's id for people to read. What says that the process lives is a
 * lock on a file in it, which the kernel gives back however the process ends: so the next start
 * can tell what the dead left behind, and process ids that come back fool nobody.
 */
#ifndef PLUGIN_COPIES_H
#define PLUGIN_COPIES_H

#include <stdint.h>

#include "base/text.h"
#include "plugin/fault.h"

/* Owned by the plugin cache; used by the thread that loads. */
struct copies {
    char *path; /* absolute: CACHE/sluice/1234-0a1b2c3d */
    int lock;   /* descriptor of the locked file in it */
};

/* See plugin_cache_open. */
bool copies_open(struct copies *copies, const char *directory, struct plugin_fault *fault);
/* Another one in the same place, with a lock of its own. */
bool copies_open_beside(struct copies *copies, const struct copies *known,
                        struct plugin_fault *fault);
void copies_close(struct copies *copies); /* the directory goes, with all that is in it */
void copies_remove(const char *path);     /* the same, of one whose lock somebody else has */
/* Removes what dead processes left in the same place. */
void copies_clean(const struct copies *copies);

/* Writes "chat.3.so" for "chat.so". Its path, to be mem_free'd; NULL with `fault`. */
char *copies_add(struct copies *copies, const char *name, uint64_t number, struct slice bytes,
                 struct plugin_fault *fault);

/* Why the loader may have been refused to map from there: mounted noexec? */
bool copies_executable(const struct copies *copies);

#endif
