/*
 * wire/extension: the extensions that a client offers, and what is agreed on (RFC 6455, section 9;
 * RFC 7692, sections 5 and 7.1).
 *
 * One extension is known, permessage-deflate. The offers are looked at in the client's order, and
 * the first that can be had as it stands is taken; one with a parameter that is unknown, that is
 * there twice or whose value is none is declined, and the next is looked at. With none that can be
 * had the connection goes on uncompressed.
 */
#ifndef WIRE_EXTENSION_H
#define WIRE_EXTENSION_H

#include "wire/http.h"

/* What holds for the compressed messages of one connection. `server`: those that we send. It is
 * what the answer promises, or less: where the client asked for no server_max_window_bits, a
 * smaller window is used and not told. */
struct deflate_terms {
    uint8_t server_bits, client_bits;      /* of the window: 8 to 15 */
    bool server_takeover, client_takeover; /* the window lives on from message to message */
};

/* What the mount wants. */
struct deflate_wish {
    uint8_t bits;  /* the largest window, both ways: 9 to 15 */
    bool takeover; /* windows are kept where the client agrees: memory for each connection */
};

/* What keeps a Sec-WebSocket-Extensions value from being a list of extensions, as a literal; NULL:
 * it is one. */
const char *extension_fault(struct slice value);

/* True: an offer was taken. `terms` is filled in, and what stands in the answer's
 * Sec-WebSocket-Extensions field is appended to `answer` (which may have failed). */
bool extension_agree(const struct http_request *request, const struct deflate_wish *wish,
                     struct deflate_terms *terms, struct text *answer);

#endif
