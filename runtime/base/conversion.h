/*
 * base/conversion: printf's conversions: how they are written, and how their arguments are taken.
 *
 * Templates know few of them. But a template that is wrong may have any that the caller's compiler
 * let pass, and behind them a %p, whose reference is ours to put: so all can be read and dropped.
 */
#ifndef BASE_CONVERSION_H
#define BASE_CONVERSION_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

/* A printf conversion: enough to take its argument as the compiler of the caller passed it. */
struct conversion {
    char letter; /* 0: none that anybody knows */
    enum {
        LENGTH_NONE,
        LENGTH_HH,
        LENGTH_H,
        LENGTH_L,
        LENGTH_LL,
        LENGTH_Z,
        LENGTH_J,
        LENGTH_T,
        LENGTH_LONG_DOUBLE
    } length;
    uint8_t stars;  /* widths and precisions that are arguments, before it */
    bool decorated; /* has flags, a width or a precision */
};

/* Reads the conversion that begins at the percent sign `at` points to; what is behind it. */
const char *conversion_read(const char *at, struct conversion *conversion);

/* A va_list that can be passed on and is moved by whoever takes from it. */
struct arguments {
    va_list list;
};

/* The argument of %d or %i, or of %u, of any length. */
int64_t conversion_signed(const struct conversion *conversion, struct arguments *args);
uint64_t conversion_unsigned(const struct conversion *conversion, struct arguments *args);

/* Takes the argument, whichever conversion it is, and drops it; puts the reference behind a %p.
 * False: nobody knows what it takes, and so not what comes after it. */
bool conversion_drop(const struct conversion *conversion, struct arguments *args);

#endif
