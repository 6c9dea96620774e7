/*
 * reload/reload: from routing.conf to something that serves, and from a changed one to the next:
 * all of it, or nothing.
 *
 * Whoever wants a reload (a signal, the control socket, a watched file) asks the reloader, and is
 * told what came of it when the last live connection has moved. One is under way at a time; those
 * who ask meanwhile share the next one, since that will read what they have written.
 */
#ifndef RELOAD_RELOAD_H
#define RELOAD_RELOAD_H

#include <stdbool.h>

#include "conf/diag.h"
#include "plugin/consumer.h"
#include "server/mount.h"

struct loop;
struct server;

/* What became of one mount, and of its live connections. */
struct reload_row {
    enum reload_change { RELOAD_SAME, RELOAD_CHANGED, RELOAD_ADDED, RELOAD_REMOVED } change;
    const char *mount;    /* its pattern as written */
    const char *consumer; /* "chat.so" */
    uint64_t from, to;    /* numbers of generations; 0: there is none */
    unsigned moved;       /* with their state as it was */
    unsigned upgraded;    /* through upgrade */
    unsigned stayed;      /* with the code they met... */
    unsigned draining;    /* ...and of those, how many are to be closed */
};

/* Of the reloader; valid while `told` runs. */
struct reload_report {
    bool done;               /* else nothing has changed, and diag says why */
    const struct diag *diag; /* errors, or warnings */
    unsigned row_count;      /* ws mounts alone; 0 where it is refused */
    const struct reload_row *rows;
    uint64_t ms;       /* all of it */
    uint64_t load_ms;  /* files read, probed, loaded, checked: everything serves meanwhile */
    uint64_t pause_ms; /* nothing ran: save, load, and the swap */
    uint64_t move_ms;  /* until the last connection had moved */
};

/* Whoever asked. Embedded in what wants to know; the caller's until `told` has been called, once,
 * on the main thread. */
struct reload_wish {
    struct reload_wish *next;
    void (*told)(struct reload_wish *wish, const struct reload_report *report);
};

struct reloader;

/* The cache that the config names, or one of the usual places. NULL with an error in diag. */
struct plugin_cache *reload_cache(const struct config *config, struct diag *diag);

/* Of a server that serves `file`; `loop` is the main thread's. `ended` is told of each reload,
 * before those who asked. NULL without memory. All of this is the main thread's. */
struct reloader *reloader_new(struct server *server, struct loop *loop, const char *file,
                              void (*ended)(void *context, const struct reload_report *report),
                              void *context);
/* Tests: the config comes from here instead of the file, on any thread. Consumers are not probed
 * then: their check() is called in this process. */
void reloader_read_by(struct reloader *reloader,
                      struct config *(*read)(void *context, struct diag *diag), void *context);
/* Begins, at once or when the one under way is over. NULL: nobody needs to be told. */
void reloader_ask(struct reloader *reloader, struct reload_wish *wish);
/* Tests: looks whether all have moved, instead of waiting for the next look. */
void reloader_look(struct reloader *reloader);
/* Something is used by nobody any more: it is freed, and its code unmapped, on the loader's thread.
 */
void reloader_reap(struct reloader *reloader);
/* The server stops: what is under way is given up, and refused to all who asked; nothing is begun
 * any more. */
void reloader_stop(struct reloader *reloader);
/* After reloader_stop: waits, `patience` ms, for a consumer's load, save or unload to end. False:
 * it does not, and what it uses can't be freed. */
bool reloader_wait(struct reloader *reloader, unsigned patience);
/* After reloader_wait, and the server is gone: the same, `patience` ms for it. False: an unload or
 * a destructor does not end. */
bool reloader_reap_last(struct reloader *reloader, unsigned patience);
/* After reloader_wait, when the workers' loops and `loop` have been freed. */
void reloader_free(struct reloader *reloader);

/* The same on this thread, the main one, for who has no reloader. Never inside a callback; does
 * nothing while a reload opens consumers. */
void reload_reap(struct plugin_cache *cache);

/* "3 errors, 1 warning" or "no issues", for the line that closes a list of them. */
void reload_summary(const struct diag *diag, struct text *out);

/* The report for people: a line for each mount that changed, and one for the whole; or the errors'
 * summary. Ends with a newline. */
void reload_describe(const struct reload_report *report, struct text *out);

#endif
