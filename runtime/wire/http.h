/*
 * wire/http: the head of an HTTP/1.1 request, read strictly (RFC 9112).
 *
 * A head is taken whole or refused whole. What two readers could understand in two ways (a bare
 * LF, a blank before a colon, folded lines, two lengths) is refused, so nobody can smuggle a
 * request past a proxy. The bytes stay where they are: slices point into them.
 */
#ifndef WIRE_HTTP_H
#define WIRE_HTTP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

struct http_limits {
    size_t request_line; /* bytes of the request line; beyond: 414 */
    size_t headers;      /* bytes of the head, request line and empty line included; beyond: 431 */
    unsigned header_count; /* beyond: 431 */
};

enum http_result {
    HTTP_MORE,    /* the head is not whole yet */
    HTTP_DONE,    /* request is filled in */
    HTTP_REFUSED, /* answer with request->status and close */
};

/* How far a head was looked at, so that a slow one costs no more than a quick one: lines are found
 * and judged as they come, and what they mean is read once, when all are there. All zero at the
 * start of each request. */
struct http_scan {
    size_t offset;       /* of the first byte not looked at */
    size_t line;         /* where the present line begins */
    unsigned line_count; /* lines that are whole: the request line, and fields */
};

struct http_request {
    size_t size;         /* bytes of the head, empty line included */
    struct slice method; /* "GET" */
    struct slice target; /* as it came */
    struct slice path;   /* of the target, still encoded; begins with '/'; "*" for OPTIONS * */
    struct slice query;  /* behind the first '?', still encoded; data NULL where there is none */
    struct slice host;   /* of the absolute target, else of the Host field */
    struct slice fields; /* all field lines, for http_next_field */
    unsigned minor;      /* 0 or 1; what calls itself HTTP/1.2 or later is taken as HTTP/1.1 */
    bool keep_alive;     /* the connection may serve another request */
    bool upgrade;        /* Connection: upgrade and Upgrade: websocket are both there */
    bool chunked;        /* Transfer-Encoding: chunked */
    uint64_t body;       /* Content-Length; 0 where there is none */
    bool expects;        /* Expect: 100-continue */
    unsigned status;     /* of a refusal: 400, 414, 431, 501, 505 */
    const char *why;     /* of a refusal: a literal for the log */
};

/* Reads a head from all bytes received so far; `data` may have moved since the last call. Empty
 * lines before the request line are skipped (RFC 9112, section 2.2). */
enum http_result http_parse(const char *data, size_t size, const struct http_limits *limits,
                            struct http_scan *scan, struct http_request *request);

struct http_field {
    struct slice name, value; /* value without blanks around it */
};

/* The next field: true with `field`, false at the end. `*rest` starts as request->fields, of a
 * request that http_parse took, and is nothing else. */
bool http_next_field(struct slice *rest, struct http_field *field);

/* The next element of a comma-separated field value: trimmed, empty ones skipped. Knows no quoted
 * strings: a comma always separates. */
bool http_next_element(struct slice *rest, struct slice *element);

/* The token (RFC 9110, section 5.6.2) that text begins with, which goes on behind it; empty where
 * there is none. */
struct slice http_take_token(struct slice *text);
bool http_is_token(struct slice text); /* from end to end */
bool http_is_token_byte(char byte);

#endif
