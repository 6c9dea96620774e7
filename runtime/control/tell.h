/*
 * control/tell: what a server tells of itself, as JSON: how it is, and what a reload has done.
 *
 * docs/status.md says what each key means. Programs read this: a key may be added, and none goes or
 * changes its meaning.
 */
#ifndef CONTROL_TELL_H
#define CONTROL_TELL_H

#include <sys/types.h>

#include "reload/reload.h"
#include "server/census.h"
#include "server/server.h"

/* Of the process that serves. */
struct tell_process {
    const char *file; /* routing.conf, as the command line has it */
    pid_t supervisor; /* 0: there is none */
    bool restarted;   /* after a crash of the server before this one */
    uint64_t started; /* clock_wall, and... */
    uint64_t began;   /* ...clock_now */
    struct server *server;
};

/* Main thread; the census is one that has just been taken. */
void tell_status(const struct tell_process *process, const struct census *census, struct text *out);

void tell_report(const struct tell_process *process, const struct reload_report *report,
                 struct text *out);

/* {"error": "..."} */
void tell_error(const char *why, struct text *out);

#endif
