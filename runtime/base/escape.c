/*
 * base/escape: the inside of a JSON string: which bytes stand as they are, and how the others do.
 */
#include "base/escape.h"

#include <stdint.h>
#include <string.h>

/* ---- Runs ---- */

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

/* escape_run for as many bytes as a block has. */
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

size_t escape_run(const char *data, size_t size)
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

/* ---- Escapes ---- */

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

size_t escape_read(const char *data, size_t size, char out[4], size_t *written)
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

static void add_one(struct text *out, char c)
{
    const char *found = memchr(escaped, c, sizeof escaped - 1);

    if (found != NULL)
        text_add(out, (char[]){'\\', escapes[found - escaped]}, 2);
    else
        text_addf(out, "\\u%04x", (unsigned)(unsigned char)c);
}

void escape_add(struct text *out, const char *data, size_t size)
{
    while (size > 0) {
        size_t run = escape_run(data, size);

        text_add(out, data, run);
        data += run;
        size -= run;
        if (size > 0) {
            add_one(out, *data++);
            size--;
        }
    }
}
