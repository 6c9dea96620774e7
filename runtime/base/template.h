/*
 * base/template: "{type: 'chat.message', message: %s}" and its arguments, told as a value.
 *
 * The language is the one that sluice/sluice.h describes under "JSON". A template is compiled once
 * and kept by the thread that used it: found again by its address, and its text compared, since an
 * address may come back with other words after a reload.
 */
#ifndef BASE_TEMPLATE_H
#define BASE_TEMPLATE_H

#include <stdarg.h>

#include "base/value.h"

enum template_result {
    TEMPLATE_DONE,
    TEMPLATE_BROKEN,  /* the text is no template: see `why` */
    TEMPLATE_REFUSED, /* the sink said no: bytes inside JSON text, too deep, no memory of its own */
    TEMPLATE_NO_MEMORY,
};

/* Tells the template with its arguments to the sink. References given as %p are taken over
 * whatever the result is. `why`, where not NULL, is set to a literal that says what is wrong and,
 * in `*at`, to the byte of the text where; both only where the result is TEMPLATE_BROKEN.
 *
 * A sink that takes trees gets what %p gives as it is, so that value_builder makes a tree with the
 * caller's own object in it; to other sinks it is told piece by piece. */
enum template_result template_tell(const char *text, va_list args, struct value_sink *sink,
                                   const char **why, size_t *at);

/* Frees what this thread has kept. Called by each thread before it ends. */
void template_forget(void);

#endif
