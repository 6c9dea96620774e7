/*
 * conf/setting: one value of routing.conf: what it may be, what it is, and where it is kept.
 *
 * Bounds and defaults stand in the table as a user would write them ("10s", "32k"), so that the
 * table, the messages and the manual page say the same.
 */
#ifndef CONF_SETTING_H
#define CONF_SETTING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

enum setting_kind {
    SETTING_COUNT,   /* k and m are 1000 and 1000000 */
    SETTING_SIZE,    /* bytes; k, m, g are of 1024 */
    SETTING_TIME,    /* ms, s, m, h, d; kept in milliseconds */
    SETTING_SECONDS, /* the same, in whole seconds */
    SETTING_RATE,    /* a count for a time: 20/s, 600/m, 1k/h; kept in a struct rate */
    SETTING_BYTES,   /* the same of a size: 64k/s */
    SETTING_MODE,    /* a file's, octal */
    SETTING_WORD,    /* one of two words, `least` (kept as 0) and `most` (1), which may be NULL */
    SETTING_NAME,    /* a file's or directory's */
    SETTING_FIELD,   /* the value of an HTTP field; @file reads it from a file */
};

struct setting {
    const char *name; /* NULL ends a list */
    enum setting_kind kind;
    bool live;                /* a reload changes it; else a restart */
    const char *standard;     /* NULL: none */
    const char *least, *most; /* bounds, both allowed */
    const char *zero;         /* the word that stands for 0: "off", "auto"; NULL: none does */
    size_t offset, width;     /* of the field; width 0: whoever applies the line keeps it */
    const char *help;
};

/* Longest value text that messages carry. */
#define SETTING_TEXT_MAX 200

struct setting_fault {
    char message[SETTING_TEXT_MAX + 200];
    char hint[200]; /* "": none */
};

/* What the value may be, as words: "1 to 1024, or auto". */
void setting_range(const struct setting *setting, char *out, size_t size);

/* The number behind a value, for setting_store: of a rate it is the count, and 32 bits above that
 * the time. False with `fault`. Names have none. */
bool setting_parse(const struct setting *setting, struct slice value, uint64_t *number,
                   struct setting_fault *fault);

/* Puts a number, or a text, into the setting's field of the struct at `base`. */
void setting_store(const struct setting *setting, void *base, uint64_t number);
void setting_store_text(const struct setting *setting, void *base, const char *text);

/* Puts the defaults of a list into the struct at `base`. */
void settings_standard(const struct setting *settings, void *base);

/* Is the setting's field the same in both structs? */
bool setting_equal(const struct setting *setting, const void *a, const void *b);

bool setting_is_number(const struct setting *setting);

#endif
