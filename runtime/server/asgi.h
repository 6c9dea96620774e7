/*
 * server/asgi: a WebSocket request as an ASGI scope: the JSON that an application of Django
 * Channels would see.
 */
#ifndef SERVER_ASGI_H
#define SERVER_ASGI_H

#include "wire/http.h"

struct json_object;

/* What a scope is made of. Borrowed. */
struct asgi_source {
    const struct http_request *request;
    struct slice path;          /* decoded */
    struct json_object *kwargs; /* what the pattern captured, by name; a reference is taken */
    const char *peer;           /* "203.0.113.9:51234"; anything else is nobody's address */
    const char *local;          /* the same, or the path of a Unix socket; NULL: not known */
    bool secure;
    struct json_object *session, *user; /* NULL: nobody is logged in; references are taken */
};

/* All of it is JSON: what ASGI has as bytes (raw_path, query_string, headers) is text. NULL without
 * memory. */
struct json_object *asgi_scope_new(const struct asgi_source *source);

/* The value of the Cookie field that counts: the first one. Data NULL: there is none. */
struct slice asgi_cookies(const struct http_request *request);

/* Puts the value into the object and takes it over. False: it is NULL (it could not be made), or
 * memory ran out. */
bool asgi_put(struct json_object *object, const char *key, struct json_object *value);

#endif
