/*
 * base/escape: the inside of a JSON string: which bytes stand as they are, and how the others do.
 *
 * Strings are most of any JSON, and most of a string stands as it is: such a run is passed over
 * sixteen bytes at a time.
 */
#ifndef BASE_ESCAPE_H
#define BASE_ESCAPE_H

#include <stddef.h>

#include "base/text.h"

/* How many bytes stand as they are: up to a quote, a backslash or a control byte. */
size_t escape_run(const char *data, size_t size);

/* Adds the text, with escapes where JSON wants them; non-ASCII stands as it is. */
void escape_add(struct text *out, const char *data, size_t size);

/* Reads the escape that the text begins with, such as \n or \u4e2d (both halves of a surrogate
 * pair), and gives its length; 0: it is none. `*written` is how many bytes of UTF-8 are in `out`.
 */
size_t escape_read(const char *data, size_t size, char out[4], size_t *written);

#endif
