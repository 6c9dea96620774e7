/*
 * wire/body: the body of a request, read to be thrown away: where does it end?
 *
 * Chunks are read by an automaton: a place in the grammar and a byte lead to the next place, or to
 * none. So it makes no difference how the bytes are cut, and nothing is accepted that has no place
 * in the grammar. What a place means (a digit, the end of a size) is done beside it.
 */
#include "wire/body.h"

enum place {
    WRONG, /* the grammar has no such byte here */
    SIZE_BEGIN,
    SIZE,
    EXTENSION_WAIT, /* blanks, which only another ";" may follow */
    NAME_BEGIN,     /* of an extension, blanks in front */
    NAME,
    NAME_WAIT, /* blanks behind a name, which "=" or ";" follows */
    VALUE_BEGIN,
    VALUE,
    QUOTED,
    ESCAPED, /* behind a backslash */
    QUOTED_END,
    SIZE_LF, /* the line's end, half there */
    CONTENT,
    CONTENT_CR,
    CONTENT_LF,
    TRAILER_BEGIN, /* or the empty line, which ends it all */
    TRAILER_NAME,
    TRAILER_VALUE,
    TRAILER_LF,
    LAST_LF,
    END,
};

/* More digits than these are no size that anybody means, and zeros in front have no end. */
enum { DIGITS_MAX = 16 };

/* What is wrong with a byte that has no place. */
static const char *const faults[] = {
    [SIZE_BEGIN] = "a chunk that does not begin with its size in hexadecimal",
    [SIZE] = "a chunk size that is not just hexadecimal digits",
    [EXTENSION_WAIT] = "a blank behind a chunk size or an extension",
    [NAME_BEGIN] = "a chunk extension without a name",
    [NAME] = "a byte in a chunk extension that may not stand there",
    [NAME_WAIT] = "a blank behind the name of a chunk extension",
    [VALUE_BEGIN] = "a chunk extension without the value that it announces",
    [VALUE] = "a byte in a chunk extension that may not stand there",
    [QUOTED] = "a control byte in a chunk extension",
    [ESCAPED] = "a control byte in a chunk extension",
    [QUOTED_END] = "a byte behind a quoted chunk extension",
    [SIZE_LF] = "a chunk size that does not end with CR and LF",
    [CONTENT_CR] = "a chunk that does not end where its size says",
    [CONTENT_LF] = "a chunk that does not end with CR and LF",
    [TRAILER_BEGIN] = "a trailer without a name, or folded",
    [TRAILER_NAME] = "a byte in a trailer's name that may not stand there",
    [TRAILER_VALUE] = "a control byte in a trailer",
    [TRAILER_LF] = "a trailer that does not end with CR and LF",
    [LAST_LF] = "a body that does not end with CR and LF",
};

static enum body_result refuse(struct body *body, unsigned status, const char *why)
{
    body->place = WRONG;
    body->status = status;
    body->why = why;
    return BODY_REFUSED;
}

enum body_result body_begin(struct body *body, const struct http_request *request,
                            const struct body_limits *limits)
{
    *body = (struct body){.chunked = request->chunked, .left = request->body};
    body->place = request->chunked ? SIZE_BEGIN : request->body > 0 ? CONTENT : END;
    if (body->place == END)
        return BODY_DONE;
    if (request->body > limits->size)
        return refuse(body, 413, "a body beyond the limit");
    body->size = request->body;
    return BODY_MORE;
}

/* ---- The grammar ---------------------------------------------------------------------------- */

static int hex_digit(uint8_t byte)
{
    if (byte >= '0' && byte <= '9')
        return byte - '0';
    byte |= 0x20;
    return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

static bool is_blank(uint8_t byte)
{
    return byte == ' ' || byte == '\t';
}

static bool is_control(uint8_t byte)
{
    return (byte < ' ' && byte != '\t') || byte == 0x7f;
}

/* Behind a size, a name or a value: the line ends, an extension follows, or a blank. */
static enum place follow_word(uint8_t byte, enum place blank)
{
    if (is_blank(byte))
        return blank;
    return byte == '\r' ? SIZE_LF : byte == ';' ? NAME_BEGIN : WRONG;
}

/* chunk-size [ chunk-ext ]; a blank at the end of the line has no place. */
static enum place follow_size(enum place place, uint8_t byte)
{
    bool token = http_is_token_byte((char)byte), blank = is_blank(byte);

    switch (place) {
    case SIZE_BEGIN:
        return hex_digit(byte) >= 0 ? SIZE : WRONG;
    case SIZE:
        return hex_digit(byte) >= 0 ? SIZE : follow_word(byte, EXTENSION_WAIT);
    case EXTENSION_WAIT:
        return blank ? EXTENSION_WAIT : byte == ';' ? NAME_BEGIN : WRONG;
    case NAME_BEGIN:
        return blank ? NAME_BEGIN : token ? NAME : WRONG;
    case NAME:
        return token ? NAME : byte == '=' ? VALUE_BEGIN : follow_word(byte, NAME_WAIT);
    case NAME_WAIT:
        return blank ? NAME_WAIT : byte == '=' ? VALUE_BEGIN : byte == ';' ? NAME_BEGIN : WRONG;
    case VALUE_BEGIN:
        return blank ? VALUE_BEGIN : byte == '"' ? QUOTED : token ? VALUE : WRONG;
    case VALUE:
        return token ? VALUE : follow_word(byte, EXTENSION_WAIT);
    case QUOTED:
        return is_control(byte) ? WRONG
               : byte == '"'    ? QUOTED_END
               : byte == '\\'   ? ESCAPED
                                : QUOTED;
    case ESCAPED:
        return is_control(byte) ? WRONG : QUOTED;
    case QUOTED_END:
        return follow_word(byte, EXTENSION_WAIT);
    default:
        return WRONG;
    }
}

/* Fields as in a head, and the empty line. */
static enum place follow_trailer(enum place place, uint8_t byte)
{
    bool token = http_is_token_byte((char)byte);

    switch (place) {
    case TRAILER_BEGIN:
        return byte == '\r' ? LAST_LF : token ? TRAILER_NAME : WRONG;
    case TRAILER_NAME:
        return token ? TRAILER_NAME : byte == ':' ? TRAILER_VALUE : WRONG;
    case TRAILER_VALUE:
        return byte == '\r' ? TRAILER_LF : is_control(byte) ? WRONG : TRAILER_VALUE;
    case TRAILER_LF:
        return byte == '\n' ? TRAILER_BEGIN : WRONG;
    case LAST_LF:
        return byte == '\n' ? END : WRONG;
    default:
        return WRONG;
    }
}

/* ---- What it means -------------------------------------------------------------------------- */

static enum body_result add_digit(struct body *body, uint8_t byte)
{
    if (++body->digits > DIGITS_MAX)
        return refuse(body, 400, "a chunk size of too many digits");
    body->left = body->left << 4 | (uint64_t)hex_digit(byte);
    body->place = SIZE;
    return BODY_MORE;
}

/* The line of its size is whole. */
static enum body_result begin_chunk(struct body *body, const struct body_limits *limits)
{
    if (body->left > limits->size - body->size)
        return refuse(body, 413, "a body beyond the limit");
    body->place = body->left > 0 ? CONTENT : TRAILER_BEGIN;
    body->size += body->left;
    body->digits = 0;
    return BODY_MORE;
}

static enum body_result step_size(struct body *body, const struct body_limits *limits, uint8_t byte)
{
    enum place next = follow_size((enum place)body->place, byte);

    if (next == WRONG)
        return refuse(body, 400, faults[body->place]);
    if (next == SIZE)
        return add_digit(body, byte);
    if (next != SIZE_LF && ++body->extensions > limits->extensions)
        return refuse(body, 413, "chunk extensions beyond the limit");
    body->place = (uint8_t)next;
    return BODY_MORE;
}

static enum body_result step_trailer(struct body *body, const struct body_limits *limits,
                                     uint8_t byte)
{
    enum place next = follow_trailer((enum place)body->place, byte);

    if (next == WRONG)
        return refuse(body, 400, faults[body->place]);
    if (next != LAST_LF && next != END && ++body->trailers > limits->trailers)
        return refuse(body, 431, "trailers beyond the limit");
    if (next == TRAILER_LF && ++body->trailer_count > limits->trailer_count)
        return refuse(body, 431, "more trailers than the limit");
    body->place = (uint8_t)next;
    return next == END ? BODY_DONE : BODY_MORE;
}

/* One byte that stands for itself. */
static enum body_result step_to(struct body *body, uint8_t byte, char expected, enum place next)
{
    if (byte != (uint8_t)expected)
        return refuse(body, 400, faults[body->place]);
    body->place = (uint8_t)next;
    return BODY_MORE;
}

static enum body_result step(struct body *body, const struct body_limits *limits, uint8_t byte)
{
    switch ((enum place)body->place) {
    case SIZE_LF:
        return byte == '\n' ? begin_chunk(body, limits) : refuse(body, 400, faults[SIZE_LF]);
    case CONTENT_CR:
        return step_to(body, byte, '\r', CONTENT_LF);
    case CONTENT_LF:
        return step_to(body, byte, '\n', SIZE_BEGIN);
    default:
        return body->place < SIZE_LF ? step_size(body, limits, byte)
                                     : step_trailer(body, limits, byte);
    }
}

/* Content, as much as is there, in one step. */
static enum body_result skip_content(struct body *body, size_t size, size_t *taken)
{
    size_t some = body->left < size ? (size_t)body->left : size;

    *taken += some;
    body->left -= some;
    if (body->left > 0)
        return BODY_MORE;
    body->place = body->chunked ? CONTENT_CR : END;
    return body->chunked ? BODY_MORE : BODY_DONE;
}

enum body_result body_read(struct body *body, const struct body_limits *limits, const char *data,
                           size_t size, size_t *taken)
{
    enum body_result result = body->place == WRONG ? BODY_REFUSED
                              : body->place == END ? BODY_DONE
                                                   : BODY_MORE;

    *taken = 0;
    while (result == BODY_MORE && *taken < size) {
        if (body->place == CONTENT)
            result = skip_content(body, size - *taken, taken);
        else
            result = step(body, limits, (uint8_t)data[(*taken)++]);
    }
    return result;
}
