/*
 * base/text: bytes with a length, a buffer that grows, and what is done with words.
 */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Borrowed bytes; no zero byte behind them. */
struct slice {
    const char *data;
    size_t size;
};

#define SLICE(literal) ((struct slice){(literal), sizeof(literal) - 1})
struct slice slice_of(const char *text);
bool slice_equal(struct slice a, struct slice b);
bool slice_equal_nocase(struct slice a, struct slice b); /* ASCII letters in any case */
struct slice slice_trim(struct slice text);              /* without blanks and tabs around it */
bool slice_take_byte(struct slice *text, char byte);     /* if text begins so: it goes on behind */

/* A buffer that grows. All zero is empty. After an allocation failed, `failed` is set, what was
 * there stays, and adding does nothing: ask once, at the end. A zero byte follows data[size - 1]
 * once anything was added. */
struct text {
    char *data;
    size_t size;
    size_t room; /* bytes allocated */
    bool failed;
};

void text_add(struct text *text, const void *data, size_t size);
void text_add_str(struct text *text, const char *string);
void text_add_byte(struct text *text, char byte);
void text_addf(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_vaddf(struct text *text, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));

/* Room for `size` more bytes at the end, not yet counted in size; NULL without memory.
 * Who writes there adds to size, and puts the zero byte. */
char *text_reserve(struct text *text, size_t size);
void text_clear(struct text *text); /* empty again; keeps its memory */
void text_free(struct text *text);  /* empty again; gives it back */
char *text_take(struct text *text); /* its bytes, mem_free'd by the caller; NULL if it failed */

/* Edits (insert, delete, replace, swap of neighbours) from a to b, at most `most` + 1. It is for
 * words: what differs in more than TEXT_WORD_MAX bytes counts as `most` + 1. */
#define TEXT_WORD_MAX 64
unsigned text_distance(struct slice a, struct slice b, unsigned most);

/* The choice nearest to word: at most two edits away, and fewer than half of its length; else
 * NULL. `choices` ends with NULL. */
const char *text_suggest(struct slice word, const char *const *choices);

/* Lower-case hexadecimal digits of bytes, 2 * size of them and a zero byte. */
void text_hex(char *out, const void *data, size_t size);
/* And back; false: the text is not 2 * size of them. */
bool text_unhex(void *out, const char *text, size_t size);

#endif
