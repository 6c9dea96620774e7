/*
 * wire/handshake: is this request a WebSocket handshake (RFC 6455, section 4.2.1), and what is its
 * answer.
 */
#ifndef WIRE_HANDSHAKE_H
#define WIRE_HANDSHAKE_H

#include "wire/http.h"

#define HANDSHAKE_ACCEPT_SIZE 29 /* of a Sec-WebSocket-Accept value, with its zero byte */

/* 0 where the request is a handshake of version 13; else the status to answer: 400, 405 (Allow:
 * GET), 426 (Sec-WebSocket-Version: 13). `why` is a literal for the log. The request has `upgrade`
 * set. */
unsigned handshake_check(const struct http_request *request, const char **why);

/* The Sec-WebSocket-Accept value for the request's key. False: libcrypto could not. */
bool handshake_accept(const struct http_request *request, char accept[HANDSHAKE_ACCEPT_SIZE]);

/* Is it among the subprotocols offered (all Sec-WebSocket-Protocol fields, in order)? */
bool handshake_offers(const struct http_request *request, struct slice subprotocol);

#endif
