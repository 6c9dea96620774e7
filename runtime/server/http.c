/*
 * server/http: a request that has come: which mount takes it, and what it is answered.
 *
 * A request that asks to upgrade meets websocket mounts only, any other http mounts only. Each
 * answer is logged in one line, and what was refused says why.
 */
#include "server/http.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "server/compression.h"
#include "server/dispatch.h"
#include "server/files.h"
#include "server/http_reply.h"
#include "server/scope.h"
#include "server/server.h"
#include "server/task.h"
#include "wire/extension.h"
#include "wire/handshake.h"
#include "wire/uri.h"

/* A request on its way through the routing table. On the stack of http_serve. */
struct exchange {
    struct conn *conn;
    const struct http_request *request;
    struct slice path; /* decoded */
    bool head_only;    /* HEAD */
    bool keep_alive;
};

/* ---- Answering ------------------------------------------------------------------------------ */

static void exchange_log(const struct exchange *exchange, unsigned status, uint64_t size,
                         const char *why)
{
    char peer[CONN_PEER_SIZE];

    log_write(status >= 400 ? LOG_WARN : LOG_INFO, "http.request",
              LOG_STRN("method", exchange->request->method.data, exchange->request->method.size),
              LOG_STRN("path", exchange->path.data, exchange->path.size), LOG_INT("status", status),
              LOG_INT("bytes", size), LOG_STR("peer", conn_peer(exchange->conn, peer)),
              LOG_STR("why", why));
}

/* Sends what stands in `out`, and frees it. */
static void reply(struct conn *conn, struct text *out, bool keep_alive)
{
    if (out->failed) {
        conn_cut(conn, "no memory");
    } else {
        conn_send_bytes(conn, (struct slice){out->data, out->size});
        conn->keep_alive = keep_alive;
        if (conn->state != CONN_GONE && keep_alive)
            conn_set_state(conn, CONN_REPLYING);
        else
            conn_end(conn, true);
    }
    text_free(out);
}

static void answer(const struct exchange *exchange, unsigned status, struct slice fields,
                   const char *why)
{
    struct text out = {0};
    size_t bytes = http_reply_text(&out, status, fields, (struct slice){0}, exchange->head_only,
                                   exchange->keep_alive);

    exchange_log(exchange, status, bytes, why);
    reply(exchange->conn, &out, exchange->keep_alive);
}

/* Which of the server's limits it is, that such a request goes beyond. */
static void count_refusal(const struct conn *conn, unsigned status)
{
    static const struct {
        unsigned status;
        enum limit limit;
    } counted[] = {
        {408, LIMIT_HANDSHAKE}, {413, LIMIT_BODY}, {414, LIMIT_REQUEST_LINE}, {431, LIMIT_HEADERS}};

    for (size_t i = 0; i < sizeof counted / sizeof *counted; i++)
        if (counted[i].status == status)
            limit_hit(&conn->worker->server->limits, counted[i].limit);
}

void http_refuse(struct conn *conn, const struct http_request *request, unsigned status,
                 const char *why)
{
    struct text out = {0};
    const char *fields = status == 426 ? "Sec-WebSocket-Version: 13\r\n" : "";
    struct slice method = request != NULL ? request->method : (struct slice){0};

    count_refusal(conn, status);
    size_t bytes = http_reply_text(&out, status, slice_of(fields), (struct slice){0}, false, false);
    conn_log(conn, LOG_WARN, "http.refused", LOG_INT("status", status), LOG_INT("bytes", bytes),
             LOG_STR("why", why), LOG_STRN("method", method.data, method.size));
    reply(conn, &out, false);
}

/* ---- Files ---------------------------------------------------------------------------------- */

/* The head, and what stands before the first bytes of the file. The file follows it. */
static void send_file(const struct exchange *exchange, struct files_answer *found)
{
    struct conn *conn = exchange->conn;
    struct text out = {0};
    bool file = found->fd >= 0 && found->size > 0;
    struct conn_http *http = file ? conn_need_http(conn) : NULL;

    if (file && http == NULL)
        return;
    http_reply_head(&out, found->status, (struct slice){found->fields.data, found->fields.size},
                    found->size, exchange->keep_alive);
    if (found->parts != NULL)
        files_parts_next(found->parts, &out, &found->part);
    reply(conn, &out, exchange->keep_alive);
    if (!file || conn->state == CONN_GONE)
        return;
    http->file = found->fd;
    http->file_offset = found->part.offset;
    http->file_left = found->part.size;
    http->parts = found->parts;
    found->fd = -1;
    found->parts = NULL;
    if (conn->state == CONN_ENDING) /* the file first */
        conn_set_state(conn, CONN_REPLYING);
}

bool http_next_part(struct conn *conn)
{
    struct text between = {0};
    struct range part = {0};
    bool more = files_parts_next(conn->http->parts, &between, &part);

    if (between.failed)
        conn_cut(conn, "no memory");
    else
        conn_send_bytes(conn, (struct slice){between.data, between.size});
    text_free(&between);
    conn->http->file_offset = part.offset;
    conn->http->file_left = part.size;
    if (!more) {
        files_parts_free(conn->http->parts);
        conn->http->parts = NULL;
    }
    return more;
}

static void serve_file(const struct exchange *exchange, const struct mount *mount,
                       struct slice rest)
{
    struct files_answer found;

    if (!files_answer(mount->files, exchange->request, rest, &found)) {
        conn_cut(exchange->conn, "no memory");
        return;
    }
    if (found.status < 400 && found.status != 301) {
        exchange_log(exchange, found.status, exchange->head_only ? 0 : found.size, NULL);
        send_file(exchange, &found);
    } else {
        answer(exchange, found.status, (struct slice){found.fields.data, found.fields.size},
               found.why);
    }
    if (found.fd >= 0)
        close(found.fd);
    files_parts_free(found.parts);
    text_free(&found.fields);
}

/* ---- No mount ------------------------------------------------------------------------------- */

void http_hint(const struct config *config, bool upgrade, struct slice path, struct text *out)
{
    struct pattern_capture captures[PATTERN_CAPTURES_MAX];
    struct text other = {0};
    struct slice rest;
    bool slash = path.size > 1 && path.data[path.size - 1] == '/';

    text_add(&other, path.data, path.size - (slash ? 1 : 0));
    if (!slash)
        text_add_byte(&other, '/');
    const struct mount_config *mount =
        other.failed ? NULL
                     : config_route(config, upgrade, (struct slice){other.data, other.size}, &rest,
                                    captures);
    text_free(&other);
    if (mount == NULL)
        return;
    unsigned line, column;
    diag_locate(&config->source, mount->place.offset, &line, &column);
    text_addf(out, "; %s:%u takes it %s a trailing \"/\"", config->source.name, line,
              slash ? "without" : "with");
}

static void serve_missing(const struct exchange *exchange)
{
    const struct config *config = exchange->conn->worker->routing->config;
    struct pattern_capture captures[PATTERN_CAPTURES_MAX];
    struct text why = {0};
    struct slice rest;

    if (!exchange->request->upgrade &&
        config_route(config, true, exchange->path, &rest, captures) != NULL) {
        answer(exchange, 426, SLICE("Upgrade: websocket\r\n"), "this path is a websocket");
        return;
    }
    text_add_str(&why, "no mount takes this path");
    http_hint(config, exchange->request->upgrade, exchange->path, &why);
    answer(exchange, 404, (struct slice){0}, why.failed ? NULL : why.data);
    text_free(&why);
}

/* ---- Websockets ----------------------------------------------------------------------------- */

/* The first Origin that these origins do not allow, which may be that there is none. A browser
 * sends one; where there are several, each must be allowed, as nobody knows which one counts. */
static bool find_stranger(const struct origins *origins, const struct http_request *request,
                          struct slice *stranger)
{
    struct slice rest = request->fields;
    struct http_field field;
    bool any = false;

    while (http_next_field(&rest, &field)) {
        if (!slice_equal_nocase(field.name, SLICE("Origin")))
            continue;
        any = true;
        *stranger = field.value;
        if (!origins_allow(origins, *stranger, request->host, false))
            return true;
    }
    *stranger = (struct slice){0};
    return !any && !origins_allow(origins, *stranger, request->host, false);
}

static const char *local_address(const struct conn *conn, char *text, size_t size)
{
    if (conn_is_unix(conn)) {
        struct sockaddr_un name = {0};
        socklen_t length = sizeof name;

        if (getsockname(conn->fd, (struct sockaddr *)&name, &length) != 0)
            name.sun_path[0] = '\0';
        snprintf(text, size, "%s", name.sun_path);
        return text;
    }
    struct sockaddr_storage name;
    socklen_t length = sizeof name;
    char address[ADDRESS_TEXT_SIZE];
    if (getsockname(conn->fd, (struct sockaddr *)&name, &length) != 0 ||
        (name.ss_family != AF_INET && name.ss_family != AF_INET6))
        return ""; /* the line of a test leads to no address */
    address_text((struct sockaddr *)&name, address);
    snprintf(text, size, "%s", address);
    return text;
}

/* The log says which line of routing.conf would let the page in. */
static bool origin_allowed(const struct exchange *exchange, const struct mount *mount)
{
    struct slice origin;

    if (!find_stranger(mount->config->origins, exchange->request, &origin))
        return true;
    char why[256];
    struct text mend = {0};
    snprintf(why, sizeof why, "origin \"%.*s\" is not allowed", (int)origin.size,
             origin.data != NULL ? origin.data : "");
    origins_mend(mount->config->origins, origin, &mend);
    log_write(LOG_WARN, "origin.refused", LOG_STR("mount", mount->config->route),
              LOG_STRN("origin", origin.data != NULL ? origin.data : "", origin.size),
              LOG_STRN("host", exchange->request->host.data, exchange->request->host.size),
              LOG_STR("allow", mend.failed ? NULL : mend.data));
    text_free(&mend);
    answer(exchange, 403, (struct slice){0}, why);
    return false;
}

/* False: no memory. */
static bool identify(const struct conn *conn)
{
    const struct server *server = conn->worker->server;

    return server->identify == NULL || server->identify(conn->scope, server->context);
}

/* The connection takes what it needs of its mount: references, scope, state. */
static bool conn_attach(struct conn *conn, struct mount *mount, const struct exchange *exchange,
                        const struct pattern_capture *captures)
{
    char peer[CONN_PEER_SIZE], local[sizeof(struct sockaddr_un)];
    const struct sluice_consumer *consumer = generation_consumer(mount->generation);

    conn->scope = scope_new(exchange->request, exchange->path, mount->config->pattern, captures,
                            conn_peer(conn, peer), local_address(conn, local, sizeof local), false);
    conn->state_bytes = mem_zalloc(consumer->state_size > 0 ? consumer->state_size : 1);
    if (conn->scope == NULL || conn->state_bytes == NULL)
        return false;
    if (!identify(conn))
        return false;
    conn->mount = mount;
    mount_enter(mount);
    conn->routing = routing_ref(mount->routing);
    conn->generation = generation_ref(mount->generation);
    conn->blocking = consumer->blocking;
    conn->epoch = conn->worker->epoch;
    return task_prepare(conn, consumer->blocking);
}

static void serve_upgrade(struct exchange *exchange, struct mount *mount,
                          const struct pattern_capture *captures)
{
    const char *why = NULL;
    unsigned status = handshake_check(exchange->request, &why);

    exchange->keep_alive = false;
    if (status != 0) {
        const char *fields = status == 426   ? "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                             : status == 405 ? "Allow: GET\r\n"
                                             : "";

        answer(exchange, status, slice_of(fields), why);
        return;
    }
    if (!origin_allowed(exchange, mount)) {
        atomic_fetch_add(&mount->refused, 1);
        return;
    }
    struct conn *conn = exchange->conn;
    if (!conn_attach(conn, mount, exchange, captures)) {
        conn_cut(conn, "no memory");
        return;
    }
    atomic_fetch_add(&mount->opened, 1);
    conn->connected = true;
    conn_set_state(conn, CONN_CONNECTING);
    dispatch_connect(conn);
}

void http_serve(struct conn *conn, const struct http_request *request, bool keep_alive)
{
    struct text path = {0};
    struct slice rest = {0};
    struct pattern_capture captures[PATTERN_CAPTURES_MAX];
    struct exchange exchange = {
        .conn = conn,
        .request = request,
        .head_only = slice_equal(request->method, SLICE("HEAD")),
        .keep_alive = keep_alive && !conn->worker->stopping,
    };

    if (!uri_decode_path(request->path, &path)) {
        text_free(&path);
        conn_cut(conn, "no memory");
        return;
    }
    exchange.path = (struct slice){path.data, path.size};
    const struct routing *routing = conn->worker->routing;
    const struct mount_config *found =
        config_route(routing->config, request->upgrade, exchange.path, &rest, captures);
    if (found == NULL)
        serve_missing(&exchange);
    else if (request->upgrade)
        serve_upgrade(&exchange, routing_mount(routing, found), captures);
    else
        serve_file(&exchange, routing_mount(routing, found), rest);
    text_free(&path);
}

/* ---- The consumer's answers ----------------------------------------------------------------- */

/* Of the mount's own list, in its order, the first that the client offers. */
static struct slice choose_subprotocol(const struct conn *conn, const struct http_request *request)
{
    for (const char *const *name = conn->mount->config->subprotocols; name != NULL && *name != NULL;
         name++) {
        if (handshake_offers(request, slice_of(*name)))
            return slice_of(*name);
    }
    return (struct slice){0};
}

/* Adds the field that says so, where the mount wants compression and the client offers it. Without
 * memory for it the connection goes on uncompressed, as if it had not been offered. */
static void agree_on_compression(struct conn *conn, const struct http_request *request,
                                 struct text *fields)
{
    const struct compress_config *compress = &conn->mount->config->compress;
    const struct deflate_wish wish = {compress->window, compress->takeover};
    struct deflate_terms terms;
    struct text answer = {0};

    if (compress->on && extension_agree(request, &wish, &terms, &answer) && !answer.failed &&
        compression_begin(conn, &terms))
        text_addf(fields, "Sec-WebSocket-Extensions: %s\r\n", answer.data);
    text_free(&answer);
}

/* Field lines that the consumer added. */
static struct slice headers_added(const struct conn *conn)
{
    return conn->http != NULL ? (struct slice){conn->http->response.data, conn->http->response.size}
                              : (struct slice){0};
}

void http_accept(struct conn *conn, struct slice subprotocol)
{
    struct http_request request;
    char key[HANDSHAKE_ACCEPT_SIZE];

    if (!scope_request(conn->scope, &request)) {
        http_deny(conn, 500, (struct slice){0});
        return;
    }
    if (subprotocol.data == NULL) {
        subprotocol = choose_subprotocol(conn, &request);
    } else if (!handshake_offers(&request, subprotocol)) {
        conn_log(conn, LOG_ERROR, "accept.refused", LOG_STR("why", "subprotocol was not offered"),
                 LOG_STRN("subprotocol", subprotocol.data, subprotocol.size));
        http_deny(conn, 500, (struct slice){0});
        return;
    }
    struct text out = {0}, fields = {0};
    if (!handshake_accept(&request, key)) {
        http_deny(conn, 500, (struct slice){0});
        return;
    }
    text_addf(&fields, "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n",
              key);
    if (subprotocol.data != NULL)
        text_addf(&fields, "Sec-WebSocket-Protocol: %.*s\r\n", (int)subprotocol.size,
                  subprotocol.data);
    agree_on_compression(conn, &request, &fields);
    struct slice more = headers_added(conn);
    text_add(&fields, more.data, more.size);
    http_reply_head(&out, 101, (struct slice){fields.data, fields.size}, 0, true);
    if (out.failed || fields.failed)
        conn_cut(conn, "no memory");
    else
        conn_open(conn, (struct slice){out.data, out.size});
    text_free(&fields);
    text_free(&out);
}

void http_deny(struct conn *conn, unsigned status, struct slice body)
{
    struct text out = {0};

    size_t bytes = http_reply_text(&out, status, headers_added(conn), body, false, false);
    conn_log(conn, LOG_INFO, "conn.denied", LOG_INT("status", status), LOG_INT("bytes", bytes));
    atomic_fetch_add(&conn->mount->refused, 1);
    reply(conn, &out, false);
}

bool http_add_header(struct conn *conn, struct slice name, struct slice value)
{
    if (http_reply_owns(name))
        return false;
    struct conn_http *http = conn_need_http(conn);
    return http == NULL || http_reply_field(&http->response, name, value);
}
