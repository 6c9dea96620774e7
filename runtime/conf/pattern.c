/*
 * conf/pattern: Django's path() routes, compiled: text becomes pieces (conf/piece), each literal
 * or a capture. Matching is conf/match, comparing two patterns conf/cover.
 */
#include "conf/pattern.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "conf/piece.h"

#define PIECES_MAX (2 * PATTERN_CAPTURES_MAX + 1)
#define QUOTED_MAX 60 /* bytes of a word in a message */

static const char *const converters[] = {
    [PATTERN_STR] = "str",   [PATTERN_INT] = "int",   [PATTERN_SLUG] = "slug",
    [PATTERN_UUID] = "uuid", [PATTERN_PATH] = "path", NULL,
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_alnum(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_blank(char c)
{
    return c != '\0' && strchr(" \t\n\r\v\f", c) != NULL;
}

static bool fault_at(struct pattern_fault *fault, struct slice text, struct slice part)
{
    fault->offset = (size_t)(part.data - text.data);
    fault->size = part.size;
    fault->hint[0] = '\0';
    return false;
}

/* A word that fits into a message. */
static int quoted_size(struct slice word)
{
    return (int)utf8_cut(word.data, word.size, QUOTED_MAX);
}

/* Any character that is not ASCII counts as a letter, which is more than Python's identifiers. */
static bool check_name(struct slice text, struct slice name, struct pattern_fault *fault)
{
    bool good = name.size > 0 && !is_digit(name.data[0]);

    for (size_t i = 0; i < name.size; i++)
        good &= is_alnum(name.data[i]) || name.data[i] == '_' || (name.data[i] & 0x80) != 0;
    if (good)
        return true;
    fault_at(fault, text, name);
    snprintf(fault->message, sizeof fault->message, "\"%.*s\" can't name a part of a path",
             quoted_size(name), name.data);
    snprintf(fault->hint, sizeof fault->hint,
             "a name is letters, digits and \"_\", no digit first");
    return false;
}

/* The converter that was meant: one that is close, or one that the word begins with, as "string"
 * and "integer" do. */
static const char *nearest(struct slice word)
{
    const char *meant = text_suggest(word, converters);

    for (unsigned i = 0; meant == NULL && converters[i] != NULL; i++)
        if (word.size > strlen(converters[i]) &&
            memcmp(word.data, converters[i], strlen(converters[i])) == 0)
            meant = converters[i];
    return meant;
}

static bool read_converter(struct slice text, struct slice word, enum pattern_kind *kind,
                           struct pattern_fault *fault)
{
    const char *meant = nearest(word);
    size_t used = 0;

    for (unsigned i = 0; converters[i] != NULL; i++) {
        *kind = (enum pattern_kind)i;
        if (slice_equal(word, slice_of(converters[i])))
            return true;
    }
    fault_at(fault, text, word);
    snprintf(fault->message, sizeof fault->message, "unknown converter \"%.*s\"", quoted_size(word),
             word.data);
    if (meant != NULL)
        used = (size_t)snprintf(fault->hint, sizeof fault->hint, "did you mean \"%s\"?  ", meant);
    snprintf(fault->hint + used, sizeof fault->hint - used,
             "converters are str, int, slug, uuid, path");
    return false;
}

static bool check_new(struct slice text, const struct pattern *pattern, struct slice name,
                      struct pattern_fault *fault)
{
    for (unsigned i = 0; i < pattern->piece_count; i++) {
        if (!pattern->pieces[i].capture || !slice_equal(pattern->pieces[i].text, name))
            continue;
        fault_at(fault, text, name);
        snprintf(fault->message, sizeof fault->message, "the name \"%.*s\" is used twice",
                 quoted_size(name), name.data);
        return false;
    }
    if (pattern->capture_count < PATTERN_CAPTURES_MAX)
        return true;
    fault_at(fault, text, name);
    snprintf(fault->message, sizeof fault->message, "a pattern has at most %d parts in <...>",
             PATTERN_CAPTURES_MAX);
    return false;
}

static void add_piece(struct pattern *pattern, struct piece piece)
{
    if (!piece.capture && piece.text.size == 0)
        return;
    pattern->pieces[pattern->piece_count++] = piece;
    pattern->capture_count += piece.capture;
}

/* `inside` is what stands between < and >: a name, or converter:name. */
static bool add_capture(struct pattern *pattern, struct slice text, struct slice inside,
                        struct pattern_fault *fault)
{
    const char *colon = memchr(inside.data, ':', inside.size);
    enum pattern_kind kind = PATTERN_STR;
    struct slice name = inside;

    for (size_t i = 0; i < inside.size; i++) {
        if (is_blank(inside.data[i])) {
            fault_at(fault, text, (struct slice){inside.data + i, 1});
            snprintf(fault->message, sizeof fault->message, "a blank can't stand within <...>");
            return false;
        }
    }
    if (colon != NULL && colon > inside.data) {
        name.data = colon + 1;
        name.size = inside.size - (size_t)(name.data - inside.data);
        if (!read_converter(text, (struct slice){inside.data, (size_t)(colon - inside.data)}, &kind,
                            fault))
            return false;
    }
    if (!check_name(text, name, fault) || !check_new(text, pattern, name, fault))
        return false;
    add_piece(pattern, (struct piece){.capture = true, .kind = kind, .text = name});
    return true;
}

/* Django takes these as plain text, and so do we; mostly something else was meant. */
static void warn(struct slice text, struct slice whole, struct pattern_fault *fault)
{
    const char *open = text.size > 0 ? memrchr(text.data, '<', text.size) : NULL;
    size_t left = open != NULL ? text.size - (size_t)(open - text.data) : 0;

    if (memmem(text.data, text.size, "(?P<", 4) != NULL ||
        (text.size > 0 && (text.data[0] == '^' || text.data[text.size - 1] == '$'))) {
        fault_at(fault, whole, text);
        snprintf(fault->message, sizeof fault->message,
                 "this looks like a regular expression, but is taken as text");
        snprintf(fault->hint, sizeof fault->hint, "write parts like <str:room>, and no ^ or $");
    } else if (open != NULL && memchr(open, '>', left) == NULL) {
        fault_at(fault, whole, (struct slice){open, left});
        snprintf(fault->message, sizeof fault->message,
                 "this is taken as text: no \">\" follows the \"<\"");
    }
}

static bool read_pieces(struct pattern *pattern, struct slice whole, struct slice text,
                        struct pattern_fault *fault)
{
    struct slice literal = {text.data, 0};
    const char *at = text.data, *end = text.data + text.size;
    const char *last = text.size > 0 ? memrchr(text.data, '>', text.size) : NULL;

    while (at < end) {
        bool open = *at == '<' && last != NULL && at < last;
        const char *close = open ? memchr(at, '>', (size_t)(end - at)) : NULL;

        if (close == NULL || close == at + 1) { /* "<>" and a "<" without ">" are text */
            at++;
            continue;
        }
        literal.size = (size_t)(at - literal.data);
        add_piece(pattern, (struct piece){.capture = false, .text = literal});
        if (!add_capture(pattern, whole, (struct slice){at + 1, (size_t)(close - at - 1)}, fault))
            return false;
        at = close + 1;
        literal.data = at;
    }
    literal.size = (size_t)(end - literal.data);
    add_piece(pattern, (struct piece){.capture = false, .text = literal});
    return true;
}

/* Does each capture end at one place at most? One that takes all it can hold does, if what follows
 * begins with something else. */
static bool is_single(const struct pattern *pattern, bool below)
{
    for (unsigned i = 0; i < pattern->piece_count; i++) {
        const struct piece *piece = &pattern->pieces[i], *next = piece + 1;

        if (!piece->capture || piece->kind == PATTERN_UUID)
            continue;
        if (i + 1 == pattern->piece_count) {
            if (below && piece->kind == PATTERN_PATH)
                return false; /* may have to stop at one of several slashes */
        } else if (next->capture || piece_holds(piece->kind, next->text.data[0])) {
            return false;
        }
    }
    return true;
}

/* The pattern with a text of its own, in which a zero byte follows each name, in place of its ">".
 */
static struct pattern *keep(const struct pattern *draft, struct slice text)
{
    size_t size = sizeof *draft + draft->piece_count * sizeof draft->pieces[0];
    struct pattern *pattern = mem_alloc(size + text.size + 1);

    if (pattern == NULL)
        return NULL;

    char *own = (char *)pattern + size;
    memcpy(pattern, draft, size);
    memcpy(own, text.data, text.size);
    own[text.size] = '\0';
    for (unsigned i = 0; i < pattern->piece_count; i++) {
        struct piece *piece = &pattern->pieces[i];
        char *copy = own + (piece->text.data - text.data);

        piece->text.data = copy;
        if (piece->capture)
            copy[piece->text.size] = '\0';
    }
    pattern->single = is_single(pattern, false);
    pattern->single_below = is_single(pattern, true);
    return pattern;
}

struct pattern *pattern_compile(struct slice text, struct pattern_fault *fault)
{
    struct slice body = piece_behind_slashes(text.size > 0 ? text : SLICE(""));
    struct pattern *draft = mem_zalloc(sizeof *draft + PIECES_MAX * sizeof draft->pieces[0]);
    struct pattern *pattern = NULL;

    *fault = (struct pattern_fault){0};
    if (draft != NULL && read_pieces(draft, text, body, fault)) {
        pattern = keep(draft, body);
        if (pattern != NULL)
            warn(body, text, fault);
    }
    mem_free(draft);
    return pattern;
}

void pattern_free(struct pattern *pattern)
{
    mem_free(pattern);
}

unsigned pattern_capture_count(const struct pattern *pattern)
{
    return pattern->capture_count;
}

static const struct piece *capture_at(const struct pattern *pattern, unsigned index)
{
    const struct piece *piece = pattern->pieces;

    while (!piece->capture || index-- > 0)
        piece++;
    return piece;
}

const char *pattern_capture_name(const struct pattern *pattern, unsigned index)
{
    return capture_at(pattern, index)->text.data;
}

enum pattern_kind pattern_capture_kind(const struct pattern *pattern, unsigned index)
{
    return capture_at(pattern, index)->kind;
}
