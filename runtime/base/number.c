/*
 * base/number: JSON's numbers, read and written the same in every locale.
 */
#include "base/number.h"

#include <float.h>
#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WHOLE_BELOW 9007199254740992.0 /* 2^53: a double holds each whole number up to here */

static locale_t plain; /* "C" */

static void find_plain(void)
{
    plain = newlocale(LC_ALL_MASK, "C", (locale_t)0); /* libc has it made: this can't fail */
}

static locale_t plain_locale(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, find_plain);
    return plain;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static const char *skip_digits(const char *at, const char *end)
{
    while (at < end && is_digit(*at))
        at++;
    return at;
}

/* Where a number that begins at `at` ends, or NULL; `whole` is set where it is digits alone. */
static const char *scan(const char *at, const char *end, bool *whole)
{
    const char *digits;

    *whole = true;
    if (at < end && *at == '-')
        at++;
    digits = at;
    at = skip_digits(at, end);
    if (at == digits || (*digits == '0' && at - digits > 1))
        return NULL;
    if (at < end && *at == '.') {
        *whole = false;
        digits = ++at;
        at = skip_digits(at, end);
        if (at == digits)
            return NULL;
    }
    if (at < end && (*at == 'e' || *at == 'E')) {
        *whole = false;
        at++;
        if (at < end && (*at == '+' || *at == '-'))
            at++;
        digits = at;
        at = skip_digits(at, end);
        if (at == digits)
            return NULL;
    }
    return at;
}

/* Digits with or without a minus. False: beyond 64 bits. */
static bool read_whole(const char *at, const char *end, struct number *number)
{
    bool negative = *at == '-';
    uint64_t value = 0;

    for (at += negative; at < end; at++)
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(*at - '0'), &value))
            return false;
    if (negative && value > (uint64_t)INT64_MAX + 1)
        return false;
    if (!negative && value > INT64_MAX) {
        *number = (struct number){.kind = NUMBER_NATURAL, .natural = value};
        return true;
    }
    /* Minus value, minus one and plus one: INT64_MIN has no positive twin. */
    *number = (struct number){.kind = NUMBER_INTEGER,
                              .integer = negative && value > 0 ? -(int64_t)(value - 1) - 1
                                                               : (int64_t)value};
    return true;
}

static bool read_real(const char *data, size_t size, struct number *number)
{
    char text[NUMBER_TEXT_MAX + 1]; /* strtod wants a zero byte behind it */

    if (size > NUMBER_TEXT_MAX)
        return false;
    memcpy(text, data, size);
    text[size] = '\0';
    *number = (struct number){.kind = NUMBER_REAL, .real = strtod_l(text, NULL, plain_locale())};
    return isfinite(number->real);
}

size_t number_read(const char *data, size_t size, struct number *number)
{
    bool whole;
    const char *end = scan(data, data + size, &whole);

    if (end == NULL)
        return 0;
    if (whole && read_whole(data, end, number))
        return (size_t)(end - data);
    return read_real(data, (size_t)(end - data), number) ? (size_t)(end - data) : 0;
}

size_t number_write_natural(char *out, uint64_t value)
{
    char digits[20], *at = digits + sizeof digits;

    do {
        *--at = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);

    size_t size = (size_t)(digits + sizeof digits - at);
    memcpy(out, at, size);
    return size;
}

size_t number_write_integer(char *out, int64_t value)
{
    if (value >= 0)
        return number_write_natural(out, (uint64_t)value);
    out[0] = '-';
    return 1 + number_write_natural(out + 1, -(uint64_t)value);
}

/* The common case, for which printf is slow. */
static size_t write_whole(char *out, double value)
{
    size_t size = 0;

    if (signbit(value))
        out[size++] = '-';
    return size + number_write_natural(out + size, (uint64_t)fabs(value));
}

/* Every decimal of 15 digits survives being a double, so fewer than 15 need not be tried: %g drops
 * the zeros at the end. Only subnormals have less than that. */
static size_t write_shortest(char *out, double value)
{
    int digits = fabs(value) < DBL_MIN ? 1 : DBL_DIG, size;
    locale_t before = uselocale(plain_locale());

    do
        size = snprintf(out, NUMBER_ROOM, "%.*g", digits++, value);
    while (digits <= DBL_DECIMAL_DIG && strtod(out, NULL) != value);
    uselocale(before);
    return (size_t)size;
}

size_t number_write_real(char *out, double value)
{
    if (!isfinite(value)) {
        memcpy(out, "null", 4);
        return 4;
    }

    bool whole = fabs(value) < WHOLE_BELOW && value == (double)(int64_t)value;
    size_t size = whole ? write_whole(out, value) : write_shortest(out, value);

    /* Without a point or an exponent it would be read as an integer. */
    if (memchr(out, '.', size) == NULL && memchr(out, 'e', size) == NULL) {
        memcpy(out + size, ".0", 2);
        size += 2;
    }
    return size;
}
