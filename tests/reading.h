/*
 * tests/reading: what the tests of messages share: masked frames, and readers that are fed with
 * them.
 */
#ifndef TESTS_READING_H
#define TESTS_READING_H

#include "base/text.h"
#include "wire/message.h"

/* Appends a masked frame whose first byte, which is opcode and bits, is `first`. */
void add_frame(struct text *out, uint8_t first, const void *payload, size_t size);

/* Gives the reader some bytes, in memory of just their size, and adds what comes of them, as
 * "text hello; ", "close 1000 bye; ", "1002 a frame without a mask; ". Zero bytes are told as '0'.
 */
void feed(struct message_reader *reader, const struct message_limits *most, const char *bytes,
          size_t size, struct text *out);
/* The same; what is left over after each message is kept elsewhere, and where it was is gone. */
void feed_moving(struct message_reader *reader, const struct message_limits *most,
                 const char *bytes, size_t size, struct text *out);

#endif
