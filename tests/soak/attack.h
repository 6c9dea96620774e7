/*
 * soak/attack: what the connections of an attack do, and what they can make the server hold.
 */
#ifndef SOAK_ATTACK_H
#define SOAK_ATTACK_H

#include <stddef.h>

#include "line.h"

/* The limits that the server is configured with; each attack's bound is made of them. */
#define LIMIT_HEADERS   (32 * 1024)
#define LIMIT_MESSAGE   (1024 * 1024)
#define LIMIT_BACKLOG   (1024 * 1024)
#define LIMIT_FRAGMENTS 1024
/* What one connection sends at once and has to wait for its next turn, in a buffer that doubles. */
#define HELD_FOR_TURN (2 * 512 * 1024)

struct attack {
    const char *name;
    unsigned many, few; /* connections: in a run that lasts, in the suite's short one */
    size_t held;        /* bytes that one can make the server hold, beyond what it is at rest */
    bool narrow;        /* with a receive buffer that is soon full */
    /* Called for each connection: it is there; its handshake was accepted; an eager one has room to
     * send; ten times a second. All but the first may be NULL. */
    void (*begin)(struct line *line);
    void (*answered)(struct line *line);
    void (*more)(struct line *line);
    void (*tick)(struct line *line);
};

extern const struct attack attacks[]; /* one without a name ends them */

/* The mounts and limits that the attacks are made for. */
const char *attacks_conf(void);
/* Makes what they send; before anything else. */
void attacks_prepare(void);

#endif
