/*
 * base/json: JSON text, in and out.
 *
 * Strings are most of any JSON, and most of a string stands in the text as it is: both directions
 * find the end of such a run sixteen bytes at a time.
 */
#include "base/json.h"

#include <string.h>

#include "base/number.h"
#include "base/utf8.h"

typedef uint8_t block __attribute__((vector_size(16)));

/* Which byte of a word, in memory's order, is the first that is not zero; there is one. */
static size_t first_byte(uint64_t word)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    return (size_t)__builtin_ctzll(word) / 8;
#else
    return (size_t)__builtin_clzll(word) / 8;
#endif
}

/* plain_run for as many bytes as a block has. */
static size_t plain_in_block(const char *data)
{
    block bytes, special;
    uint64_t halves[2];

    memcpy(&bytes, data, sizeof bytes);
    special = (block)((bytes < 0x20) | (bytes == '"') | (bytes == '\\'));
    memcpy(halves, &special, sizeof halves);
    if (halves[0] != 0)
        return first_byte(halves[0]);
    return 8 + (halves[1] != 0 ? first_byte(halves[1]) : 8);
}

/* How many bytes stand in a string as they are: up to a quote, a backslash or a control byte. */
static size_t plain_run(const char *data, size_t size)
{
    char last[sizeof(block)];
    size_t at = 0, run;

    for (; size - at >= sizeof(block); at += sizeof(block)) {
        run = plain_in_block(data + at);
        if (run < sizeof(block))
            return at + run;
    }
    memset(last, ' ', sizeof last);
    memcpy(last, data + at, size - at);
    run = plain_in_block(last);
    return run < size - at ? at + run : size;
}

/* ---- In ---- */

struct parser {
    const char *at, *end;
    struct value_builder builder; /* knows how deep we are, and refuses one level too many */
    struct text scratch;          /* a string whose escapes are resolved */
};

static bool parse_value(struct parser *parser);

static void skip_blanks(struct parser *parser)
{
    while (parser->at < parser->end && (*parser->at == ' ' || *parser->at == '\t' ||
                                        *parser->at == '\n' || *parser->at == '\r'))
        parser->at++;
}

/* Blanks, then this byte. */
static bool take(struct parser *parser, char byte)
{
    skip_blanks(parser);
    if (parser->at == parser->end || *parser->at != byte)
        return false;
    parser->at++;
    return true;
}

static bool take_word(struct parser *parser, struct slice word)
{
    if ((size_t)(parser->end - parser->at) < word.size ||
        memcmp(parser->at, word.data, word.size) != 0)
        return false;
    parser->at += word.size;
    return true;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* The four digits behind \u; negative: they are none. */
static int32_t read_unit(const char *data, size_t size)
{
    int32_t unit = 0;

    if (size < 6 || data[0] != '\\' || data[1] != 'u')
        return -1;
    for (int i = 2; i < 6; i++) {
        int digit = hex_digit(data[i]);

        if (digit < 0)
            return -1;
        unit = unit << 4 | digit;
    }
    return unit;
}

static size_t encode_utf8(uint32_t code, char out[4])
{
    static const uint8_t leads[] = {0, 0x00, 0xc0, 0xe0, 0xf0}; /* by length */
    size_t length = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;

    for (size_t i = length - 1; i > 0; i--) {
        out[i] = (char)(0x80 | (code & 0x3f));
        code >>= 6;
    }
    out[0] = (char)(leads[length] | code);
    return length;
}

static size_t unescape_unit(const char *data, size_t size, char out[4], size_t *written)
{
    int32_t unit = read_unit(data, size), low;

    if (unit < 0 || (unit >= 0xdc00 && unit <= 0xdfff))
        return 0;
    if (unit < 0xd800 || unit > 0xdfff) {
        *written = encode_utf8((uint32_t)unit, out);
        return 6;
    }
    low = read_unit(data + 6, size - 6);
    if (low < 0xdc00 || low > 0xdfff)
        return 0;
    *written =
        encode_utf8(0x10000 + ((uint32_t)(unit - 0xd800) << 10) + (uint32_t)(low - 0xdc00), out);
    return 12;
}

static const char escapes[] = "\"\\/bfnrt";
static const char escaped[] = "\"\\/\b\f\n\r\t"; /* what they stand for, in the same order */

size_t json_unescape(const char *data, size_t size, char out[4], size_t *written)
{
    const char *found;

    if (size < 2 || data[0] != '\\')
        return 0;
    if (data[1] == 'u')
        return unescape_unit(data, size, out, written);
    found = memchr(escapes, data[1], sizeof escapes - 1);
    if (found == NULL)
        return 0;
    out[0] = escaped[found - escapes];
    *written = 1;
    return 2;
}

/* What stands between two quotes, escapes and all; `at` is behind the first one. */
static bool find_string(struct parser *parser, struct slice *raw, bool *has_escapes)
{
    const char *begin = parser->at;

    *has_escapes = false;
    for (;;) {
        parser->at += plain_run(parser->at, (size_t)(parser->end - parser->at));
        if (parser->at == parser->end)
            return false;
        if (*parser->at == '"')
            break;
        if (*parser->at != '\\' || parser->end - parser->at < 2)
            return false;
        *has_escapes = true;
        parser->at += 2;
    }
    *raw = (struct slice){begin, (size_t)(parser->at - begin)};
    parser->at++;
    return utf8_valid(raw->data, raw->size);
}

/* The string without its escapes, in the scratch text until the next one. */
static bool resolve(struct parser *parser, struct slice *string)
{
    const char *at = string->data, *end = at + string->size;

    text_clear(&parser->scratch);
    while (at < end) {
        size_t run = plain_run(at, (size_t)(end - at));

        text_add(&parser->scratch, at, run);
        at += run;
        if (at < end) {
            char bytes[4];
            size_t written, length = json_unescape(at, (size_t)(end - at), bytes, &written);

            if (length == 0)
                return false;
            text_add(&parser->scratch, bytes, written);
            at += length;
        }
    }
    *string = (struct slice){parser->scratch.data, parser->scratch.size};
    return !parser->scratch.failed;
}

typedef bool tell_text(struct value_sink *sink, const char *data, size_t size);

static bool parse_string(struct parser *parser, tell_text *tell)
{
    struct slice string;
    bool has_escapes;

    if (!take(parser, '"') || !find_string(parser, &string, &has_escapes))
        return false;
    if (has_escapes && !resolve(parser, &string))
        return false;
    return tell(&parser->builder.sink, string.data, string.size);
}

static bool parse_number(struct parser *parser)
{
    struct value_sink *sink = &parser->builder.sink;
    struct number number;
    size_t size = number_read(parser->at, (size_t)(parser->end - parser->at), &number);

    if (size == 0)
        return false;
    parser->at += size;
    switch (number.kind) {
    case NUMBER_INTEGER:
        return sink->integer(sink, number.integer);
    case NUMBER_NATURAL:
        return sink->natural(sink, number.natural);
    case NUMBER_REAL:
        return sink->real(sink, number.real);
    }
    return false;
}

/* The builder takes no count as a promise, so containers begin before theirs is known. */
static bool parse_array(struct parser *parser)
{
    struct value_sink *sink = &parser->builder.sink;

    if (!sink->array_begin(sink, 0))
        return false;
    parser->at++;
    if (take(parser, ']'))
        return sink->array_end(sink);
    do {
        if (!parse_value(parser))
            return false;
    } while (take(parser, ','));
    return take(parser, ']') && sink->array_end(sink);
}

static bool parse_map(struct parser *parser)
{
    struct value_sink *sink = &parser->builder.sink;

    if (!sink->map_begin(sink, 0))
        return false;
    parser->at++;
    if (take(parser, '}'))
        return sink->map_end(sink);
    do {
        if (!parse_string(parser, sink->key) || !take(parser, ':') || !parse_value(parser))
            return false;
    } while (take(parser, ','));
    return take(parser, '}') && sink->map_end(sink);
}

static bool parse_value(struct parser *parser)
{
    struct value_sink *sink = &parser->builder.sink;

    skip_blanks(parser);
    if (parser->at == parser->end)
        return false;
    switch (*parser->at) {
    case '{':
        return parse_map(parser);
    case '[':
        return parse_array(parser);
    case '"':
        return parse_string(parser, sink->string);
    case 't':
        return take_word(parser, SLICE("true")) && sink->boolean(sink, true);
    case 'f':
        return take_word(parser, SLICE("false")) && sink->boolean(sink, false);
    case 'n':
        return take_word(parser, SLICE("null")) && sink->null(sink);
    default:
        return parse_number(parser);
    }
}

bool json_parse(const char *data, size_t size, struct json_object **value)
{
    struct parser parser = {.at = size > 0 ? data : ""};
    bool ok;

    parser.end = parser.at + size;

    value_builder_init(&parser.builder);
    ok = parse_value(&parser);
    skip_blanks(&parser);
    ok = ok && parser.at == parser.end;
    text_free(&parser.scratch);
    *value = value_builder_take(&parser.builder, ok);
    return ok;
}

/* ---- Out ---- */

static struct json_writer *writer_of(struct value_sink *sink)
{
    return (struct json_writer *)sink;
}

static void ended(struct text *out, char *end)
{
    *end = '\0';
    out->size = (size_t)(end - out->data);
}

/* The bit of `comma` for the container that is open; none where none is. */
static uint64_t here(const struct json_writer *writer)
{
    return writer->depth > 0 ? UINT64_C(1) << (writer->depth - 1) : 0;
}

/* Room for a comma, if one is due here, and for `size` bytes more; NULL without memory. */
static char *begin(struct json_writer *writer, size_t size)
{
    uint64_t bit = here(writer);
    char *at = text_reserve(writer->out, size + 1);

    if (at != NULL && (writer->comma & bit) != 0)
        *at++ = ',';
    writer->comma |= bit;
    return at;
}

static bool write_plain(struct json_writer *writer, const char *data, size_t size)
{
    char *at = begin(writer, size);

    if (at == NULL)
        return false;
    memcpy(at, data, size);
    ended(writer->out, at + size);
    return true;
}

static void add_escape(struct text *out, char c)
{
    const char *found = memchr(escaped, c, sizeof escaped - 1);

    if (found != NULL)
        text_add(out, (char[]){'\\', escapes[found - escaped]}, 2);
    else
        text_addf(out, "\\u%04x", (unsigned)(unsigned char)c);
}

/* From the first byte on that needs an escape. */
static void add_escaped(struct text *out, const char *data, size_t size)
{
    while (size > 0) {
        size_t run = plain_run(data, size);

        text_add(out, data, run);
        data += run;
        size -= run;
        if (size > 0) {
            add_escape(out, *data++);
            size--;
        }
    }
}

/* Quotes around the text, and `tail` behind it. */
static bool write_quoted(struct json_writer *writer, const char *data, size_t size,
                         struct slice tail)
{
    size_t run = plain_run(data, size);
    char *at = begin(writer, 1 + size + tail.size);

    if (at == NULL)
        return false;
    *at++ = '"';
    memcpy(at, data, run);
    at += run;
    if (run < size) {
        ended(writer->out, at);
        add_escaped(writer->out, data + run, size - run);
        at = text_reserve(writer->out, tail.size);
        if (at == NULL)
            return false;
    }
    memcpy(at, tail.data, tail.size);
    ended(writer->out, at + tail.size);
    return true;
}

static bool write_null(struct value_sink *sink)
{
    return write_plain(writer_of(sink), "null", 4);
}

static bool write_boolean(struct value_sink *sink, bool value)
{
    return value ? write_plain(writer_of(sink), "true", 4)
                 : write_plain(writer_of(sink), "false", 5);
}

static bool write_integer(struct value_sink *sink, int64_t value)
{
    char text[NUMBER_ROOM];

    return write_plain(writer_of(sink), text, number_write_integer(text, value));
}

static bool write_natural(struct value_sink *sink, uint64_t value)
{
    char text[NUMBER_ROOM];

    return write_plain(writer_of(sink), text, number_write_natural(text, value));
}

static bool write_real(struct value_sink *sink, double value)
{
    char text[NUMBER_ROOM];

    return write_plain(writer_of(sink), text, number_write_real(text, value));
}

static bool write_string(struct value_sink *sink, const char *data, size_t size)
{
    return write_quoted(writer_of(sink), data, size, SLICE("\""));
}

static bool write_bytes(struct value_sink *sink, const void *data, size_t size)
{
    (void)data;
    (void)size;
    writer_of(sink)->bytes = true;
    return false;
}

static bool open_container(struct json_writer *writer, char bracket)
{
    if (writer->depth == VALUE_DEPTH_MAX || !write_plain(writer, &bracket, 1))
        return false;
    writer->depth++;
    writer->comma &= ~here(writer);
    return true;
}

static bool close_container(struct json_writer *writer, char bracket)
{
    writer->depth--;
    text_add_byte(writer->out, bracket);
    return !writer->out->failed;
}

static bool write_array_begin(struct value_sink *sink, size_t count)
{
    (void)count;
    return open_container(writer_of(sink), '[');
}

static bool write_array_end(struct value_sink *sink)
{
    return close_container(writer_of(sink), ']');
}

static bool write_map_begin(struct value_sink *sink, size_t count)
{
    (void)count;
    return open_container(writer_of(sink), '{');
}

static bool write_map_end(struct value_sink *sink)
{
    return close_container(writer_of(sink), '}');
}

/* The value behind a key has no comma before it, the next key has again. */
static bool write_key(struct value_sink *sink, const char *data, size_t size)
{
    struct json_writer *writer = writer_of(sink);
    bool ok = write_quoted(writer, data, size, SLICE("\":"));

    writer->comma &= ~here(writer);
    return ok;
}

/* The text has its commas in it. */
static bool write_json(struct value_sink *sink, const char *data, size_t size, unsigned depth)
{
    struct json_writer *writer = writer_of(sink);

    text_add(writer->out, data, size);
    writer->depth = depth;
    writer->comma &= ~here(writer);
    return !writer->out->failed;
}

void json_writer_init(struct json_writer *writer, struct text *out)
{
    static const struct value_sink sink = {
        .null = write_null,
        .boolean = write_boolean,
        .integer = write_integer,
        .natural = write_natural,
        .real = write_real,
        .string = write_string,
        .bytes = write_bytes,
        .array_begin = write_array_begin,
        .array_end = write_array_end,
        .map_begin = write_map_begin,
        .key = write_key,
        .map_end = write_map_end,
        .json = write_json,
    };

    writer->sink = sink;
    writer->out = out;
    writer->comma = 0;
    writer->depth = 0;
    writer->bytes = false;
}
