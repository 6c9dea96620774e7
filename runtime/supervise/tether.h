/*
 * supervise/tether: what the supervisor and its server say to each other.
 *
 * A pair of Unix sockets that keeps messages apart. Each end also learns from it, without asking
 * anybody, that the other one is gone. A message has one text, a number, and may carry a
 * descriptor; what they mean is said at each kind.
 */
#ifndef SUPERVISE_TETHER_H
#define SUPERVISE_TETHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TETHER_TEXT_SIZE 4200 /* with its zero byte: a path and a digest */

enum tether_kind {
    /* To the server, at its start. */
    TETHER_HELD,  /* a socket that listens: its name, and the descriptor */
    TETHER_BAD,   /* what was taken back: its snapshot, and the digest of the bytes that crashed in
                     hexadecimal, or "", a zero byte behind each. The number is when, by clock_wall */
    TETHER_START, /* all is said; the text is the snapshot to start from, or "": from what is there.
                     The number is not 0 where it has served before */

    /* To the supervisor. */
    TETHER_SERVES,  /* the number is for how long a stop may take, in ms */
    TETHER_HOLD,    /* a socket that listens: its name, and the descriptor */
    TETHER_FORGET,  /* one that will not be needed any more: its name */
    TETHER_TRIES,   /* it is about to serve this: a snapshot, and the descriptor of its lock; the
                       number is its probation, in ms */
    TETHER_DROPS,   /* it will not */
    TETHER_TRIED,   /* it does */
    TETHER_LEAVES,  /* it ends by itself, as it was told to */
    TETHER_CRASHES, /* its text: the consumer, the mount, the callback, and the digest of the
                       consumer's bytes in hexadecimal, a zero byte behind each, and each "" where
                       it is not known. The number is the generation's */
};

struct tether_message {
    enum tether_kind kind;
    uint32_t size; /* of the text, with its zero byte; 0: there is none */
    uint64_t number;
    char text[TETHER_TEXT_SIZE];
};

/* Sends it, with a descriptor or -1. False: the other end is gone, or (unless `wait`) can't take it
 * now, with errno. Any signal handler, where it does not wait. */
bool tether_send(int end, const struct tether_message *message, int descriptor, bool wait);
/* The same of a message that is made here, whose text may be NULL; waits. */
bool tether_say(int end, enum tether_kind kind, const char *text, uint64_t number, int descriptor);

/* `*descriptor` is -1 where none came; else it is the caller's. */
enum tether_result { TETHER_GOT, TETHER_NOTHING, TETHER_GONE };
enum tether_result tether_receive(int end, struct tether_message *message, int *descriptor,
                                  bool wait);

/* Puts a text behind those that the message has, which may be none; false: it is too long. */
bool tether_add_text(struct tether_message *message, const char *text);
/* The nth of its texts, from 0; "" where there are fewer. */
const char *tether_text(const struct tether_message *message, unsigned nth);

#endif
