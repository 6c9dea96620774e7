/*
 * plugin_fixture: what the tests of the room plugin share: a directory of their own, the shared
 * objects in tests/plugins, and the traces that these leave.
 *
 * Strings that are returned last until sixteen more have been.
 */
#ifndef TESTS_PLUGIN_FIXTURE_H
#define TESTS_PLUGIN_FIXTURE_H

#include <stdbool.h>

#include "base/text.h"
#include "plugin/consumer.h"

/* Checked fixtures: an empty directory, where PLUGIN_TRACE lies too; and all memory given back. */
void fixture_set_up(void);
void fixture_tear_down(void);

const char *in_scratch(const char *name);      /* SCRATCH/name */
const char *built_plugin(const char *name);    /* tests/plugins/NAME.so */
const char *trace_left(void);                  /* "load; unload; " */
unsigned entries_in(const char *directory);    /* files and directories in it, 0 if it is gone */
const char *only_entry_of(const char *parent); /* the path of what alone is in it */
bool is_there(const char *path);

struct text read_file(const char *path); /* text_free'd by the caller */
void write_file(const char *path, struct slice bytes);
void copy_file(const char *to, const char *from);

/* A cache in SCRATCH/cache. */
struct plugin_cache *open_cache(void);
struct generation *open_good(struct plugin_cache *cache, const char *file); /* it must load */
void end_generation(struct plugin_cache *cache, struct generation *generation);

const char *copies_path(void); /* the directory of this process's copies */
unsigned copies_left(void);    /* in it */

/* Must be refused with these words, and leave nothing behind. */
void check_refused(struct plugin_cache *cache, const char *file, const char *message,
                   const char *hint);

/* In a mount namespace of the process's own. False: nobody may do that here. */
bool mount_scratch(const char *name, const char *options, unsigned long flags);
bool remount_noexec(const char *name);

#endif
