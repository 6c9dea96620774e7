/*
 * server/http_reply: the heads of HTTP answers, and the small pages that say what went wrong.
 */
#include "server/http_reply.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "server/http_date.h"
#include "wire/http.h"

static const struct {
    unsigned status;
    const char *reason;
} reasons[] = {
    {100, "Continue"},
    {101, "Switching Protocols"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {206, "Partial Content"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {402, "Payment Required"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {417, "Expectation Failed"},
    {418, "I'm a teapot"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Content"},
    {423, "Locked"},
    {425, "Too Early"},
    {426, "Upgrade Required"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {451, "Unavailable For Legal Reasons"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
    {507, "Insufficient Storage"},
    {511, "Network Authentication Required"},
};

static const char *const class_reasons[] = {"Informational", "Success", "Redirection",
                                            "Client Error", "Server Error"};

const char *http_reason(unsigned status)
{
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
        if (reasons[i].status == status)
            return reasons[i].reason;
    return status >= 100 && status < 600 ? class_reasons[status / 100 - 1] : "Unknown";
}

/* Bytes above ASCII are let through: they are obsolete, not harmful. */
static bool is_value(struct slice value)
{
    for (size_t i = 0; i < value.size; i++) {
        unsigned char byte = (unsigned char)value.data[i];

        if ((byte < 0x20 && byte != '\t') || byte == 0x7f)
            return false;
    }
    return true;
}

bool http_reply_field(struct text *fields, struct slice name, struct slice value)
{
    if (!http_is_token(name) || !is_value(value))
        return false;
    value = slice_trim(value);
    text_add(fields, name.data, name.size);
    text_add_str(fields, ": ");
    text_add(fields, value.data, value.size);
    text_add_str(fields, "\r\n");
    return true;
}

bool http_reply_owns(struct slice name)
{
    static const struct slice owned[] = {
        SLICE("connection"),
        SLICE("content-length"),
        SLICE("date"),
        SLICE("keep-alive"),
        SLICE("te"),
        SLICE("trailer"),
        SLICE("transfer-encoding"),
        SLICE("upgrade"),
    };
    static const struct slice handshake = SLICE("sec-websocket-");

    for (size_t i = 0; i < sizeof owned / sizeof *owned; i++)
        if (slice_equal_nocase(name, owned[i]))
            return true;
    return name.size >= handshake.size &&
           slice_equal_nocase((struct slice){name.data, handshake.size}, handshake);
}

/* The present date, written once a second by each thread. */
static const char *date_now(void)
{
    static _Thread_local char date[HTTP_DATE_SIZE];
    static _Thread_local time_t written; /* 0: never */
    time_t now = (time_t)(clock_wall() / 1000);

    if (now != written) {
        http_date_write(date, now);
        written = now;
    }
    return date;
}

static bool has_no_body(unsigned status)
{
    return status < 200 || status == 204 || status == 304;
}

void http_reply_head(struct text *out, unsigned status, struct slice fields, uint64_t length,
                     bool keep_alive)
{
    text_addf(out, "HTTP/1.1 %u %s\r\n", status, http_reason(status));
    if (status >= 200)
        text_addf(out, "Date: %s\r\n", date_now());
    text_add(out, fields.data, fields.size);
    if (!has_no_body(status))
        text_addf(out, "Content-Length: %" PRIu64 "\r\n", length);
    if (status >= 200)
        /* Who sends Upgrade, as 426 does, names it here too (RFC 9110, section 7.8). */
        text_addf(out, "Connection: %s%s\r\n", keep_alive ? "keep-alive" : "close",
                  status == 426 ? ", Upgrade" : "");
    text_add_str(out, "\r\n");
}

static bool has_field(struct slice fields, struct slice name)
{
    struct http_field field;

    while (http_next_field(&fields, &field))
        if (slice_equal_nocase(field.name, name))
            return true;
    return false;
}

/* Each, unless `fields` has it already: a consumer that denies may say what its body is. */
static void add_page_fields(struct text *out, struct slice fields)
{
    text_add(out, fields.data, fields.size);
    if (!has_field(fields, SLICE("content-type")))
        text_add_str(out, "Content-Type: text/plain; charset=utf-8\r\n");
    if (!has_field(fields, SLICE("x-content-type-options")))
        text_add_str(out, "X-Content-Type-Options: nosniff\r\n");
}

size_t http_reply_text(struct text *out, unsigned status, struct slice fields, struct slice body,
                       bool head_only, bool keep_alive)
{
    char reason[64];
    struct text all = {0};

    if (body.data == NULL) {
        snprintf(reason, sizeof reason, "%u %s\n", status, http_reason(status));
        body = slice_of(reason);
    }
    if (has_no_body(status)) {
        text_add(&all, fields.data, fields.size);
        body.size = 0;
    } else {
        add_page_fields(&all, fields);
    }
    http_reply_head(out, status, (struct slice){all.data, all.size}, body.size, keep_alive);
    if (!head_only)
        text_add(out, body.data, body.size);
    out->failed = out->failed || all.failed;
    text_free(&all);
    return head_only ? 0 : body.size;
}
