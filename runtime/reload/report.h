/*
 * reload/report: what became of a reload, mount by mount, and in words.
 */
#ifndef RELOAD_REPORT_H
#define RELOAD_REPORT_H

#include "reload/reload.h"

/* Rows for what `next` serves and `now` served. Without memory there are none. */
void report_fill(struct reload_report *report, const struct routing *now,
                 const struct routing *next);
void report_clear(struct reload_report *report);

#endif
