/*
 * conf/diag: what is wrong with routing.conf, where, and what to write instead.
 *
 *     routing.conf:18:12: error: unknown limit "mesage"
 *        18 |     limits mesage=4k rate=20/s
 *           |            ^~~~~~
 *           = did you mean "message"?
 *
 * A place is a byte offset into a source text; line and column are worked out only when a message
 * is printed, so what goes wrong later (loading a consumer, say) still points into the file.
 */
#ifndef CONF_DIAG_H
#define CONF_DIAG_H

#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"

/* The text of a file, kept for as long as anything may point into it. */
struct source {
    const char *name; /* as the user wrote it: "routing.conf" */
    const char *data;
    size_t size;
};

struct place {
    size_t offset, size; /* in the source */
};

enum diag_level { DIAG_ERROR, DIAG_WARNING };

#define DIAG_KEPT_MAX 100 /* messages that are kept; more are counted only */

/* Messages of one run, in the order of their places when printed. All zero is empty. Owned by
 * whoever asks for a parse or a load; one thread. */
struct diag {
    struct diag_message *first;
    unsigned errors, warnings;
    bool failed; /* memory ran out: messages are missing, errors is at least 1 */
};

/* `hint` may be NULL: what stands behind the "=", one or more lines. A source without data has a
 * name but no lines: the message then stands without a place. What does not print is escaped. */
void diag_add(struct diag *diag, enum diag_level level, const struct source *source,
              struct place place, const char *hint, const char *format, ...)
    __attribute__((format(printf, 6, 7)));

/* Memory ran out. */
void diag_fail(struct diag *diag);

/* All messages in compiler format; the summary line is the caller's. */
void diag_print(const struct diag *diag, struct text *out);
/* The same, a message at a time: all lines of it, each with its newline. */
typedef void diag_say(void *context, enum diag_level level, const char *text);
void diag_each(const struct diag *diag, diag_say *say, void *context);
void diag_free(struct diag *diag);

/* Line and column, from 1; a column counts characters, not bytes. */
void diag_locate(const struct source *source, size_t offset, unsigned *line, unsigned *column);

#endif
