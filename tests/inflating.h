/*
 * tests/inflating: what the tests of compressed messages share: terms, blocks and readers.
 */
#ifndef TESTS_INFLATING_H
#define TESTS_INFLATING_H

#include "reading.h"
#include "wire/deflate.h"

/* As RFC 7692 has it, in section 7.2.3.1. */
#define HELLO "\xf2\x48\xcd\xc9\xc9\x07\x00"
/* Blocks without compression: an empty one, and one of 20 bytes, which follow. */
#define EMPTY     "\x00\x00\x00\xff\xff"
#define STORED_20 "\x00\x14\x00\xeb\xff"
#define TWENTY    "aaaaaaaaaaaaaaaaaaaa"

#define BOMB "1009 a message that inflates beyond the limit; "

extern const struct deflate_terms alone, keeping; /* without takeover, and with it */

struct message_reader reader_new(struct deflate_shared *shared, const struct deflate_terms *terms);

#endif
