/*
 * conf/read: a small file, whole.
 */
#ifndef CONF_READ_H
#define CONF_READ_H

#include "base/text.h"

enum read_result {
    READ_DONE,
    READ_FAILED,  /* see errno */
    READ_SPECIAL, /* it is no regular file, and `regular` asked for one */
    READ_LARGE,   /* more than `most` bytes */
};

/* Appends what the file holds. `regular`: never waits, as reading a pipe would; which is waited for
 * for some seconds at most. Without memory, out->failed. */
enum read_result read_file(const char *path, size_t most, bool regular, struct text *out);

#endif
