/*
 * line: an outbox, and a socket for it of which a test says byte by byte what it takes: send and
 * sendmsg are its own.
 */
#ifndef TESTS_LINE_H
#define TESTS_LINE_H

#include "server/outbox.h"

#define LINE_MOST (8 << 20)

extern struct line {
    size_t room; /* bytes it will still take */
    int error;   /* what sending fails with; 0: EAGAIN where there is no room */
    unsigned calls;
    size_t size;
    uint8_t data[LINE_MOST]; /* what left */
    unsigned controls;       /* control frames, among what line_frames has read */
} line;

extern struct outbox outbox;
extern struct chunk_pool pool;

void line_clear(size_t room);

/* The payload of the nth frame: its number, then bytes that follow from it. Until the next call. */
struct slice payload_of(uint32_t number, size_t size);

/* Reads what left, from `at` on: whole frames, each as it was made and each later than the last;
 * control frames have an order of their own. Gives how many others there are. */
unsigned line_frames(size_t at);

/* Appends the nth frame. */
bool add(uint32_t number, size_t size);
/* The socket takes all there is. */
void write_all(void);
/* Everything given back: no block, no batch is left behind. */
void finish(void);

#endif
