/*
 * deflating: a client that compresses (RFC 7692), by zlib alone and nothing of the runtime's.
 *
 * It holds the server to what was agreed: a window that is used beyond its size, or taken over
 * where that was excluded, can't be read here.
 */
#ifndef TESTS_DEFLATING_H
#define TESTS_DEFLATING_H

#include "client.h"

/* Opens with this offer: "permessage-deflate; client_no_context_takeover". What comes compressed is
 * read like anything else then (client_receive). */
struct client client_open_deflating(const char *path, const char *offer);
/* The same by a client that has dialled and said nothing yet. */
void client_shake_deflating(struct client *client, const char *path, const char *offer);
/* What was agreed on with the last client that was opened so; "": nothing was. */
const char *client_agreed(void);
/* A whole message, compressed. `first` as it would be without: 0x80 | TEXT. */
void client_packed(struct client *client, unsigned first, const void *payload, size_t size);

#endif
