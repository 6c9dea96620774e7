/*
 * server/conn_parts: what the files of a connection tell each other: conn (its life), conn_input,
 * conn_output, conn_time.
 */
#ifndef SERVER_CONN_PARTS_H
#define SERVER_CONN_PARTS_H

#include "server/conn.h"

/* The descriptor is closed; the rest follows when the turn ends. Twice: once. */
void conn_gone(struct conn *conn);

/* Does it wait for bytes: to take them, or to see the peer's end? */
bool conn_wants_bytes(const struct conn *conn);
/* Bytes have come. */
void conn_read(struct conn *conn);
/* Takes what was received before, and could not be taken then. */
void conn_take_held(struct conn *conn);

/* Writes what is queued, then some of the file that is to follow. */
void conn_flush(struct conn *conn);

#endif
