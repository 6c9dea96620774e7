/*
 * conf/pattern: Django's path() routes, compiled and matched (specs: routing).
 *
 * `/ws/<str:room>/<int:id>/` is literal pieces and captures, one behind the other. Matching is
 * leftmost longest with backtracking, as the regular expression would, bounded by memory of what
 * was tried: linear in pieces times bytes, whatever a client sends.
 */
#ifndef CONF_PATTERN_H
#define CONF_PATTERN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"

#define PATTERN_CAPTURES_MAX 16

enum pattern_kind { PATTERN_STR, PATTERN_INT, PATTERN_SLUG, PATTERN_UUID, PATTERN_PATH };

/* What is wrong with a pattern: a place within its text, and words; "" where nothing is. */
struct pattern_fault {
    size_t offset, size;
    char message[160];
    char hint[160]; /* "": none */
};

struct pattern_capture {
    struct slice text; /* within the path that was matched */
    long long integer; /* of an int; else 0 */
};

struct pattern;

/* NULL with `fault`, whose message is "" where memory ran out. A pattern may come with a fault too:
 * then it is a warning. Leading slashes of the text are optional and mean nothing. */
struct pattern *pattern_compile(struct slice text, struct pattern_fault *fault);
void pattern_free(struct pattern *pattern);

unsigned pattern_capture_count(const struct pattern *pattern);
const char *pattern_capture_name(const struct pattern *pattern, unsigned index);
enum pattern_kind pattern_capture_kind(const struct pattern *pattern, unsigned index);

/* Does it take the path (decoded; leading slashes mean nothing)? With `rest`, as a prefix, which
 * ends beside a slash or where the path ends: what is left over goes there, without slashes in
 * front; else the whole path must match. Captures are filled in order. Patterns that leave one
 * choice at most, which is nearly all, need no memory; for the others false may mean that there
 * was none. Any thread. */
bool pattern_match(const struct pattern *pattern, struct slice path, struct slice *rest,
                   struct pattern_capture captures[PATTERN_CAPTURES_MAX]);

/* Surely every path that `later` takes is taken by `earlier`. May say false where that is hard to
 * tell, never true where it is not so. */
bool pattern_covers(const struct pattern *earlier, const struct pattern *later);

/* The same where `earlier` is a prefix, and `later` too if `below`. */
bool pattern_covers_below(const struct pattern *earlier, const struct pattern *later, bool below);

#endif
