/*
 * conf/cover: is a mount never reached, since an earlier one takes every path that it matches?
 *
 * The later pattern's pieces are read as if they were a path: a capture stands for anything that it
 * can hold. Only earlier patterns with one way to match are followed: then what is found here is
 * what a request would find. Of the rest, only those that are alike cover each other.
 */
#include <string.h>

#include "conf/piece.h"

#define DIGITS_MAX 18 /* any number of so many digits can be had */

/* Where the later pattern is read: a byte of a literal, or a whole capture. */
struct cursor {
    const struct piece *piece, *end;
    size_t at; /* in a literal */
};

static bool at_end(const struct cursor *cursor)
{
    return cursor->piece == cursor->end;
}

static bool at_byte(const struct cursor *cursor, char byte)
{
    return !at_end(cursor) && !cursor->piece->capture &&
           cursor->piece->text.data[cursor->at] == byte;
}

static void advance(struct cursor *cursor)
{
    if (!cursor->piece->capture && ++cursor->at < cursor->piece->text.size)
        return;
    cursor->piece++;
    cursor->at = 0;
}

/* Can `kind` hold whatever `other` holds? A path has no newline, and a str may have. */
static bool holds_all(enum pattern_kind kind, enum pattern_kind other)
{
    switch (kind) {
    case PATTERN_STR:
    case PATTERN_PATH:
        return other == kind || (other != PATTERN_STR && other != PATTERN_PATH);
    case PATTERN_SLUG:
        return other == PATTERN_SLUG || other == PATTERN_INT || other == PATTERN_UUID;
    default:
        return other == kind;
    }
}

/* A number is one that the later pattern could have, or digits that surely can be had. */
static bool take_integer(struct cursor *cursor)
{
    unsigned digits = 0;

    if (!at_end(cursor) && cursor->piece->capture) {
        bool integer = cursor->piece->kind == PATTERN_INT;

        advance(cursor);
        return integer && (at_end(cursor) ||
                           (!cursor->piece->capture &&
                            !piece_holds(PATTERN_INT, cursor->piece->text.data[cursor->at])));
    }
    while (!at_end(cursor) && !cursor->piece->capture &&
           piece_holds(PATTERN_INT, cursor->piece->text.data[cursor->at])) {
        digits++;
        advance(cursor);
    }
    return digits > 0 && digits <= DIGITS_MAX && (at_end(cursor) || !cursor->piece->capture);
}

static bool take_uuid(struct cursor *cursor)
{
    bool uuid = !at_end(cursor) && cursor->piece->capture && cursor->piece->kind == PATTERN_UUID;

    if (uuid)
        advance(cursor);
    return uuid;
}

/* All that the capture can hold. False where it would end within a capture of the later one. */
static bool take_run(struct cursor *cursor, enum pattern_kind kind)
{
    unsigned taken = 0;

    for (; !at_end(cursor); advance(cursor), taken++) {
        if (cursor->piece->capture && !holds_all(kind, cursor->piece->kind))
            return false;
        if (!cursor->piece->capture && !piece_holds(kind, cursor->piece->text.data[cursor->at]))
            break;
    }
    return taken > 0;
}

static bool take_literal(struct cursor *cursor, struct slice literal)
{
    for (size_t i = 0; i < literal.size; i++) {
        if (!at_byte(cursor, literal.data[i]))
            return false;
        advance(cursor);
    }
    return true;
}

static bool take(struct cursor *cursor, const struct piece *piece)
{
    if (!piece->capture)
        return take_literal(cursor, piece->text);
    if (piece->kind == PATTERN_INT)
        return take_integer(cursor);
    return piece->kind == PATTERN_UUID ? take_uuid(cursor) : take_run(cursor, piece->kind);
}

static bool take_all(const struct pattern *earlier, const struct pattern *later,
                     struct cursor *cursor)
{
    *cursor = (struct cursor){later->pieces, later->pieces + later->piece_count, 0};
    for (unsigned i = 0; i < earlier->piece_count; i++)
        if (!take(cursor, &earlier->pieces[i]))
            return false;
    return true;
}

/* The same but for names. */
static bool is_alike(const struct pattern *a, const struct pattern *b)
{
    if (a->piece_count != b->piece_count)
        return false;
    for (unsigned i = 0; i < a->piece_count; i++) {
        const struct piece *x = &a->pieces[i], *y = &b->pieces[i];

        if (x->capture != y->capture)
            return false;
        if (x->capture ? x->kind != y->kind : !slice_equal(x->text, y->text))
            return false;
    }
    return true;
}

bool pattern_covers(const struct pattern *earlier, const struct pattern *later)
{
    struct cursor cursor;

    if (is_alike(earlier, later))
        return true;
    return earlier->single && take_all(earlier, later, &cursor) && at_end(&cursor);
}

bool pattern_covers_below(const struct pattern *earlier, const struct pattern *later, bool below)
{
    const struct piece *last = earlier->pieces + earlier->piece_count - 1;
    struct cursor cursor;

    if (earlier->piece_count == 0 || (below && is_alike(earlier, later)))
        return true;
    if (!earlier->single_below || !take_all(earlier, later, &cursor))
        return false;
    if (!last->capture && last->text.data[last->text.size - 1] == '/')
        return true;
    return at_end(&cursor) || at_byte(&cursor, '/');
}
