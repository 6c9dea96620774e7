/*
 * server/conn_parts: what the files of a connection tell each other: conn (its life), conn_bound,
 * conn_input, conn_output, conn_time.
 */
#ifndef SERVER_CONN_PARTS_H
#define SERVER_CONN_PARTS_H

#include "server/conn.h"
#include "server/limit.h"

/* The descriptor is closed; the rest follows when the turn ends. Twice: once. */
void conn_gone(struct conn *conn);

/* Does it wait for bytes: to take them, or to see the peer's end? */
bool conn_wants_bytes(const struct conn *conn);
/* Bytes have come. */
void conn_read(struct conn *conn);
/* What was received before, and could not be taken then: how much, takes it, or forgets it. */
size_t conn_held_size(const struct conn *conn);
void conn_take_held(struct conn *conn);
void conn_forget_held(struct conn *conn);
/* It has had its share of this turn; what it holds is taken when the others have been served. */
void conn_put_off(struct conn *conn);

/* The peer went beyond a limit of its mount: that is counted, and it is failed. */
void conn_exceed(struct conn *conn, enum limit limit, unsigned code, const char *why);

/* What the mount says of rates begins to hold. False: no memory. */
bool conn_rates_begin(struct conn *conn);
/* It is about to move to a mount with these limits: after this nothing can fail. False: no memory.
 */
bool conn_rates_prepare(struct conn *conn, const struct limits_config *next);
/* It has moved from one to the other. A rate that is the same goes on as it was. */
void conn_rates_change(struct conn *conn, const struct limits_config *before,
                       const struct limits_config *now);
/* The rest is for an open connection that has rates. How many bytes may be received at once, so
 * that a burst is no longer than the rate has it. */
size_t conn_rates_room(const struct conn *conn, size_t room);
/* So many bytes have come; a message has come. False: too many, and the peer is failed. */
bool conn_rates_bytes(struct conn *conn, size_t size);
bool conn_rates_message(struct conn *conn);

/* What it holds of half messages may have changed: tells the server, and closes it where all
 * connections together hold too much. Not within a callback. */
void conn_account(struct conn *conn);

/* The peer has taken so many bytes of what it was being sent. That gives it as much more time as
 * they take at 1 KiB a second, so that nobody stays for ever for a byte now and then. */
void conn_progress(struct conn *conn, uint64_t bytes);

/* Writes what is queued, then some of the file that is to follow. */
void conn_flush(struct conn *conn);

#endif
