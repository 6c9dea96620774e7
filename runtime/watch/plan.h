/*
 * watch/plan: the files that matter: what a reload would read, and the sources of what it loads.
 *
 * They are what routing.conf says now, even where it has mistakes in it and something older serves:
 * a file that is missing today is looked for until it comes.
 */
#ifndef WATCH_PLAN_H
#define WATCH_PLAN_H

#include <stdbool.h>

#include "base/text.h"
#include "watch/files.h"

struct config;

/* Sources, and what makes consumers of them. */
struct work {
    struct work *next;
    struct text words; /* the command, then its directories; each ends with a zero byte */
    bool wanted;
    struct file_set sources;
    bool due;       /* they have changed since it was begun */
    unsigned again; /* how many times in a row only because they changed while it ran */
};

/* Owned by the watch; the main thread's. */
struct plan {
    const char *file;          /* routing.conf */
    struct file_set conf;      /* it, and the @files it names */
    struct file_set objects;   /* the consumers */
    struct file_set makefiles; /* where one comes, there is a work */
    struct work *works;
};

/* Reads routing.conf again; works that it does not have any more are freed. False: no memory for
 * all of it; what there is can be used. */
bool plan_read(struct plan *plan);
void plan_free(struct plan *plan);

/* Has all of it watched. 0, or an error's number. */
int plan_watch(const struct plan *plan, struct places *places);
/* Looks at all of it. True: something is not as it was at the last look. */
bool plan_look(struct plan *plan);

const char *work_command(const struct work *work);
const char *work_directory(const struct work *work); /* where it is run */

#endif
