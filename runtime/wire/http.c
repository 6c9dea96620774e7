/*
 * wire/http: the head of an HTTP/1.1 request, read strictly (RFC 9112).
 *
 * Form comes before meaning. Lines are found, and their form judged, as bytes arrive: one search
 * for control bytes finds the ends of lines and everything that may not stand in a head. What the
 * lines mean is read when the empty line is there, and may then rely on their form.
 */
#include "wire/http.h"

#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "wire/uri.h"

/* RFC 9110, section 5.6.2. */
static const bool token_bytes[256] = {
    ['!'] = true,         ['#' ... '\''] = true, ['*' ... '+'] = true,
    ['-' ... '.'] = true, ['0' ... '9'] = true,  ['A' ... 'Z'] = true,
    ['^' ... 'z'] = true, ['|'] = true,          ['~'] = true,
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* The first `size` bytes of text, which goes on behind them. */
static struct slice take(struct slice *text, size_t size)
{
    struct slice taken = {text->data, size};

    text->data += size;
    text->size -= size;
    return taken;
}

bool http_is_token_byte(char byte)
{
    return token_bytes[(uint8_t)byte];
}

struct slice http_take_token(struct slice *text)
{
    size_t size = 0;

    while (size < text->size && token_bytes[(uint8_t)text->data[size]])
        size++;
    return take(text, size);
}

bool http_is_token(struct slice text)
{
    return http_take_token(&text).size > 0 && text.size == 0;
}

static enum http_result refuse(struct http_request *request, unsigned status, const char *why)
{
    request->status = status;
    request->why = why;
    request->keep_alive = false;
    return HTTP_REFUSED;
}

static bool is_control(char c)
{
    return ((uint8_t)c < ' ' && c != '\t') || c == 0x7f;
}

/* The first control byte (a tab is none) in `size` bytes; `size` where there is none. */
static size_t find_control(const char *data, size_t size)
{
    size_t i = 0;

#ifdef __SSE2__
    const __m128i last = _mm_set1_epi8(' ' - 1), tab = _mm_set1_epi8('\t');
    const __m128i delete = _mm_set1_epi8(0x7f);

    for (; size - i >= 16; i += 16) {
        __m128i block = _mm_loadu_si128((const __m128i *)(const void *)(data + i));
        __m128i low = _mm_cmpeq_epi8(_mm_min_epu8(block, last), block);
        __m128i found = _mm_or_si128(_mm_andnot_si128(_mm_cmpeq_epi8(block, tab), low),
                                     _mm_cmpeq_epi8(block, delete));
        int bits = _mm_movemask_epi8(found);

        if (bits != 0)
            return i + (size_t)__builtin_ctz((unsigned)bits);
    }
#endif
    while (i < size && !is_control(data[i]))
        i++;
    return i;
}

static enum http_result refuse_control(const char *data, size_t at, struct http_request *request)
{
    if (at == 0 && data[0] == 0x16)
        return refuse(request, 400, "a TLS handshake, where plain HTTP is spoken");
    if (data[at] == '\n')
        return refuse(request, 400, "a line feed without a carriage return");
    if (data[at] == '\r')
        return refuse(request, 400, "a carriage return without a line feed");
    return refuse(request, 400, "a control byte");
}

/* HTTP_DONE: `line` is the next line, without its end, and scan is behind it. No byte beyond a
 * limit is looked at, so that what is answered doesn't hang on how much has arrived. */
static enum http_result next_line(const char *data, size_t size, const struct http_limits *limits,
                                  struct http_scan *scan, struct http_request *request,
                                  struct slice *line)
{
    size_t most = size < limits->headers ? size : limits->headers, stop = most;
    bool cut = scan->line_count == 0 && most - scan->line > limits->request_line;

    if (cut)
        stop = scan->line + limits->request_line + 1;
    scan->offset += find_control(data + scan->offset, stop - scan->offset);

    size_t end = scan->offset;
    if (end == stop && cut)
        return refuse(request, 414, "a request line beyond the limit");
    if (end < most && data[end] != '\r')
        return refuse_control(data, end, request);
    if (end + 1 < most && data[end + 1] != '\n')
        return refuse_control(data, end, request);
    if (end + 1 >= most && most == limits->headers)
        return refuse(request, 431, "a head beyond the limit");
    if (end + 1 >= most)
        return HTTP_MORE;
    *line = (struct slice){data + scan->line, end - scan->line};
    scan->offset = scan->line = end + 2;
    return HTTP_DONE;
}

static enum http_result read_version(struct slice text, struct http_request *request)
{
    if (text.size != 8 || memcmp(text.data, "HTTP/", 5) != 0 || text.data[6] != '.' ||
        !is_digit(text.data[5]) || !is_digit(text.data[7]))
        return refuse(request, 400, "a request line that does not end with one HTTP version");
    if (text.data[5] != '1')
        return refuse(request, 505, "an HTTP version other than 1");
    request->minor = text.data[7] > '0';
    return HTTP_DONE;
}

static void split_path(struct slice text, struct http_request *request)
{
    const char *mark = memchr(text.data, '?', text.size);

    request->path = text;
    if (mark != NULL) {
        request->path.size = (size_t)(mark - text.data);
        request->query = (struct slice){mark + 1, text.size - request->path.size - 1};
    }
    if (request->path.size == 0)
        request->path = SLICE("/");
}

static bool take_scheme(struct slice *text)
{
    static const struct slice schemes[] = {SLICE("http://"), SLICE("https://"), SLICE("ws://"),
                                           SLICE("wss://")};

    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        size_t size = schemes[i].size;

        if (text->size >= size &&
            slice_equal_nocase((struct slice){text->data, size}, schemes[i])) {
            take(text, size);
            return true;
        }
    }
    return false;
}

static enum http_result read_target(struct http_request *request)
{
    struct slice rest = request->target;

    if (slice_equal(request->method, SLICE("CONNECT")))
        return refuse(request, 501, "CONNECT, which is for proxies");
    if (rest.data[0] == '/') {
        split_path(rest, request);
        return HTTP_DONE;
    }
    if (slice_equal(rest, SLICE("*"))) {
        request->path = rest;
        if (slice_equal(request->method, SLICE("OPTIONS")))
            return HTTP_DONE;
        return refuse(request, 400, "the target * with a method other than OPTIONS");
    }
    if (!take_scheme(&rest))
        return refuse(request, 400, "a target that is neither a path nor a URL of http or ws");

    size_t host = 0;
    while (host < rest.size && rest.data[host] != '/' && rest.data[host] != '?')
        host++;
    request->host = take(&rest, host);
    if (!uri_is_authority(request->host))
        return refuse(request, 400, "a target without a proper host");
    split_path(rest, request);
    return HTTP_DONE;
}

/* Printable ASCII, but no fragment: that is a client's own business. */
static struct slice take_target(struct slice *text)
{
    size_t size = 0;

    while (size < text->size && text->data[size] > ' ' && text->data[size] <= '~' &&
           text->data[size] != '#')
        size++;
    return take(text, size);
}

/* method SP target SP version, one blank each. */
static enum http_result read_request_line(struct slice line, struct http_request *request)
{
    request->fields.data = line.data + line.size + 2;
    request->method = http_take_token(&line);
    if (request->method.size == 0 || !slice_take_byte(&line, ' '))
        return refuse(request, 400, "a request line that does not begin with a method");
    request->target = take_target(&line);
    if (line.size > 0 && line.data[0] == '#')
        return refuse(request, 400, "a fragment in the target");
    if (line.size > 0 && line.data[0] != ' ')
        return refuse(request, 400, "a byte in the target that is not printable ASCII");
    if (request->target.size == 0 || !slice_take_byte(&line, ' '))
        return refuse(request, 400, "a request line that is not method, target and version");
    if (read_version(line, request) == HTTP_REFUSED)
        return HTTP_REFUSED;
    return read_target(request);
}

static enum http_result judge_field_line(struct slice line, struct http_request *request)
{
    if (line.data[0] == ' ' || line.data[0] == '\t')
        return refuse(request, 400, "a line that begins with a blank, as folded ones do");

    struct slice name = http_take_token(&line);

    if (line.size == 0)
        return refuse(request, 400, "a field without a colon");
    if (line.data[0] == ' ' || line.data[0] == '\t')
        return refuse(request, 400, "a blank in a field's name, or behind it");
    if (line.data[0] != ':')
        return refuse(request, 400, "a byte in a field's name that may not stand there");
    if (name.size == 0)
        return refuse(request, 400, "a field without a name");
    return HTTP_DONE;
}

/* Each line as it comes. HTTP_DONE: the empty line is there. */
static enum http_result scan_lines(const char *data, size_t size, const struct http_limits *limits,
                                   struct http_scan *scan, struct http_request *request)
{
    struct slice line;
    enum http_result result;

    while ((result = next_line(data, size, limits, scan, request, &line)) == HTTP_DONE) {
        if (line.size == 0 && scan->line_count > 0)
            return HTTP_DONE;
        if (line.size == 0)
            continue;
        if (scan->line_count == 0)
            result = read_request_line(line, request);
        else if (scan->line_count > limits->header_count)
            result = refuse(request, 431, "more fields than the limit");
        else
            result = judge_field_line(line, request);
        if (result != HTTP_DONE)
            return result;
        scan->line_count++;
    }
    return result;
}

bool http_next_field(struct slice *rest, struct http_field *field)
{
    if (rest->size == 0)
        return false;

    /* The form of each line was judged: a name, a colon, no other carriage return than its end. */
    const char *colon = memchr(rest->data, ':', rest->size);
    field->name = take(rest, (size_t)(colon - rest->data));
    const char *end = memchr(colon, '\r', rest->size);
    field->value = slice_trim((struct slice){colon + 1, (size_t)(end - colon) - 1});
    take(rest, (size_t)(end - colon) + 2);
    return true;
}

bool http_next_element(struct slice *rest, struct slice *element)
{
    while (rest->size > 0) {
        const char *comma = memchr(rest->data, ',', rest->size);
        size_t size = comma != NULL ? (size_t)(comma - rest->data) : rest->size;

        *element = slice_trim(take(rest, size));
        take(rest, comma != NULL);
        if (element->size > 0)
            return true;
    }
    return false;
}

/* What the fields of one head said, as far as single ones can't be judged alone. */
struct findings {
    unsigned hosts, lengths, encodings; /* fields of that name */
    unsigned codings, chunkeds; /* elements of Transfer-Encoding, and those that are chunked */
    bool chunked_last;
    bool connection_close, connection_keep_alive, connection_upgrade;
    bool websocket;
};

static enum http_result read_host(struct slice value, struct findings *found,
                                  struct http_request *request)
{
    if (found->hosts++ > 0)
        return refuse(request, 400, "a second Host field");
    if (!uri_is_authority(value))
        return refuse(request, 400, "a Host that is none");
    if (request->host.data == NULL) /* the one in the target counts more */
        request->host = value;
    return HTTP_DONE;
}

static enum http_result read_length(struct slice value, struct findings *found,
                                    struct http_request *request)
{
    if (found->lengths++ > 0)
        return refuse(request, 400, "a second Content-Length field");
    if (value.size == 0)
        return refuse(request, 400, "a Content-Length that is no number");
    for (size_t i = 0; i < value.size; i++) {
        unsigned digit = (unsigned)(value.data[i] - '0');

        if (!is_digit(value.data[i]))
            return refuse(request, 400, "a Content-Length that is no number");
        if (request->body > (UINT64_MAX - digit) / 10)
            return refuse(request, 400, "a Content-Length beyond all numbers");
        request->body = request->body * 10 + digit;
    }
    return HTTP_DONE;
}

static void read_encoding(struct slice value, struct findings *found, struct http_request *request)
{
    struct slice element;

    found->encodings++;
    request->chunked = slice_equal_nocase(value, SLICE("chunked"));
    while (http_next_element(&value, &element)) {
        found->codings++;
        found->chunked_last = slice_equal_nocase(element, SLICE("chunked"));
        found->chunkeds += found->chunked_last;
    }
}

static void read_connection(struct slice value, struct findings *found)
{
    struct slice element;

    while (http_next_element(&value, &element)) {
        if (slice_equal_nocase(element, SLICE("close")))
            found->connection_close = true;
        else if (slice_equal_nocase(element, SLICE("keep-alive")))
            found->connection_keep_alive = true;
        else if (slice_equal_nocase(element, SLICE("upgrade")))
            found->connection_upgrade = true;
    }
}

static void read_upgrade(struct slice value, struct findings *found)
{
    struct slice element;

    while (http_next_element(&value, &element))
        if (slice_equal_nocase(element, SLICE("websocket")))
            found->websocket = true;
}

static void read_expect(struct slice value, struct http_request *request)
{
    struct slice element;

    while (http_next_element(&value, &element))
        if (slice_equal_nocase(element, SLICE("100-continue")))
            request->expects = true;
}

/* The length says which names are worth a comparison. */
static enum http_result read_field(const struct http_field *field, struct findings *found,
                                   struct http_request *request)
{
    switch (field->name.size) {
    case sizeof "Host" - 1:
        if (slice_equal_nocase(field->name, SLICE("Host")))
            return read_host(field->value, found, request);
        break;
    case sizeof "Expect" - 1:
        if (slice_equal_nocase(field->name, SLICE("Expect")))
            read_expect(field->value, request);
        break;
    case sizeof "Upgrade" - 1:
        if (slice_equal_nocase(field->name, SLICE("Upgrade")))
            read_upgrade(field->value, found);
        break;
    case sizeof "Connection" - 1:
        if (slice_equal_nocase(field->name, SLICE("Connection")))
            read_connection(field->value, found);
        break;
    case sizeof "Content-Length" - 1:
        if (slice_equal_nocase(field->name, SLICE("Content-Length")))
            return read_length(field->value, found, request);
        break;
    case sizeof "Transfer-Encoding" - 1:
        if (slice_equal_nocase(field->name, SLICE("Transfer-Encoding")))
            read_encoding(field->value, found, request);
        break;
    }
    return HTTP_DONE;
}

/* RFC 9112, sections 6.1 and 6.3: a body that could be measured in two ways, or in none. */
static enum http_result judge_body(const struct findings *found, struct http_request *request)
{
    if (found->encodings == 0)
        return HTTP_DONE;
    if (request->minor == 0)
        return refuse(request, 400, "a Transfer-Encoding in HTTP/1.0");
    if (found->lengths > 0)
        return refuse(request, 400, "both Transfer-Encoding and Content-Length");
    if (found->encodings == 1 && request->chunked)
        return HTTP_DONE;
    if (found->codings > 1 && found->chunkeds == 1 && found->chunked_last)
        return refuse(request, 501, "a transfer coding other than chunked");
    return refuse(request, 400, "a Transfer-Encoding that is not chunked");
}

static enum http_result read_fields(struct http_request *request)
{
    struct findings found = {0};
    struct slice rest = request->fields;
    struct http_field field;

    while (http_next_field(&rest, &field))
        if (read_field(&field, &found, request) == HTTP_REFUSED)
            return HTTP_REFUSED;
    if (found.hosts == 0 && request->minor > 0)
        return refuse(request, 400, "no Host field");
    if (judge_body(&found, request) == HTTP_REFUSED)
        return HTTP_REFUSED;
    request->keep_alive =
        !found.connection_close && (request->minor > 0 || found.connection_keep_alive);
    request->upgrade = found.connection_upgrade && found.websocket;
    request->expects = request->expects && request->minor > 0;
    return HTTP_DONE;
}

enum http_result http_parse(const char *data, size_t size, const struct http_limits *limits,
                            struct http_scan *scan, struct http_request *request)
{
    *request = (struct http_request){0};

    enum http_result result = scan_lines(data, size, limits, scan, request);
    if (result != HTTP_DONE)
        return result;
    if (request->method.data == NULL) { /* it was whole at an earlier call, and may have moved */
        struct slice line = {data, 0};

        while (line.data[0] == '\r') /* empty lines before it */
            line.data += 2;
        line.size = find_control(line.data, scan->offset - (size_t)(line.data - data));
        read_request_line(line, request);
    }
    request->size = scan->offset;
    request->fields.size = (size_t)(data + scan->offset - 2 - request->fields.data);
    return read_fields(request);
}
