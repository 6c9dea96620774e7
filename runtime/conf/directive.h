/*
 * conf/directive: the table of directives: the one source of what routing.conf may say.
 *
 * The parser, its messages and hints, config_describe (and so `sluice routes --defaults` and the
 * manual) and config_compare all read it. A new directive is a row here and a function that
 * applies its line.
 */
#ifndef CONF_DIRECTIVE_H
#define CONF_DIRECTIVE_H

#include "conf/setting.h"

#define DIRECTIVES_MAX         32 /* in the table */
#define DIRECTIVE_SETTINGS_MAX 16 /* of one directive */

/* Where a directive may stand; a set. */
enum { IN_FILE = 1, IN_MOUNT = 2 };

struct parser;
struct line;

struct directive {
    const char *name;          /* NULL ends the table */
    unsigned char where, once; /* where it may stand, and where only once */
    bool live;                 /* a reload changes it; else a restart. Settings say it too */
    bool block;                /* it may have one */
    bool pattern;              /* its first word is a pattern */
    bool text;                 /* "=" means nothing in its words */
    bool wants_setting;        /* it says nothing without one, or a word if it takes any */
    bool whole;                /* its settings are kept in struct config, not in a mount's */
    unsigned least, most;      /* words behind the name, without settings */
    const char *words;         /* what they are, for messages: "an address" */
    const char *usage;
    const char *takes;           /* its words in short, for the list; NULL: none, or `value` says */
    const char *standard;        /* what holds where it isn't given; NULL: nothing */
    const struct setting *value; /* what its only word is; NULL: the function says */
    const char *noun;            /* of its settings: "limit" */
    const struct setting *settings; /* NULL: it has none */
    void (*apply)(struct parser *parser, const struct line *line);
    const char *help;
};

extern const struct directive directives[];

const struct directive *directive_find(struct slice name);
const struct setting *directive_setting(const struct directive *directive, struct slice name);

/* Names for text_suggest, ending with NULL. */
void directive_names(unsigned where, const char *names[DIRECTIVES_MAX + 1]);
void directive_setting_names(const struct directive *directive,
                             const char *names[DIRECTIVE_SETTINGS_MAX + 1]);

#endif
