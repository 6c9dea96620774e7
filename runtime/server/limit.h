/*
 * server/limit: the limits that peers run into, counted: one for each setting of routing.conf that
 * turns somebody away or ends a connection.
 *
 * Each mount has such counts, and so has the server, for what happens before a mount is known.
 * (What is dropped and ends no connection is counted in server/mount.)
 */
#ifndef SERVER_LIMIT_H
#define SERVER_LIMIT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum limit {
    LIMIT_CONNECTIONS, /* of the server... */
    LIMIT_PER_ADDRESS,
    LIMIT_DESCRIPTORS, /* the system's */
    LIMIT_REQUEST_LINE,
    LIMIT_HEADERS,
    LIMIT_BODY,
    LIMIT_HANDSHAKE,
    LIMIT_DOWNLOAD,
    LIMIT_HELD,   /* server unfinished= */
    LIMIT_ANSWER, /* of a mount... */
    LIMIT_MESSAGE,
    LIMIT_FRAGMENTS,
    LIMIT_UNFINISHED,
    LIMIT_RATE,
    LIMIT_BYTES,
    LIMIT_BACKLOG,
    LIMIT_IDLE,
    LIMIT_PONG,
    LIMIT_CLOSING,
    LIMIT_COUNT,
};

/* Of a mount or the server. All zero is none. Any thread. */
struct limit_counts {
    atomic_ulong hit[LIMIT_COUNT];
    _Atomic uint64_t told[LIMIT_COUNT]; /* clock_now; 0: never */
};

/* Counts. True: nothing was logged of it for a minute, so say it now. */
bool limit_hit(struct limit_counts *counts, enum limit limit);
unsigned long limit_hits(const struct limit_counts *counts, enum limit limit);
/* As routing.conf has it: "server handshake", "limits rate". */
const char *limit_name(enum limit limit);
/* Logs what was counted; `mount` may be NULL. */
void limit_tell(const struct limit_counts *counts, const char *mount);

#endif
