/*
 * base/program: what a template is compiled to: a list of steps, and the words they say.
 */
#ifndef BASE_PROGRAM_H
#define BASE_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/text.h"

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

enum step_kind {
    STEP_NULL,
    STEP_BOOLEAN,
    STEP_INTEGER,
    STEP_NATURAL,
    STEP_REAL,
    STEP_STRING,
    STEP_ARGUMENT, /* a conversion that is the value */
    STEP_ARRAY_BEGIN,
    STEP_ARRAY_END,
    STEP_MAP_BEGIN,
    STEP_KEY,
    STEP_MAP_END,
    /* 'Hello %s': a string that is put together. */
    STEP_TEXT_BEGIN,
    STEP_TEXT_WORDS,
    STEP_TEXT_ARGUMENT,
    STEP_TEXT_END,
};

struct step {
    enum step_kind kind;
    union {
        bool boolean;
        int64_t integer;
        uint64_t natural;
        double real;
        struct slice words;
        struct conversion conversion;
        size_t count; /* elements of a container */
    };
};

/* Owned by the thread that compiled it. */
struct program {
    char *text; /* the template; behind its zero byte are the words */
    struct step *steps;
    size_t count;
};

/* NULL: `*why` says what is wrong at byte `*at`, or is NULL where memory ran out. */
struct program *program_new(const char *text, const char **why, size_t *at);
void program_free(struct program *program);

#endif
