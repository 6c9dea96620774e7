/*
 * base/number: JSON's numbers, read and written the same in every locale.
 *
 * A consumer may call setlocale, and from then on libc's strtod and printf put a comma where JSON
 * has a point.
 */
#ifndef BASE_NUMBER_H
#define BASE_NUMBER_H

#include <stddef.h>
#include <stdint.h>

enum number_kind {
    NUMBER_INTEGER,
    NUMBER_NATURAL, /* above INT64_MAX */
    NUMBER_REAL,    /* has a point or an exponent, or is beyond 64 bits */
};

struct number {
    enum number_kind kind;
    union {
        int64_t integer;
        uint64_t natural;
        double real;
    };
};

/* A longer number that is no 64-bit integer is refused. The longest double, written out to its
 * last digit, has 1,077. */
#define NUMBER_TEXT_MAX 1100

/* Reads the number that the text begins with, as RFC 8259 writes them, and gives its length. 0:
 * there is none, or it is beyond a double (1e400), which must not become an infinity in silence.
 * What follows it is the caller's to look at. */
size_t number_read(const char *data, size_t size, struct number *number);

#define NUMBER_ROOM 32 /* bytes that hold any number as text */

/* Each writes at most NUMBER_ROOM bytes, no zero byte, and gives how many. A real has as many
 * digits as it takes to read back the same, always a point or an exponent, and is "null" where it
 * is not finite. */
size_t number_write_integer(char *out, int64_t value);
size_t number_write_natural(char *out, uint64_t value);
size_t number_write_real(char *out, double value);

#endif
