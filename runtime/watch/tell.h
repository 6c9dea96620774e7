/*
 * watch/tell: what --watch shows: one line for each thing that happened.
 *
 *     18:26:04 chat.so changed: 12 connections moved in 3 ms
 *
 * Where the log is JSON these are lines of it.
 */
#ifndef WATCH_TELL_H
#define WATCH_TELL_H

#include <stdbool.h>

#include "base/log.h"
#include "base/text.h"
#include "reload/reload.h"
#include "watch/files.h"

/* Of the watch. */
struct teller {
    enum log_format format;
    bool colours;
};

struct teller teller_of(enum log_format format);

/* `good`: in green, else in red, where the terminal has colours. */
void teller_say(const struct teller *teller, bool good, const char *what, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void teller_no_memory(const struct teller *teller);

/* "a.c, b.c and 3 more changed": what differs in these sets, of which the second may be NULL.
 * False: nothing does, or there is no memory. */
bool describe_changed(const struct file_set *one, const struct file_set *other, struct text *out);
/* What came of a reload. `conf`: for a changed routing.conf, not for changed code alone. */
void describe_reload(const struct reload_report *report, bool conf, struct text *out);
/* How a build ended that did not end well; `status` is waitpid's. */
void describe_failure(int status, struct text *out);

#endif
