/*
 * server/asgi: a WebSocket request as an ASGI scope: the JSON that an application of Django
 * Channels would see.
 *
 * Each function makes one part, or gives NULL; putting NULL somewhere fails. So a part that could
 * not be made fails all that it belongs to, and what was made until then is freed on the way out.
 */
#include "server/asgi.h"

#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "base/utf8.h"
#include "wire/uri.h"

bool asgi_put(struct json_object *object, const char *key, struct json_object *value)
{
    if (value == NULL)
        return false;
    if (json_object_object_add(object, key, value) == 0)
        return true;
    json_object_put(value);
    return false;
}

static bool append(struct json_object *array, struct json_object *value)
{
    if (value == NULL)
        return false;
    if (json_object_array_add(array, value) == 0)
        return true;
    json_object_put(value);
    return false;
}

static bool put_null(struct json_object *object, const char *key)
{
    return json_object_object_add(object, key, NULL) == 0;
}

static struct json_object *string_new(const char *data, size_t size)
{
    return json_object_new_string_len(size > 0 ? data : "", (int)size);
}

static bool put_string(struct json_object *object, const char *key, const char *string)
{
    return asgi_put(object, key, json_object_new_string(string));
}

/* The container, or NULL where filling it failed. */
static struct json_object *whole(struct json_object *container, bool ok)
{
    if (ok)
        return container;
    json_object_put(container);
    return NULL;
}

static struct json_object *version_new(void)
{
    struct json_object *version = json_object_new_object();

    return whole(version, version != NULL && put_string(version, "version", "3.0") &&
                              put_string(version, "spec_version", "2.5"));
}

static struct json_object *extensions_new(void)
{
    struct json_object *extensions = json_object_new_object();

    return whole(extensions, extensions != NULL && asgi_put(extensions, "websocket.http.response",
                                                            json_object_new_object()));
}

/* Bytes of a field are taken for Latin-1 where text is wanted, as Python's servers do. */
static void add_latin1(struct text *out, struct slice latin1)
{
    for (size_t i = 0; i < latin1.size; i++) {
        unsigned char byte = (unsigned char)latin1.data[i];

        if (byte >= 0x80) {
            text_add_byte(out, (char)(0xc0 | byte >> 6));
            byte = 0x80 | (byte & 0x3f);
        }
        text_add_byte(out, (char)byte);
    }
}

static struct json_object *latin1_new(struct slice latin1)
{
    struct text text = {0};

    add_latin1(&text, latin1);

    struct json_object *string = text.failed ? NULL : string_new(text.data, text.size);
    text_free(&text);
    return string;
}

/* What ASGI has as bytes is text here, since C programs print JSON: UTF-8 as it stands, anything
 * else read as Latin-1. */
static struct json_object *text_new(struct slice bytes)
{
    return utf8_valid(bytes.data, bytes.size) ? string_new(bytes.data, bytes.size)
                                              : latin1_new(bytes);
}

static struct json_object *lower_new(struct slice name)
{
    struct text lower = {0};

    for (size_t i = 0; i < name.size; i++) {
        char c = name.data[i];

        text_add_byte(&lower, c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c);
    }

    struct json_object *string = lower.failed ? NULL : string_new(lower.data, lower.size);
    text_free(&lower);
    return string;
}

static struct json_object *header_new(const struct http_field *field)
{
    struct json_object *pair = json_object_new_array();

    return whole(pair, pair != NULL && append(pair, lower_new(field->name)) &&
                           append(pair, text_new(field->value)));
}

/* A name with an underscore is left out: an application that reads headers as CGI variables can't
 * tell it from one with a hyphen, and a proxy in front only guards the latter. */
static struct json_object *headers_new(const struct http_request *request)
{
    struct json_object *headers = json_object_new_array();
    struct slice rest = request->fields;
    struct http_field field;
    bool ok = headers != NULL;

    while (ok && http_next_field(&rest, &field))
        if (memchr(field.name.data, '_', field.name.size) == NULL)
            ok = append(headers, header_new(&field));
    return whole(headers, ok);
}

static struct json_object *subprotocols_new(const struct http_request *request)
{
    struct json_object *subprotocols = json_object_new_array();
    struct slice rest = request->fields, name;
    struct http_field field;
    bool ok = subprotocols != NULL;

    while (ok && http_next_field(&rest, &field)) {
        if (!slice_equal_nocase(field.name, SLICE("sec-websocket-protocol")))
            continue;
        while (ok && http_next_element(&field.value, &name))
            ok = append(subprotocols, latin1_new(name));
    }
    return whole(subprotocols, ok);
}

struct slice asgi_cookies(const struct http_request *request)
{
    struct slice rest = request->fields;
    struct http_field field;

    while (http_next_field(&rest, &field))
        if (slice_equal_nocase(field.name, SLICE("cookie")))
            return field.value;
    return (struct slice){NULL, 0};
}

static bool put_cookie(struct json_object *cookies, struct slice name, struct slice value)
{
    struct text key = {0}, plain = {0};

    add_latin1(&key, name);
    uri_unquote(value, &plain);

    bool ok = !key.failed && !plain.failed &&
              asgi_put(cookies, key.size > 0 ? key.data : "",
                       latin1_new((struct slice){plain.data, plain.size}));
    text_free(&key);
    text_free(&plain);
    return ok;
}

static struct json_object *cookies_new(struct slice field)
{
    struct json_object *cookies = json_object_new_object();
    struct slice name, value;
    bool ok = cookies != NULL;

    while (ok && uri_next_cookie(&field, &name, &value))
        ok = put_cookie(cookies, name, value);
    return whole(cookies, ok);
}

/* Splits "203.0.113.9:51234" and "[2001:db8::1]:51234". False: it is neither. */
static bool split_address(const char *address, struct slice *host, int *port)
{
    const char *colon = strrchr(address, ':');

    if (colon == NULL || strchr(address, '/') != NULL)
        return false;
    *port = (int)strtol(colon + 1, NULL, 10);
    *host = (struct slice){address, (size_t)(colon - address)};
    if (host->size >= 2 && host->data[0] == '[' && host->data[host->size - 1] == ']')
        *host = (struct slice){host->data + 1, host->size - 2};
    return true;
}

static struct json_object *address_new(struct slice host, struct json_object *port)
{
    struct json_object *pair = json_object_new_array();

    if (pair == NULL || !append(pair, string_new(host.data, host.size))) {
        json_object_put(port);
        return whole(pair, false);
    }
    return whole(pair, json_object_array_add(pair, port) == 0);
}

static bool put_client(struct json_object *asgi, const char *peer)
{
    struct slice host;
    int port;

    if (peer == NULL || !split_address(peer, &host, &port))
        return put_null(asgi, "client");
    return asgi_put(asgi, "client", address_new(host, json_object_new_int(port)));
}

/* A Unix socket is a path without a port. */
static bool put_server(struct json_object *asgi, const char *local)
{
    struct slice host;
    int port;

    if (local == NULL || *local == '\0')
        return put_null(asgi, "server");
    if (!split_address(local, &host, &port))
        return asgi_put(asgi, "server", address_new(slice_of(local), NULL));
    return asgi_put(asgi, "server", address_new(host, json_object_new_int(port)));
}

static struct json_object *url_route_new(struct json_object *kwargs)
{
    struct json_object *route = json_object_new_object();

    return whole(route, route != NULL && asgi_put(route, "args", json_object_new_array()) &&
                            asgi_put(route, "kwargs", json_object_get(kwargs)));
}

static bool put_request(struct json_object *asgi, const struct http_request *request)
{
    return put_string(asgi, "http_version", request->minor == 0 ? "1.0" : "1.1") &&
           asgi_put(asgi, "raw_path", text_new(request->path)) &&
           asgi_put(asgi, "query_string", text_new(request->query)) &&
           asgi_put(asgi, "headers", headers_new(request)) &&
           asgi_put(asgi, "cookies", cookies_new(asgi_cookies(request))) &&
           asgi_put(asgi, "subprotocols", subprotocols_new(request));
}

static bool put_place(struct json_object *asgi, const struct asgi_source *source)
{
    return asgi_put(asgi, "path", string_new(source->path.data, source->path.size)) &&
           put_string(asgi, "root_path", "") && put_string(asgi, "path_remaining", "") &&
           asgi_put(asgi, "url_route", url_route_new(source->kwargs)) &&
           put_client(asgi, source->peer) && put_server(asgi, source->local);
}

/* A value that the connection keeps as well; NULL is null. */
static bool put_shared(struct json_object *asgi, const char *key, struct json_object *value)
{
    return value != NULL ? asgi_put(asgi, key, json_object_get(value)) : put_null(asgi, key);
}

struct json_object *asgi_scope_new(const struct asgi_source *source)
{
    struct json_object *asgi = json_object_new_object();

    return whole(asgi, asgi != NULL && put_string(asgi, "type", "websocket") &&
                           asgi_put(asgi, "asgi", version_new()) &&
                           put_string(asgi, "scheme", source->secure ? "wss" : "ws") &&
                           put_request(asgi, source->request) && put_place(asgi, source) &&
                           asgi_put(asgi, "extensions", extensions_new()) &&
                           put_shared(asgi, "session", source->session) &&
                           put_shared(asgi, "user", source->user));
}
