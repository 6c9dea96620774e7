/*
 * watch/watch: `sluice run --watch`: what its author changes is built, and loaded, as soon as it is
 * saved.
 */
#ifndef WATCH_WATCH_H
#define WATCH_WATCH_H

#include "base/log.h"
#include "loop/timer.h"

struct reloader;
struct watch;

/* Watches what `file` names, and asks the reloader. A system that can't tell of changes is said so
 * in the log, and asked each second instead. NULL without memory. All of it is the main thread's,
 * whose loop and timers these are. */
struct watch *watch_new(struct reloader *reloader, struct loop *loop, struct timers *timers,
                        const char *file, enum log_format format);

/* The server is about to end: nothing more is begun, and a build that runs is told to stop. Called
 * again, it is killed. */
void watch_stop(struct watch *watch);
/* When the reloader has told all who asked; before the loop is freed. */
void watch_free(struct watch *watch);

#endif
