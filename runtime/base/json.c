/*
 * base/json: JSON text, in and out.
 */
#include "base/json.h"

#include <string.h>

#include "base/escape.h"
#include "base/number.h"
#include "base/utf8.h"

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

/* What stands between two quotes, escapes and all; `at` is behind the first one. */
static bool find_string(struct parser *parser, struct slice *raw, bool *has_escapes)
{
    const char *begin = parser->at;

    *has_escapes = false;
    for (;;) {
        parser->at += escape_run(parser->at, (size_t)(parser->end - parser->at));
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
        size_t run = escape_run(at, (size_t)(end - at));

        text_add(&parser->scratch, at, run);
        at += run;
        if (at < end) {
            char bytes[4];
            size_t written, length = escape_read(at, (size_t)(end - at), bytes, &written);

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

/* Quotes around the text, and `tail` behind it. */
static bool write_quoted(struct json_writer *writer, const char *data, size_t size,
                         struct slice tail)
{
    size_t run = escape_run(data, size);
    char *at = begin(writer, 1 + size + tail.size);

    if (at == NULL)
        return false;
    *at++ = '"';
    memcpy(at, data, run);
    at += run;
    if (run < size) {
        ended(writer->out, at);
        escape_add(writer->out, data + run, size - run);
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
