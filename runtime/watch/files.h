/*
 * watch/files: a set of files, and which of them differ from what they were.
 *
 * Each is known by what stat says, and is remembered twice: as it was when it was last looked at,
 * which tells whether it stands still, and as it was when somebody last acted on it, which tells
 * whether there is something to do.
 */
#ifndef WATCH_FILES_H
#define WATCH_FILES_H

#include <stdbool.h>

#include "base/text.h"

struct places;
struct watched_file;

/* All zero is empty. Owned by the watch; the main thread's. */
struct file_set {
    struct watched_file *files;
    bool failed; /* memory ran out: a file may be missing here */
};

/* Which files are in it, all of them anew. What was in it before is remembered; what was not has
 * changed, from nothing. */
void files_begin(struct file_set *set);
void files_add(struct file_set *set, const char *path);
/* What is in the directory now, and `matters`. */
void files_add_directory(struct file_set *set, const char *path, bool (*matters)(const char *name));
void files_end(struct file_set *set);
/* The same, but that a file which is not named any more has changed, too: it is gone. */
void files_end_gone(struct file_set *set);
void files_free(struct file_set *set);

/* Each is a place to be watched. False: see errno. */
bool files_watch(const struct file_set *set, struct places *places);

/* Looks at all of them. True: something is not as it was at the last look. */
bool files_look(struct file_set *set);

/* Is one not as it was when all was accepted? */
bool files_changed(const struct file_set *set);
/* And is one of these not there now, or, where that makes no sense, `empty`? */
bool files_unfinished(const struct file_set *set, bool empty);
/* Adds the names of these to a list, "a.c, b.c"; `more` counts those for which it is too long. */
void files_names(const struct file_set *set, struct text *out, unsigned *more);
/* As they were last seen is as they are to be from now on. */
void files_accept(struct file_set *set);

/* The same by what they hold, for files that may have been written again as they were. */
void files_read(struct file_set *set); /* after files_accept: notes what each holds */
bool files_differ(const struct file_set *set);

#endif
