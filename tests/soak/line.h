/*
 * soak/line: many connections at once, on one epoll: dialled, written to, and whoever ends is
 * dialled again, so that their number stands for as long as the attack lasts.
 *
 * What a connection does is its attack's (soak/attack), which is called when something has become
 * possible. Nothing here waits for one connection.
 */
#ifndef SOAK_LINE_H
#define SOAK_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct attack;

/* All zero but what the first four say when it is dialled. */
struct line {
    int fd;         /* -1: to be dialled */
    unsigned index; /* among all of them */
    unsigned tries; /* how often it was dialled */
    bool dialled;   /* and the server has answered */

    bool open;          /* its handshake was answered by 101 */
    bool deaf;          /* it reads nothing; set by the attack */
    bool eager;         /* `more` is called whenever there is room to send; set by the attack */
    unsigned matched;   /* bytes of the empty line that ends the answer's head */
    unsigned step;      /* the attack's own */
    const uint8_t *out; /* what is still to be sent */
    size_t out_left;
    uint32_t watched; /* epoll's events */
};

struct line_counts {
    unsigned long dialled, opened, ended; /* connections; handshakes; ends that the server made */
    uint64_t sent, received;              /* bytes */
};

/* Everything these do, they do for the one attack that runs. False: no descriptors, no memory. */
bool lines_begin(const struct attack *attack, unsigned count);
void lines_run(uint64_t until_us);
struct line_counts lines_end(void); /* all that are left are reset */

/* Queues bytes, which must last, behind nothing: an earlier call's are done, or forgotten. */
void line_say(struct line *line, const void *data, size_t size);
/* Reset: the peer gets an RST. Hung up: a FIN, or an RST where something was not read. */
void line_reset(struct line *line);
void line_hang_up(struct line *line);

#endif
