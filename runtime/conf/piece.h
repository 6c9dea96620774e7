/*
 * conf/piece: what a compiled pattern is made of: for conf/pattern, conf/match and conf/cover
 * alone.
 */
#ifndef CONF_PIECE_H
#define CONF_PIECE_H

#include "conf/pattern.h"

#define PIECE_UUID_SIZE 36

struct piece {
    bool capture;
    enum pattern_kind kind; /* of a capture */
    struct slice text;      /* literal bytes, or the capture's name with a zero byte behind it */
};

/* Immutable. Owned by who compiled it. */
struct pattern {
    unsigned piece_count, capture_count;
    bool single;       /* there is one way to match a whole path at most... */
    bool single_below; /* ...and as a prefix */
    struct piece pieces[];
};

/* May a capture of this kind hold the byte? Those of a uuid stand in an order too. */
bool piece_holds(enum pattern_kind kind, char byte);

/* Slashes in front mean nothing, in patterns as in paths. */
struct slice piece_behind_slashes(struct slice text);

#endif
