/*
 * conf/lex: routing.conf as lines of words.
 *
 * Knows the grammar (words, quotes, comments, blocks) and no directive. It is pulled: each call
 * gives one directive's words, or the end of a block. What breaks the grammar is reported once a
 * line, and reading goes on as if it had been mended, so that one run finds all errors.
 */
#ifndef CONF_LEX_H
#define CONF_LEX_H

#include <stdbool.h>

#include "conf/diag.h"
#include "conf/memory.h"

#define LEX_DEPTH_MAX 8    /* blocks within each other */
#define LEX_WORDS_MAX 1024 /* on one line */

struct word {
    struct place place; /* as it stands in the source, with its quotes */
    struct slice text;  /* without them */
    bool quoted;        /* it begins with a quote */

    /* Of `key=value`, with the key and the sign outside quotes; else key.data is NULL. */
    struct slice key, value;
    struct place key_place, value_place;
    bool value_quoted;
};

enum lex_result {
    LEX_LINE,  /* words[0 .. count - 1]; `block`: a block follows. No words: a block of nobody's */
    LEX_CLOSE, /* the end of a block */
    LEX_END,
    LEX_NO_MEMORY,
};

/* Owned by the parser. Words live until the next call, their text as long as `memory`. */
struct lexer {
    const struct source *source;
    struct diag *diag;
    struct config_memory *memory;
    size_t at;
    struct word *words;
    unsigned count, room;
    bool block;
    struct place block_place; /* its "{" */

    unsigned depth;                   /* of open blocks */
    struct place open[LEX_DEPTH_MAX]; /* their "{" */
    bool close;                       /* a "}" was met where it may not stand */
    bool begun;                       /* something stands on this line already */
    bool complained;                  /* about this line */
};

void lex_init(struct lexer *lexer, const struct source *source, struct config_memory *memory,
              struct diag *diag);
enum lex_result lex_next(struct lexer *lexer);
void lex_free(struct lexer *lexer);

/* The place of some bytes of the word's text; the whole word where quotes shift them. */
struct place word_part(const struct word *word, size_t offset, size_t size);

#endif
