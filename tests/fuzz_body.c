/*
 * tests/fuzz_body: a body ends at the same byte, or is refused there, whole and in pieces; and a
 * line of requests with bodies is taken apart alike.
 */
#include <stdlib.h>

#include "wire/body.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct http_limits heads = {.request_line = 200, .headers = 2000, .header_count = 30};
static const struct body_limits limits = {
    .size = 300, .extensions = 50, .trailers = 100, .trailer_count = 4};

static void must(bool fact)
{
    if (!fact)
        abort();
}

/* At most `step` bytes at a time. Gives how many were the body's. */
static size_t read_in_steps(struct body *body, const char *data, size_t size, size_t step,
                            enum body_result *result)
{
    size_t at = 0, taken;

    while (*result == BODY_MORE && at < size) {
        size_t some = size - at < step ? size - at : step;

        *result = body_read(body, &limits, data + at, some, &taken);
        must(taken == some || (taken < some && *result != BODY_MORE));
        at += taken;
    }
    return at;
}

static enum body_result must_read_alike(const struct http_request *request, const char *data,
                                        size_t size, size_t step, size_t *taken)
{
    struct body whole, pieces;
    enum body_result result = body_begin(&whole, request, &limits), again = result;

    pieces = whole;
    *taken = read_in_steps(&whole, data, size, SIZE_MAX, &result);
    must(read_in_steps(&pieces, data, size, step, &again) == *taken);
    must(again == result && whole.status == pieces.status && whole.why == pieces.why);
    must(whole.size == pieces.size && whole.left == pieces.left && whole.place == pieces.place);
    must(whole.size <= limits.size);
    must((result == BODY_REFUSED) == (whole.status != 0) &&
         (whole.why != NULL) == (whole.status != 0));
    return result;
}

/* What a connection does with the line: heads, each with its body behind it. */
static void read_line(const char *data, size_t size)
{
    struct http_request request;
    enum body_result result = BODY_DONE;

    while (result == BODY_DONE) {
        struct http_scan scan = {0};
        size_t taken;

        if (http_parse(data, size, &heads, &scan, &request) != HTTP_DONE)
            return;
        data += request.size;
        size -= request.size;
        result = must_read_alike(&request, data, size, 1, &taken);
        data += taken;
        size -= taken;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct http_request chunked = {.chunked = true};
    size_t taken;

    must_read_alike(&chunked, (const char *)data, size, 1, &taken);
    if (size > 0) {
        const struct http_request length = {.body = data[0]};

        must_read_alike(&chunked, (const char *)data, size, 1 + data[size / 2] % 16, &taken);
        must_read_alike(&length, (const char *)data, size, 1 + data[size / 2] % 16, &taken);
    }
    read_line((const char *)data, size);
    return 0;
}
