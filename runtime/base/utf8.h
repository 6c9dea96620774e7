/*
 * base/utf8: is it UTF-8 (RFC 3629), asked of text that comes in pieces, and failing at the first
 * wrong byte.
 */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where a check stands between two pieces. All zero is the beginning. */
struct utf8_state {
    uint8_t need;  /* continuation bytes still to come */
    uint8_t least; /* bounds of the next one, which for the first continuation byte are narrower */
    uint8_t most;
};

/* False: a byte that can't stand there. The state is then of no more use. */
bool utf8_feed(struct utf8_state *state, const void *data, size_t size);
bool utf8_complete(const struct utf8_state *state); /* no character is open */
bool utf8_valid(const void *data, size_t size);     /* the whole at once */

/* The bytes of the character that data begins with, and its code point; 0 where there is no whole
 * and valid one. */
size_t utf8_character(const char *data, size_t size, uint32_t *code);

/* The longest prefix of at most `most` bytes that ends between two characters. Of what is no UTF-8,
 * some prefix. */
size_t utf8_cut(const char *data, size_t size, size_t most);

#endif
