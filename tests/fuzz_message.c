/*
 * tests/fuzz_message: whole, in chunks and byte by byte, the same bytes give the same messages and
 * the same fault.
 */
#include <string.h>

#include "base/mem.h"
#include "fed.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct message_limits limits = {.message = 1000, .fragments = 8};

static struct text read_in_chunks(const uint8_t *data, size_t size, size_t chunk)
{
    struct message_reader reader = {0};
    struct text out = {0};
    bool ended = false;

    for (size_t at = 0; at < size && !ended; at += chunk) {
        ended = feed(&reader, &limits, data + at, size - at < chunk ? size - at : chunk, &out);
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
