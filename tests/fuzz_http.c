/*
 * tests/fuzz_http: a head is understood alike whole, cut in two, and byte by byte; and what is
 * read out of a head that was taken keeps its promises.
 */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/utf8.h"
#include "wire/handshake.h"
#include "wire/http.h"
#include "wire/uri.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct http_limits limits = {.request_line = 200, .headers = 2000, .header_count = 30};

static void must(bool fact)
{
    if (!fact)
        abort();
}

/* Where a slice lies, so that it can be compared between two copies of the same bytes. */
static size_t place_of(struct slice slice, const char *data, size_t size)
{
    if (slice.data < data || slice.data > data + size)
        return slice.data == NULL ? SIZE_MAX : SIZE_MAX - 1; /* none, or a literal */
    must(slice.size <= (size_t)(data + size - slice.data));
    return (size_t)(slice.data - data);
}

static void must_be_same(struct slice a, const char *data_a, struct slice b, const char *data_b,
                         size_t size)
{
    must(slice_equal(a, b));
    must(place_of(a, data_a, size) == place_of(b, data_b, size));
}

/* The first bytes, then the others each on its own or all at once, from another place. */
static void must_parse_alike(const char *data, size_t size, size_t first, size_t step,
                             enum http_result expected, const struct http_request *request)
{
    struct http_scan scan = {0};
    struct http_request again;
    char *copy = malloc(size > 0 ? size : 1);
    enum http_result result = HTTP_MORE;

    memcpy(copy, data, size);
    for (size_t at = first; result == HTTP_MORE && at < size; at += step)
        result = http_parse(copy, at, &limits, &scan, &again);
    if (result == HTTP_MORE)
        result = http_parse(copy, size, &limits, &scan, &again);
    must(result == expected);
    if (result == HTTP_REFUSED)
        must(again.status == request->status && again.why == request->why);
    if (result == HTTP_DONE) {
        must_be_same(again.method, copy, request->method, data, size);
        must_be_same(again.target, copy, request->target, data, size);
        must_be_same(again.path, copy, request->path, data, size);
        must_be_same(again.query, copy, request->query, data, size);
        must_be_same(again.host, copy, request->host, data, size);
        must_be_same(again.fields, copy, request->fields, data, size);
        must(again.size == request->size && again.minor == request->minor);
        must(again.keep_alive == request->keep_alive && again.upgrade == request->upgrade);
        must(again.chunked == request->chunked && again.body == request->body);
    }
    free(copy);
}

static void read_handshake(const struct http_request *request)
{
    char accept[HANDSHAKE_ACCEPT_SIZE];
    const char *why = NULL;
    unsigned status = handshake_check(request, &why);

    must((status == 0) == (why == NULL));
    if (status == 0) {
        must(request->minor == 1 && request->body == 0 && !request->chunked);
        must(handshake_accept(request, accept) && strlen(accept) == sizeof accept - 1);
    }
    handshake_offers(request, SLICE("chat"));
}

static void read_uri(const struct http_request *request)
{
    struct text out = {0};

    must(request->path.data[0] == '/' || slice_equal(request->path, SLICE("*")));
    must(uri_decode_path(request->path, &out));
    must(utf8_valid(out.data, out.size));
    text_clear(&out);
    must(uri_query_value(request->query, SLICE("a"), &out) || out.size == 0);
    must(utf8_valid(out.data, out.size));
    text_free(&out);
}

static void read_cookies(struct slice field)
{
    struct slice rest = field, name, value;
    struct text out = {0};

    while (uri_next_cookie(&rest, &name, &value)) {
        must(name.size > 0 || value.size > 0);
        must(uri_cookie_value(field, name, &out));
        must(out.size <= field.size);
        text_clear(&out);
    }
    text_free(&out);
}

static void read_fields(const struct http_request *request)
{
    struct slice rest = request->fields;
    struct http_field field;

    while (http_next_field(&rest, &field)) {
        must(http_is_token(field.name));
        must(memchr(field.value.data, '\r', field.value.size) == NULL);
        must(memchr(field.value.data, '\0', field.value.size) == NULL);
        read_cookies(field.value);
    }
    must(rest.size == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *head = (const char *)data;
    struct http_scan scan = {0};
    struct http_request request;
    enum http_result result = http_parse(head, size, &limits, &scan, &request);

    must_parse_alike(head, size, 0, 1, result, &request);
    must_parse_alike(head, size, size / 2, size + 1, result, &request);
    if (size > 0)
        must_parse_alike(head, size, data[size / 3] % size, size + 1, result, &request);
    if (result == HTTP_DONE) {
        must(request.size <= size && memcmp(head + request.size - 4, "\r\n\r\n", 4) == 0);
        read_fields(&request);
        read_uri(&request);
        read_handshake(&request);
    }
    return 0;
}
