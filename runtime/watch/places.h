/*
 * watch/places: is anything about to change on the way to a file?
 *
 * What is watched are directories, never files: a file that is renamed over, removed and made
 * again, or reached through another symbolic link is another file, and its directory tells of all
 * of that. So each directory on the way to a path is watched for the one name that the way goes on
 * with, and so are those behind symbolic links. A part of the way that is missing will be noticed
 * when it comes.
 *
 * What comes from here is a hint: something may have changed, go and look. So nothing is lost where
 * the kernel's queue runs over.
 */
#ifndef WATCH_PLACES_H
#define WATCH_PLACES_H

#include <stdbool.h>

struct places;

/* NULL where there is no memory, or the system has no inotify to give; see errno. One thread. */
struct places *places_new(void);
void places_free(struct places *places);
int places_fd(const struct places *places); /* readable: call places_read */

/* What is to be watched, all of it anew: what is not named between begin and end is let go. False:
 * the system gives no more watches, or there is no memory; see errno. */
void places_begin(struct places *places);
bool places_file(struct places *places, const char *path);
/* The directory, and in it each name that `matters`. */
bool places_directory(struct places *places, const char *path, bool (*matters)(const char *name));
void places_end(struct places *places);

/* Reads what there is, without waiting. True: something has changed, or may have. */
bool places_read(struct places *places);
/* Has somebody written to one of the files, and not closed it yet? */
bool places_busy(const struct places *places);

#endif
