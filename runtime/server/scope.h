/*
 * server/scope: who is connecting: what a consumer may ask about its client's request.
 *
 * A connection keeps one block of memory: the request head as it came, the decoded path, what the
 * pattern captured, and the two addresses. All else is read out of the head when it is asked for,
 * since few consumers ask for much, and all connections pay for what is kept. A reload may give the
 * path another pattern; then what that captures counts, and what was captured before is kept too.
 *
 * Strings stay valid until the scope is freed. They are NULL where there is no such thing, where
 * it holds a zero byte, or without memory. Path, params and queries are UTF-8; headers and cookies
 * are the bytes that came.
 */
#ifndef SERVER_SCOPE_H
#define SERVER_SCOPE_H

#include "conf/pattern.h"
#include "wire/http.h"

struct json_object;

/* Owned by a connection. One callback at a time touches it: asking changes it. */
struct scope;

/* Copies all it is given. `path` is the decoded path that the pattern took, and that the captures
 * point into. `peer` is "203.0.113.9:51234", or another name where the client has no address;
 * `local` is "127.0.0.1:8000" or the path of a Unix socket; each may be NULL. `secure`: it came
 * over TLS. NULL without memory. */
struct scope *scope_new(const struct http_request *request, struct slice path,
                        const struct pattern *pattern, const struct pattern_capture *captures,
                        const char *peer, const char *local, bool secure);
void scope_free(struct scope *scope); /* NULL is fine */

/* The decoded path, zero bytes and all. */
struct slice scope_whole_path(const struct scope *scope);

/* What a pattern has captured; owned by its scope. */
struct captured;

/* What params are looked for in now. */
const struct captured *scope_captured(const struct scope *scope);
/* The same for another pattern that takes the path. Nothing changes yet, so that nothing need be
 * taken back where it is not used after all. NULL without memory. */
const struct captured *scope_capture(struct scope *scope, const struct pattern *pattern,
                                     const struct pattern_capture *captures);
void scope_use(struct scope *scope, const struct captured *captured); /* one of its own */

/* The request again, read from the scope's own copy of its head. */
bool scope_request(const struct scope *scope, struct http_request *request);

const char *scope_path(const struct scope *scope); /* decoded, without the query */
const char *scope_peer(const struct scope *scope);
const char *scope_param(const struct scope *scope, const char *name);
long long scope_param_int(const struct scope *scope,
                          const char *name); /* of an <int:name>; else 0 */

const char *scope_query(struct scope *scope, const char *name);  /* the last one of that name */
const char *scope_header(struct scope *scope, const char *name); /* several are joined by ", " */
const char *scope_cookie(struct scope *scope, const char *name);

/* Who it is, as found out elsewhere: once, before any of the rest is asked. References are taken;
 * NULL: there is none. False: no memory. */
bool scope_identify(struct scope *scope, struct json_object *session, struct json_object *user);
struct json_object *scope_session(const struct scope *scope); /* borrowed */
struct json_object *scope_user(const struct scope *scope);

/* The whole as an ASGI scope, made when first asked for. Borrowed. */
struct json_object *scope_asgi(struct scope *scope);

#endif
