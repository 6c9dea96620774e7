/*
 * conf/parser: lines of words become a config, as the table of directives says.
 *
 * What all directives have in common is checked here: where a directive may stand and how often,
 * how many words it wants, which settings, and their values. Then the function of the table
 * applies the line: here, in conf/listen or in conf/mount.
 */
#ifndef CONF_PARSER_H
#define CONF_PARSER_H

#include <stdbool.h>
#include <stdint.h>

#include "conf/config.h"
#include "conf/directive.h"
#include "conf/lex.h"

#define OPTIONS_MAX 64    /* that a mount may have */
#define MOUNTS_MAX  10000 /* each request is compared with all of them, in order */

/* One of a directive's settings, as the line gives it. */
struct given {
    struct place place; /* size 0: it doesn't */
    struct place value_place;
    uint64_t number;
    const char *text; /* of a name or field; NULL where it is wrong */
};

/* A directive's line, checked. */
struct line {
    const struct directive *directive;
    const struct word *name, *words; /* words: behind the name, without the settings */
    unsigned count;
    uint64_t number;                            /* where the only word is a value */
    struct given given[DIRECTIVE_SETTINGS_MAX]; /* in the order of the table */
    bool block;
};

struct options {
    struct option_config items[OPTIONS_MAX];
    struct place places[OPTIONS_MAX]; /* size 0: it comes from the defaults */
    unsigned count;
};

/* Lives while a file is parsed; one thread. */
struct parser {
    struct config *config;
    struct diag *diag;
    struct lexer lexer;
    const char *directory; /* that paths are relative to */
    const char *consumers;
    unsigned skip;                     /* the depth of a block that is passed over; 0: none */
    struct place seen[DIRECTIVES_MAX]; /* in the block that is open; of the file: config's */

    /* For the mounts below. */
    struct limits_config limits;
    struct compress_config compress;
    struct reload_config reload;
    struct origins *origins;
    struct options options;
    struct place unused; /* of the last line that set one, while no mount has followed */

    struct mount_config *mount; /* whose block is open; NULL: none */
    struct options own;         /* of the mount that is read */
};

/* Parses config->source. False: there are errors in diag. */
bool parser_run(struct config *config, const char *directory, struct diag *diag);

/* What went wrong with a line. */
#define parser_error(parser, place, hint, ...)                                                     \
    diag_add((parser)->diag, DIAG_ERROR, &(parser)->config->source, (place), (hint), __VA_ARGS__)
#define parser_warn(parser, place, hint, ...)                                                      \
    diag_add((parser)->diag, DIAG_WARNING, &(parser)->config->source, (place), (hint), __VA_ARGS__)

/* For what the config keeps: NULL without memory, which is then noted in diag. */
void *parser_get(struct parser *parser, size_t size);
const char *parser_copy(struct parser *parser, struct slice text);
const char *parser_join(struct parser *parser, const char *directory, const char *name);
void *parser_grow(struct parser *parser, void *array, unsigned count, size_t size);

/* A value that is text: the word itself, or what the @file holds. NULL, and it is reported. */
const char *parser_text(struct parser *parser, struct slice value, struct place place, bool quoted);

/* The line's setting of that name; NULL: it isn't given. */
const struct given *line_given(const struct line *line, const char *name);
/* Puts the line's settings into the struct that the table's places are of. */
void line_store(const struct line *line, void *base);

/* The line of a place that a message names. It takes a walk through the text, so 0 where the
 * message will not be kept anyway. */
unsigned parser_line(const struct parser *parser, struct place place);

/* The functions of the table. */
void listen_apply(struct parser *parser, const struct line *line);
void listen_apply_control(struct parser *parser, const struct line *line);
void listen_standard(struct parser *parser);
void parser_apply_config(struct parser *parser, const struct line *line);
void parser_apply_server(struct parser *parser, const struct line *line);
void parser_apply_loops(struct parser *parser, const struct line *line);
void parser_apply_consumers(struct parser *parser, const struct line *line);
void parser_apply_cache(struct parser *parser, const struct line *line);
void parser_apply_watch(struct parser *parser, const struct line *line);
void mount_apply_limits(struct parser *parser, const struct line *line);
void mount_apply_compress(struct parser *parser, const struct line *line);
void mount_apply_reload(struct parser *parser, const struct line *line);
void mount_apply_origins(struct parser *parser, const struct line *line);
void mount_apply_set(struct parser *parser, const struct line *line);
void mount_apply_subprotocols(struct parser *parser, const struct line *line);
void mount_apply_ws(struct parser *parser, const struct line *line);
void mount_apply_http(struct parser *parser, const struct line *line);

/* False, and it is reported: the pattern that the line begins with goes on in its next words. */
bool mount_check_pattern(struct parser *parser, const struct line *line);

/* The block of a mount ends; then the file does. */
void mount_end(struct parser *parser);
void mounts_finish(struct parser *parser);

#endif
