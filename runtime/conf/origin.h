/*
 * conf/origin: may a page from this origin connect?
 *
 * `origins same https://chat.example.org .example.com *`: "same" is the host that the request
 * names; the other forms are those of Channels' OriginValidator (golden vectors: origin.json). A
 * request without an Origin passes (browsers always send one) unless `missing=deny`.
 */
#ifndef CONF_ORIGIN_H
#define CONF_ORIGIN_H

#include <stdbool.h>

#include "base/text.h"

struct origins;

/* `same` alone is what NULL means. */
struct origins *origins_new(void);
void origins_free(struct origins *origins);
/* False: `entry` has no form that is known (`why` is a literal), or no memory (`why` NULL). */
bool origins_add(struct origins *origins, struct slice entry, const char **why);
void origins_deny_missing(struct origins *origins);

/* `origin`: the header's value, data NULL where there is none. `host`: the request's Host.
 * `secure`: the request came over TLS, which decides the default port of "same". What can't be
 * read is refused, but "*" takes anything, and no Origin too. Any thread. */
bool origins_allow(const struct origins *origins, struct slice origin, struct slice host,
                   bool secure);

/* The line of routing.conf that would allow this origin as well, which may be none. */
void origins_mend(const struct origins *origins, struct slice origin, struct text *out);

#endif
