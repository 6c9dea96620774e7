/*
 * tests/fuzz_message: whole, in chunks and byte by byte, the same bytes give the same messages and
 * the same fault.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "base/utf8.h"
#include "wire/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct message_limits limits = {.message = 1000, .fragments = 8};

static void must(bool fact)
{
    if (!fact)
        abort();
}

static void note(struct text *out, enum message_result result, const struct message *message)
{
    text_addf(out, "%d %u %s %zu ", result, message->code, message->why != NULL ? message->why : "",
              message->size);
    if (result == MESSAGE_FAULT)
        return;
    must(message->data[message->size] == 0 && message->size <= limits.message);
    if (result == MESSAGE_TEXT || result == MESSAGE_CLOSE)
        must(utf8_valid(message->data, message->size));
    if (result == MESSAGE_CLOSE)
        must(message->code == 1005 || message_code_allowed(message->code));
    text_add(out, message->data, message->size);
}

/* A chunk in memory of just its size. */
static bool feed(struct message_reader *reader, const uint8_t *bytes, size_t size, struct text *out)
{
    uint8_t *copy = malloc(size), *data = copy;
    struct message message;
    enum message_result result;
    bool ended = false;

    memcpy(copy, bytes, size);
    while ((result = message_next(reader, &limits, &data, &size, &message)) != MESSAGE_MORE) {
        must(!ended);
        ended = result == MESSAGE_FAULT || result == MESSAGE_CLOSE;
        note(out, result, &message);
    }
    must(size == 0);
    free(copy);
    return ended;
}

static struct text read_in_chunks(const uint8_t *data, size_t size, size_t chunk)
{
    struct message_reader reader = {0};
    struct text out = {0};
    bool ended = false;

    for (size_t at = 0; at < size && !ended; at += chunk) {
        ended = feed(&reader, data + at, size - at < chunk ? size - at : chunk, &out);
        must(message_held(&reader) <= 2 * size + 1000);
        must(!ended || !message_unfinished(&reader));
    }
    text_addf(&out, "%d", message_unfinished(&reader));
    message_reader_free(&reader);
    return out;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const size_t chunks[] = {1, 2, 7, 64, size > 0 ? 1 + data[0] % size : 1};
    long before = mem_live();
    struct text whole = read_in_chunks(data, size, size);

    for (size_t i = 0; i < sizeof chunks / sizeof *chunks; i++) {
        struct text again = read_in_chunks(data, size, chunks[i]);

        must(again.size == whole.size && memcmp(again.data, whole.data, whole.size) == 0);
        text_free(&again);
    }
    text_free(&whole);
    must(mem_live() == before);
    return 0;
}
