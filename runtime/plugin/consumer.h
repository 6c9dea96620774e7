/*
 * plugin/consumer: a generation: one consumer's shared object as it was when it was loaded.
 *
 * glibc gives the same handle for the same path, and overwriting a loaded file crashes whoever
 * runs in it. So each generation is loaded from a private copy with a name of its own; the
 * author's file may be overwritten, cut or removed at any time. The copy stays on disk for as long
 * as the generation lives, so that debuggers and backtraces find it.
 */
#ifndef PLUGIN_CONSUMER_H
#define PLUGIN_CONSUMER_H

#include <stdbool.h>
#include <stdint.h>
#include <sluice/sluice.h>

#include "base/text.h"
#include "plugin/fault.h"

#define DIGEST_SIZE 32 /* of SHA-256 */

/* Where private copies are kept: a directory of mode 0700 that allows execution. Owned by main. */
struct plugin_cache;

/* Tries `directory` if not NULL, else $CACHE_DIRECTORY (systemd's), $XDG_CACHE_HOME, ~/.cache and
 * the temporary directory. Removes what dead processes left. NULL with `fault`. */
struct plugin_cache *plugin_cache_open(const char *directory, struct plugin_fault *fault);
/* Reaps first; then no generation may be left. The directory goes. */
void plugin_cache_close(struct plugin_cache *cache);

/* Has each object loaded and checked by another process first: `program` (which stays), executed as
 * `program probe FILE`; constructors, and check(), have `ms` each. Without it, a constructor that
 * aborts takes this process along, and check() is called in it. Not while one is opened. */
void plugin_cache_probe_by(struct plugin_cache *cache, const char *program, uint32_t ms);
/* Any thread: a probe that is under way is ended, and what it looks at is refused; all that come,
 * too. */
void plugin_cache_give_up(struct plugin_cache *cache);

/* Appends the name of the consumer that is being unloaded, or was last. Any thread. */
void plugin_cache_going(struct plugin_cache *cache, struct text *name);

/* Removes what dead processes have left there meanwhile. */
void plugin_cache_clean(struct plugin_cache *cache);

struct generation;

/*
 * Reads the file, checks that it is a whole shared object for this machine and this ABI, copies,
 * probes and maps it, checks its records. Does not call load(). `known`, the generation of the same
 * consumer that serves now, or NULL: where the file's bytes are the same, it is referenced and
 * returned instead. NULL with `fault`, and nothing is left behind. One thread at a time, the one
 * that reaps.
 */
struct generation *generation_open(struct plugin_cache *cache, const char *file,
                                   struct generation *known, struct plugin_fault *fault);

/* Calls load(saved), which may be absent, unless it was called before. False: the consumer said no.
 * `saved` stays the caller's. One thread, the one that reaps. */
bool generation_load(struct generation *generation, struct json_object *saved);

bool generation_loaded(const struct generation *generation); /* has load been called; same thread */
/* Calls save(), if there is one. NULL: nothing is handed over; else the caller's. Same thread. */
struct json_object *generation_save(const struct generation *generation);

/* Any thread. When the last reference goes, the generation is put on a list... */
struct generation *generation_ref(struct generation *generation);
void generation_unref(struct generation *generation);
/* ...which is emptied here: unload is called (if generation_load was, and gave true), the object
 * unmapped, the copy removed. Never called from a callback's stack: only by the thread that loads.
 * Gives how many went. */
unsigned generation_reap(struct plugin_cache *cache);
/* Is called, by whichever thread, when the list stops being empty: to wake the one that reaps. */
void generation_on_idle(struct plugin_cache *cache, void (*wake)(void *context), void *context);

/* Which of an author's functions this thread is in on behalf of a whole generation: "load",
 * "unload", "constructor" or "destructor". NULL: none; then `*generation` stays as it is. Any
 * thread, any signal handler. */
const char *generation_calling(const struct generation **generation);

/* The record, padded with zeros where the object was built for an older minor version. */
const struct sluice_consumer *generation_consumer(const struct generation *generation);
uint64_t generation_number(const struct generation *generation); /* 1, 2, ... of this process */
/* 1, 2, ... of its consumer: one more than the `known` that it was opened beside. */
unsigned generation_sequence(const struct generation *generation);
const char *generation_name(const struct generation *generation); /* "chat.so" */
/* The SHA-256 of its bytes, DIGEST_SIZE of them. Any thread, any signal handler. */
const unsigned char *generation_digest(const struct generation *generation);

/* Counted for status: generations in use or waiting for the reaper, and those that are gone but
 * could not be unmapped (-z nodelete, C++ uniques, thread_local destructors). Any thread. */
unsigned generation_count(const struct plugin_cache *cache);
unsigned generation_stuck(const struct plugin_cache *cache);

/* Tests: from now on what is reaped stays mapped, or sanitizers could not name what it did. */
void generation_keep_mapped(bool keep);

#endif
