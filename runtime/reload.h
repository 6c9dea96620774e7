/*
 * reload: from routing.conf to something that serves, and from a changed one to the next: all of
 * it, or nothing.
 */
#ifndef RELOAD_H
#define RELOAD_H

#include <stdbool.h>

#include "conf/diag.h"
#include "plugin/consumer.h"
#include "server/mount.h"

struct server;

/* The cache that the config names, or one of the usual places. NULL with an error in diag. */
struct plugin_cache *reload_cache(const struct config *config, struct diag *diag);

/* SIGHUP: the server serves what the file says now; or, with errors in diag, what it served before.
 * Warnings in diag name what differs from what the server was started with and needs a restart.
 * Connections that are open stay with the code they met. Main thread. */
bool reload_run(struct server *server, const char *file, struct diag *diag);

/* Frees what nothing uses any more, and unmaps its code. Main thread, never inside a callback. */
void reload_reap(struct plugin_cache *cache);

/* "3 errors, 1 warning" or "no issues", for the line that closes a list of them. */
void reload_summary(const struct diag *diag, struct text *out);

#endif
