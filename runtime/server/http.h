/*
 * server/http: a request that has come: which mount takes it, and what it is answered.
 */
#ifndef SERVER_HTTP_H
#define SERVER_HTTP_H

#include "server/conn.h"

/* Answers the request, or begins the websocket that it asks for. `keep_alive`: the connection may
 * serve another one. */
void http_serve(struct conn *conn, const struct http_request *request, bool keep_alive);

/* A part of a file is sent, of several: queues what stands between it and the next. False: it was
 * the last one. */
bool http_next_part(struct conn *conn);

/* Refuses what is no request, or comes too late: a status, the reason for the log, and the end of
 * the connection. `request` is NULL where there is none. */
void http_refuse(struct conn *conn, const struct http_request *request, unsigned status,
                 const char *why);

/* Of a path that no mount takes: where one takes it with a slash at its end, or without that,
 * appends: ; routing.conf:12 takes it with a trailing "/". That is what most often is wrong. */
void http_hint(const struct config *config, bool upgrade, struct slice path, struct text *out);

/* The consumer's answers to a handshake. */
void http_accept(struct conn *conn, struct slice subprotocol); /* data NULL: none */
void http_deny(struct conn *conn, unsigned status, struct slice body);
/* False: HTTP does not allow that name or value. */
bool http_add_header(struct conn *conn, struct slice name, struct slice value);

#endif
