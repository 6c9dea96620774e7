/*
 * server/drain: a connection that can't go on for ever is closed in time, with 1012: its mount is
 * gone, or its code is too old. Its client comes back, and meets what serves then.
 *
 * Until then it is served as before, by the code that it has. Many connections may have to go at
 * once, so their deadlines lie apart, as those of a stop do.
 */
#ifndef SERVER_DRAIN_H
#define SERVER_DRAIN_H

#include "server/conn.h"

/* It is closed within `ms`. Where that was said before, the earlier time stands: reloads that come
 * one after the other don't put it off. */
void drain_begin(struct conn *conn, uint32_t ms);
/* It may stay after all, or is gone. */
void drain_end(struct conn *conn);

#endif
