/*
 * tests/fed: what the fuzz targets of messages share: a reader is fed with a chunk, and what
 * comes of it is written down, to be compared.
 */
#ifndef TESTS_FED_H
#define TESTS_FED_H

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/utf8.h"
#include "wire/message.h"

static inline void must(bool fact)
{
    if (!fact)
        abort();
}

static inline void note(struct text *out, const struct message_limits *limits,
                        enum message_result result, const struct message *message)
{
    text_addf(out, "%d %u %s %zu ", result, message->code, message->why != NULL ? message->why : "",
              message->size);
    if (result == MESSAGE_FAULT)
        return;
    must(message->data[message->size] == 0 && message->size <= limits->message);
    if (result == MESSAGE_TEXT || result == MESSAGE_CLOSE)
        must(utf8_valid(message->data, message->size));
    if (result == MESSAGE_CLOSE)
        must(message->code == 1005 || message_code_allowed(message->code));
    text_add(out, message->data, message->size);
}

/* A chunk, in memory of just its size. True: nothing may come any more. */
static inline bool feed(struct message_reader *reader, const struct message_limits *limits,
                        const uint8_t *bytes, size_t size, struct text *out)
{
    uint8_t *copy = malloc(size), *data = copy;
    struct message message;
    enum message_result result;
    bool ended = false;

    memcpy(copy, bytes, size);
    while ((result = message_next(reader, limits, &data, &size, &message)) != MESSAGE_MORE) {
        must(!ended);
        ended = result == MESSAGE_FAULT || result == MESSAGE_CLOSE;
        note(out, limits, result, &message);
    }
    must(size == 0);
    free(copy);
    return ended;
}

#endif
