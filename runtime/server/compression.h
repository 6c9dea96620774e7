/*
 * server/compression: messages are compressed on their way out, and no message twice that need not
 * be.
 *
 * Without context takeover, a message compressed is the same bytes for all who agreed to the same
 * window. So while events go through a group, messages are remembered as they were compressed: a
 * handler that sends the same to each member costs one compression.
 */
#ifndef SERVER_COMPRESSION_H
#define SERVER_COMPRESSION_H

#include "server/conn.h"
#include "wire/deflate.h"

/* Of one loop, all of it; its thread only. Owned by its worker. */
struct compression;

struct compression *compression_new(void); /* NULL without memory; holds little until used */
void compression_free(struct compression *compression);
/* Frees what was not used since the last call. To be called now and then. */
void compression_trim(struct compression *compression);
/* How many messages were compressed; those that were remembered are not counted. */
uint64_t compression_count(const struct compression *compression);

/* The connection agreed to these terms, and its messages are compressed from now on. False without
 * memory, and they are not. */
bool compression_begin(struct conn *conn, const struct deflate_terms *terms);

/* From now on the same messages may come again for other connections; or no more, and those are
 * forgotten. */
void compression_expect_repeats(struct compression *compression, bool expected);

/* A text or binary message of a connection that agreed to compression becomes what goes over the
 * wire: compressed bytes, valid until the next call with anything of the same loop, or what it was,
 * where it is small, would get no smaller, or there is no memory. Gives the frame's reserved bits,
 * which tell the two apart. What was compressed has to be sent: the peer's window has to hold what
 * ours does. */
uint8_t compression_message(struct conn *conn, struct slice *payload);

/* The same for all connections of a mount whose window is `bits`, and is not taken over. */
uint8_t compression_for_all(struct compression *compression, unsigned bits,
                            const struct compress_config *config, struct slice *payload);

#endif
