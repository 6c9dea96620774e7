/*
 * server/http_body: the body of a request, which is read and thrown away before the answer.
 *
 * Nothing here has a use for a body, but what follows it on the line is the next request, so its
 * end has to be found. The answer comes after it: then it can still be said that the body was too
 * long, or none. Until then the head is kept, and of the body nothing.
 *
 * Who asks with "Expect: 100-continue" whether to send a body at all is told by the final answer,
 * which the head alone decides (RFC 9110, section 10.1.1), and the line is closed, since nobody
 * knows whether the body comes after all.
 */
#include "server/http_body.h"

#include <limits.h>
#include <string.h>

#include "base/mem.h"
#include "server/http.h"
#include "wire/body.h"

struct http_body {
    struct body body;
    struct body_limits limits; /* those it met: a reload may change the server's */
    size_t head_size;
    char head[]; /* of the request */
};

static struct body_limits limits_of(const struct conn *conn)
{
    const struct server_config *server = &conn->worker->routing->config->server;

    return (struct body_limits){
        .size = server->body,
        .extensions = server->headers,
        .trailers = server->headers,
        .trailer_count = server->header_count,
    };
}

/* From the request line to the empty line. */
static struct slice head_of(const struct http_request *request)
{
    const char *end = request->fields.data + request->fields.size + 2;

    return (struct slice){request->method.data, (size_t)(end - request->method.data)};
}

static void keep_head(struct conn *conn, const struct http_request *request,
                      const struct body *body, const struct body_limits *limits)
{
    struct slice head = head_of(request);
    struct conn_http *http = conn_need_http(conn);
    struct http_body *kept = http != NULL ? mem_alloc(sizeof *kept + head.size) : NULL;

    if (kept == NULL) {
        conn_cut(conn, "no memory");
        return;
    }
    kept->body = *body;
    kept->limits = *limits;
    kept->head_size = head.size;
    memcpy(kept->head, head.data, head.size);
    http->body = kept;
    conn_set_state(conn, CONN_REQUEST); /* the time for the body begins */
}

void http_body_begin(struct conn *conn, const struct http_request *request)
{
    const struct body_limits limits = limits_of(conn);
    struct body body;

    switch (body_begin(&body, request, &limits)) {
    case BODY_DONE:
        http_serve(conn, request, request->keep_alive);
        break;
    case BODY_REFUSED:
        http_refuse(conn, request, body.status, body.why);
        break;
    case BODY_MORE:
        if (request->upgrade || request->expects)
            http_serve(conn, request, false);
        else
            keep_head(conn, request, &body, &limits);
    }
}

static void serve_kept(struct conn *conn, const struct http_body *kept)
{
    /* It was within the limits that held when it came. */
    const struct http_limits none = {SIZE_MAX, SIZE_MAX, UINT_MAX};
    struct http_scan scan = {0};
    struct http_request request;

    http_parse(kept->head, kept->head_size, &none, &scan, &request);
    http_serve(conn, &request, request.keep_alive);
}

bool http_body_take(struct conn *conn, uint8_t **data, size_t *size)
{
    struct http_body *kept = conn->http->body;
    size_t taken;
    enum body_result result =
        body_read(&kept->body, &kept->limits, (const char *)*data, *size, &taken);

    *data += taken;
    *size -= taken;
    if (result == BODY_MORE)
        return false;
    conn->http->body = NULL;
    if (result == BODY_DONE)
        serve_kept(conn, kept);
    else
        http_refuse(conn, NULL, kept->body.status, kept->body.why);
    http_body_free(kept);
    return result == BODY_DONE;
}

void http_body_free(struct http_body *body)
{
    mem_free(body);
}
