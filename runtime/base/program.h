/*
 * base/program: what a template is compiled to: a list of steps, and the words they say.
 *
 * What stands between two arguments is there twice: as steps that any sink can be told, and before
 * them as JSON text, for a sink that takes it, which then needs to look at none of it.
 */
#ifndef BASE_PROGRAM_H
#define BASE_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/conversion.h"
#include "base/text.h"
#include "base/value.h"

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
    STEP_JSON, /* the next steps as JSON text */
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
        struct {
            struct slice text;
            uint32_t depth; /* containers open behind it */
            uint32_t steps; /* that it stands for */
        } json;
    };
};

/* Tells a step that takes no argument. */
bool step_tell(const struct step *step, struct value_sink *sink);

/* Owned by the thread that compiled it. */
struct program {
    char *text; /* the template; behind its zero byte are the words */
    struct step *steps;
    size_t count;
    struct text json; /* of all STEP_JSONs, in their order */
};

/* NULL: `*why` says what is wrong at byte `*at`, or is NULL where memory ran out. */
struct program *program_new(const char *text, const char **why, size_t *at);
void program_free(struct program *program);

#endif
