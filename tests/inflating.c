/*
 * tests/inflating: what the tests of compressed messages share: terms, blocks and readers.
 */
#include "inflating.h"

const struct deflate_terms alone = {.server_bits = 15, .client_bits = 15};
const struct deflate_terms keeping = {15, 15, true, true};

struct message_reader reader_new(struct deflate_shared *shared, const struct deflate_terms *terms)
{
    return (struct message_reader){.deflate = deflate_new(shared, terms, 6)};
}
