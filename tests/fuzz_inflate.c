/*
 * tests/fuzz_inflate: with permessage-deflate agreed on, the same bytes give the same messages and
 * the same fault, whole, in chunks and byte by byte; and no bytes make a reader hold more than the
 * limit allows. The first byte says what was agreed on.
 */
#include <string.h>

#include "base/mem.h"
#include "wire/deflate.h"
#include "fed.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct message_limits limits = {.message = 5000, .fragments = 8};

#define STREAM_MOST (48 * 1024)   /* an inflater, its window of 15 bits, and what both cost */
#define HELD_MOST   (6000 + 1000) /* a message, and the reader's part */

static void check_memory(const struct message_reader *reader, const struct deflate_shared *shared)
{
    must(message_held(reader) <= HELD_MOST + STREAM_MOST);
    must(deflate_held(reader->deflate) <= STREAM_MOST);
    must(deflate_shared_held(shared) <= 2 * HELD_MOST + STREAM_MOST);
}

static struct text read_in_chunks(const struct deflate_terms *terms, const uint8_t *data,
                                  size_t size, size_t chunk)
{
    struct deflate_shared *shared = deflate_shared_new();
    struct message_reader reader = {.deflate = deflate_new(shared, terms, 6)};
    struct text out = {0};
    bool ended = false;

    for (size_t at = 0; at < size && !ended; at += chunk) {
        ended = feed(&reader, &limits, data + at, size - at < chunk ? size - at : chunk, &out);
        check_memory(&reader, shared);
        must(!ended || !message_unfinished(&reader));
    }
    text_addf(&out, "%d", message_unfinished(&reader));
    message_reader_free(&reader);
    deflate_shared_free(shared);
    return out;
}

/* A window of 15 bits, for whoever reaches back further than was agreed finds it or not. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    const struct deflate_terms terms = {15, 15, false, (data[0] & 1) != 0};
    const size_t chunks[] = {1, 2, 7, 64, 1 + data[0] % size};
    long before = mem_live();
    struct text whole = read_in_chunks(&terms, data + 1, size - 1, size - 1);

    for (size_t i = 0; i < sizeof chunks / sizeof *chunks; i++) {
        struct text again = read_in_chunks(&terms, data + 1, size - 1, chunks[i]);

        must(again.size == whole.size && memcmp(again.data, whole.data, whole.size) == 0);
        text_free(&again);
    }
    text_free(&whole);

    const struct deflate_terms narrow = {15, (uint8_t)(8 + data[0] % 7), false,
                                         terms.client_takeover};
    struct text bytewise = read_in_chunks(&narrow, data + 1, size - 1, 1);
    text_free(&bytewise);
    must(mem_live() == before);
    return 0;
}
