/*
 * soak/target: the server under attack: the program itself, in a directory of its own, and what
 * the system knows of it.
 */
#ifndef SOAK_TARGET_H
#define SOAK_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/* What /proc says of it. */
struct look {
    size_t resident; /* bytes in memory */
    size_t peak;     /* the most of them since target_forget_peak */
    unsigned descriptors, maps;
    uint64_t ran_us;    /* its threads on a core... */
    uint64_t waited_us; /* ...and for one, that others had */
};

/* Starts it with this routing.conf, behind the lines for its address and directories. False: it did
 * not start, and why is told. */
bool target_begin(const char *conf);
/* Stops it by SIGTERM. True: it ended by itself, with status 0. */
bool target_end(void);

const struct sockaddr *target_address(socklen_t *size);
bool target_lives(void);
struct look target_look(void);
void target_forget_peak(void);

/* What it has logged since the last call, counted: "conn.close/1013 200, conn.slow 200". */
const char *target_counts(void);
/* The end of its log, for who wants to know why. */
void target_show_log(void);

uint64_t now_us(void);

#endif
