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

/* Files in its directory, beside routing.conf: one is put there whole, at once; also before it
 * begins. A built plugin's bytes are free'd by the caller; NULL: there is none. */
bool target_put(const char *name, const void *data, size_t size);
uint8_t *target_plugin(const char *name, size_t *size);
unsigned target_copies(void); /* private copies of consumers */
void target_signal(int signal);

const struct sockaddr *target_address(socklen_t *size);
bool target_lives(void);
struct look target_look(void);
void target_forget_peak(void);

/* What it has logged since the last call, counted: "conn.close/1013 200, conn.slow 200". */
const char *target_counts(void);
/* How many lines it has logged that hold this text, since the last call of any. */
struct target_text {
    const char *text;
    unsigned count;
};
void target_news(struct target_text *texts, unsigned count);
/* The end of its log, for who wants to know why. */
void target_show_log(void);

uint64_t now_us(void);

#endif
