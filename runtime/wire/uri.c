/*
 * wire/uri: hosts, percent-encoding, queries and cookies: the little languages inside a request.
 *
 * Decoding goes byte by byte, since each one may have a meaning: it is a path, a name or a value,
 * short as a rule, and what needs no decoding is copied whole.
 */
#include "wire/uri.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/utf8.h"

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* RFC 3986's unreserved and sub-delims; percents apart. */
static bool is_name_byte(char c)
{
    char letter = (char)(c | 0x20);

    return (letter >= 'a' && letter <= 'z') || is_digit(c) ||
           (c != '\0' && strchr("-._~!$&'()*+,;=", c) != NULL);
}

/* The bytes of a name at the beginning of text. */
static size_t name_size(struct slice text)
{
    size_t i = 0;

    while (i < text.size) {
        if (is_name_byte(text.data[i]))
            i++;
        else if (text.data[i] == '%' && text.size - i >= 3 && hex_digit(text.data[i + 1]) >= 0 &&
                 hex_digit(text.data[i + 2]) >= 0)
            i += 3;
        else
            break;
    }
    return i;
}

/* The bytes of an IPv6 address and its brackets at the beginning of text; 0: there is none. */
static size_t ipv6_size(struct slice text)
{
    const char *end = memchr(text.data, ']', text.size);
    char copy[INET6_ADDRSTRLEN];
    struct in6_addr address;

    if (end == NULL)
        return 0;

    size_t size = (size_t)(end - text.data) - 1; /* between the brackets */
    if (size >= sizeof copy)
        return 0;
    memcpy(copy, text.data + 1, size);
    copy[size] = '\0';
    return inet_pton(AF_INET6, copy, &address) == 1 ? size + 2 : 0;
}

static bool is_port(struct slice text)
{
    unsigned number = 0;

    for (size_t i = 0; i < text.size; i++) {
        if (!is_digit(text.data[i]) || number > UINT16_MAX)
            return false;
        number = number * 10 + (unsigned)(text.data[i] - '0');
    }
    return number <= UINT16_MAX;
}

bool uri_is_authority(struct slice text)
{
    if (text.size == 0)
        return false;

    size_t host = text.data[0] == '[' ? ipv6_size(text) : name_size(text);
    if (host == 0 || host == text.size)
        return host > 0;
    return text.data[host] == ':' &&
           is_port((struct slice){text.data + host + 1, text.size - host - 1});
}

/* The next decoded byte. `encoded` isn't empty. */
static uint8_t take_byte(struct slice *encoded, bool form)
{
    const char *data = encoded->data;
    size_t size = 1;
    uint8_t byte = (uint8_t)data[0];

    if (form && byte == '+') {
        byte = ' ';
    } else if (byte == '%' && encoded->size >= 3) {
        int high = hex_digit(data[1]), low = hex_digit(data[2]);

        if (high >= 0 && low >= 0) {
            byte = (uint8_t)(high << 4 | low);
            size = 3;
        }
    }
    encoded->data += size;
    encoded->size -= size;
    return byte;
}

/* UTF-8 on its way into a text: each longest piece that begins a character and can't be finished
 * becomes one U+FFFD, as does each byte that begins none. */
struct repair {
    struct text *out;
    struct utf8_state state;
    char piece[4]; /* of the character that is not whole yet */
    size_t size;
};

static void repair_break(struct repair *repair)
{
    if (repair->size > 0)
        text_add_str(repair->out, REPLACEMENT);
    repair->size = 0;
    repair->state = (struct utf8_state){0};
}

static void repair_add(struct repair *repair, uint8_t byte)
{
    if (!utf8_feed(&repair->state, &byte, 1)) {
        bool open = repair->size > 0;

        repair_break(repair);
        if (open) /* then this one may begin a character of its own */
            repair_add(repair, byte);
        else
            text_add_str(repair->out, REPLACEMENT);
        return;
    }
    repair->piece[repair->size++] = (char)byte;
    if (utf8_complete(&repair->state)) {
        text_add(repair->out, repair->piece, repair->size);
        repair->size = 0;
    }
}

static void decode(struct slice encoded, bool form, struct text *out)
{
    struct repair repair = {.out = out};

    while (encoded.size > 0)
        repair_add(&repair, take_byte(&encoded, form));
    repair_break(&repair);
}

bool uri_decode_path(struct slice encoded, struct text *out)
{
    bool plain = encoded.size == 0 || memchr(encoded.data, '%', encoded.size) == NULL;

    if (plain && utf8_valid(encoded.data, encoded.size))
        text_add(out, encoded.data, encoded.size);
    else
        decode(encoded, false, out);
    return !out->failed;
}

/* What stands before the next `mark`, and moves rest behind it. */
static struct slice take_until(struct slice *rest, char mark)
{
    const char *end = rest->size > 0 ? memchr(rest->data, mark, rest->size) : NULL;
    struct slice taken = {rest->data, end != NULL ? (size_t)(end - rest->data) : rest->size};
    size_t size = taken.size + (end != NULL);

    if (size > 0)
        rest->data += size;
    rest->size -= size;
    return taken;
}

static bool decodes_to(struct slice encoded, struct slice wanted)
{
    size_t i = 0;

    while (encoded.size > 0 && i < wanted.size)
        if (take_byte(&encoded, true) != (uint8_t)wanted.data[i++])
            return false;
    return encoded.size == 0 && i == wanted.size;
}

bool uri_query_value(struct slice query, struct slice name, struct text *out)
{
    struct slice value = {0};
    bool found = false;

    while (query.size > 0) {
        struct slice piece = take_until(&query, '&');
        bool empty = piece.size == 0;
        struct slice key = take_until(&piece, '=');

        if (!empty && decodes_to(key, name)) {
            value = piece;
            found = true;
        }
    }
    if (found)
        decode(value, true, out);
    return found && !out->failed;
}

/* What Python's str.strip takes off text that is Latin-1. */
static bool is_latin1_space(char c)
{
    uint8_t byte = (uint8_t)c;

    return (byte >= '\t' && byte <= '\r') || (byte >= 0x1c && byte <= ' ') || byte == 0x85 ||
           byte == 0xa0;
}

static struct slice trim(struct slice text)
{
    while (text.size > 0 && is_latin1_space(text.data[0])) {
        text.data++;
        text.size--;
    }
    while (text.size > 0 && is_latin1_space(text.data[text.size - 1]))
        text.size--;
    return text;
}

/* Pieces between semicolons, quoted or not; a piece without '=' is a value without a name. */
bool uri_next_cookie(struct slice *rest, struct slice *name, struct slice *value)
{
    while (rest->size > 0) {
        struct slice piece = take_until(rest, ';');

        *name = (struct slice){piece.data, 0};
        if (piece.size > 0 && memchr(piece.data, '=', piece.size) != NULL)
            *name = trim(take_until(&piece, '='));
        *value = trim(piece);
        if (name->size > 0 || value->size > 0)
            return true;
    }
    return false;
}

static bool is_octal(struct slice text)
{
    return text.size >= 3 && text.data[0] >= '0' && text.data[0] <= '3' && text.data[1] >= '0' &&
           text.data[1] <= '7' && text.data[2] >= '0' && text.data[2] <= '7';
}

/* What follows a backslash. */
static char take_escaped(struct slice *text)
{
    const char *data = text->data;
    bool octal = is_octal(*text);
    size_t size = octal ? 3 : 1;

    text->data += size;
    text->size -= size;
    if (octal)
        return (char)((data[0] - '0') << 6 | (data[1] - '0') << 3 | (data[2] - '0'));
    return data[0];
}

bool uri_unquote(struct slice value, struct text *out)
{
    if (value.size < 2 || value.data[0] != '"' || value.data[value.size - 1] != '"') {
        text_add(out, value.data, value.size);
        return !out->failed;
    }

    struct slice rest = {value.data + 1, value.size - 2};
    while (rest.size > 0) {
        struct slice plain = take_until(&rest, '\\');
        bool escaped = plain.data + plain.size < rest.data; /* a backslash was taken */

        text_add(out, plain.data, plain.size);
        if (escaped && rest.size > 0)
            text_add_byte(out, take_escaped(&rest));
        else if (escaped) /* at the very end: it escapes nothing */
            text_add_byte(out, '\\');
    }
    return !out->failed;
}

bool uri_cookie_value(struct slice cookies, struct slice name, struct text *out)
{
    struct slice found = {0}, key, value;
    bool any = false;

    while (uri_next_cookie(&cookies, &key, &value)) {
        if (slice_equal(key, name)) {
            found = value;
            any = true;
        }
    }
    return any && uri_unquote(found, out);
}
