/*
 * conf/match: does a pattern take a path?
 *
 * In most patterns each capture ends where a character stands that it can't hold: there is one way
 * to match, found in one pass. For the others ("<path:a>/<path:b>/") a table is filled from the
 * path's end to its beginning: can the pieces from here on match from this byte on? Then each
 * capture takes the longest choice that leads to the end, which is what a regular expression would
 * find by going back and forth. Either way the work grows with pieces times bytes, no faster.
 *
 * Captures count characters: none ends within a UTF-8 sequence.
 */
#include <limits.h>
#include <string.h>

#include "base/mem.h"
#include "conf/piece.h"

#define TABLE_SIZE 4096 /* bytes of a table that fits on the stack */

bool piece_holds(enum pattern_kind kind, char byte)
{
    bool digit = byte >= '0' && byte <= '9', lower = byte >= 'a' && byte <= 'z';

    switch (kind) {
    case PATTERN_STR:
        return byte != '/';
    case PATTERN_PATH:
        return byte != '\n';
    case PATTERN_INT:
        return digit;
    case PATTERN_SLUG:
        return digit || lower || (byte >= 'A' && byte <= 'Z') || byte == '-' || byte == '_';
    case PATTERN_UUID:
        return digit || (lower && byte <= 'f') || byte == '-';
    }
    return false;
}

struct slice piece_behind_slashes(struct slice text)
{
    while (slice_take_byte(&text, '/'))
        ;
    return text;
}

static bool is_uuid(struct slice path, size_t at)
{
    if (path.size - at < PIECE_UUID_SIZE)
        return false;
    for (size_t i = 0; i < PIECE_UUID_SIZE; i++) {
        bool hyphen = i == 8 || i == 13 || i == 18 || i == 23;

        if ((path.data[at + i] == '-') != hyphen || !piece_holds(PATTERN_UUID, path.data[at + i]))
            return false;
    }
    return true;
}

static bool has_literal(struct slice path, size_t at, struct slice literal)
{
    return path.size - at >= literal.size &&
           memcmp(path.data + at, literal.data, literal.size) == 0;
}

/* May a match end here? A prefix ends beside a slash. */
static bool may_end(struct slice path, size_t at, bool below)
{
    return at == path.size ||
           (below && (at == 0 || path.data[at] == '/' || path.data[at - 1] == '/'));
}

/* Where the bytes end that the capture can hold. */
static size_t run_end(enum pattern_kind kind, struct slice path, size_t at)
{
    while (at < path.size && piece_holds(kind, path.data[at]))
        at++;
    return at;
}

static bool match_single(const struct pattern *pattern, struct slice path, bool below, size_t *end,
                         struct pattern_capture *captures)
{
    size_t at = 0;

    for (unsigned i = 0; i < pattern->piece_count; i++) {
        const struct piece *piece = &pattern->pieces[i];
        size_t start = at;

        if (!piece->capture && !has_literal(path, at, piece->text))
            return false;
        if (!piece->capture)
            at += piece->text.size;
        else if (piece->kind == PATTERN_UUID)
            at += is_uuid(path, at) ? PIECE_UUID_SIZE : 0;
        else
            at = run_end(piece->kind, path, at);
        if (at == start)
            return false;
        if (piece->capture)
            captures++->text = (struct slice){path.data + start, at - start};
    }
    *end = at;
    return may_end(path, at, below);
}

/* Between two characters? */
static bool is_boundary(struct slice path, size_t at)
{
    return at == path.size || ((unsigned char)path.data[at] & 0xc0) != 0x80;
}

/* A row of the table has a byte for each place of the path and its end: can this piece, and all
 * behind it, match from there? `next` is the row of the piece behind it. */
static void fill_row(const struct piece *piece, struct slice path, const bool *next, bool *row)
{
    row[path.size] = false;
    for (size_t at = path.size; at-- > 0;) {
        if (!piece->capture)
            row[at] = has_literal(path, at, piece->text) && next[at + piece->text.size];
        else if (piece->kind == PATTERN_UUID)
            row[at] = is_uuid(path, at) && next[at + PIECE_UUID_SIZE];
        else /* it ends behind this byte, or goes on */
            row[at] = piece_holds(piece->kind, path.data[at]) &&
                      ((next[at + 1] && is_boundary(path, at + 1)) || row[at + 1]);
    }
}

/* The farthest end that leads on, of a capture that begins here; the table says there is one. */
static size_t longest(const struct piece *piece, struct slice path, size_t at, const bool *next)
{
    size_t end = at + PIECE_UUID_SIZE;

    if (piece->kind == PATTERN_UUID)
        return end;
    end = run_end(piece->kind, path, at);
    while (end > at + 1 && (!next[end] || !is_boundary(path, end)))
        end--;
    return end;
}

static bool match_table(const struct pattern *pattern, struct slice path, bool below, bool *table,
                        size_t *end, struct pattern_capture *captures)
{
    size_t width = path.size + 1, at = 0;
    unsigned count = pattern->piece_count;

    for (size_t i = 0; i <= path.size; i++)
        table[count * width + i] = may_end(path, i, below);
    for (unsigned i = count; i-- > 0;)
        fill_row(&pattern->pieces[i], path, table + (i + 1) * width, table + i * width);
    if (!table[0])
        return false;
    for (unsigned i = 0; i < count; i++) {
        const struct piece *piece = &pattern->pieces[i];
        size_t start = at;

        if (!piece->capture) {
            at += piece->text.size;
            continue;
        }
        at = longest(piece, path, at, table + (i + 1) * width);
        captures++->text = (struct slice){path.data + start, at - start};
    }
    *end = at;
    return true;
}

static bool match_any(const struct pattern *pattern, struct slice path, bool below, size_t *end,
                      struct pattern_capture *captures)
{
    bool small[TABLE_SIZE];
    size_t size = (pattern->piece_count + 1) * (path.size + 1);
    bool *table = size <= sizeof small ? small : mem_alloc(size);
    bool matches = table != NULL && match_table(pattern, path, below, table, end, captures);

    if (table != small)
        mem_free(table);
    return matches;
}

static bool read_integer(struct slice digits, long long *integer)
{
    *integer = 0;
    for (size_t i = 0; i < digits.size; i++) {
        int digit = digits.data[i] - '0';

        if (*integer > (LLONG_MAX - digit) / 10)
            return false;
        *integer = 10 * *integer + digit;
    }
    return true;
}

/* As in Django, a number that can't be had is no reason to split the path another way. */
static bool convert(const struct pattern *pattern, struct pattern_capture *captures)
{
    for (unsigned i = 0; i < pattern->piece_count; i++) {
        const struct piece *piece = &pattern->pieces[i];

        if (!piece->capture)
            continue;
        captures->integer = 0;
        if (piece->kind == PATTERN_INT && !read_integer(captures->text, &captures->integer))
            return false;
        captures++;
    }
    return true;
}

bool pattern_match(const struct pattern *pattern, struct slice path, struct slice *rest,
                   struct pattern_capture captures[PATTERN_CAPTURES_MAX])
{
    bool below = rest != NULL;
    bool single = below ? pattern->single_below : pattern->single;
    size_t end = 0;

    path = piece_behind_slashes(path.size > 0 ? path : SLICE(""));
    if (!(single ? match_single : match_any)(pattern, path, below, &end, captures) ||
        !convert(pattern, captures))
        return false;
    if (below)
        *rest = piece_behind_slashes((struct slice){path.data + end, path.size - end});
    return true;
}
