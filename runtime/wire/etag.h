/*
 * wire/etag: entity tags, and the fields that list them (RFC 9110, sections 8.8.3 and 13.1).
 */
#ifndef WIRE_ETAG_H
#define WIRE_ETAG_H

#include <stdbool.h>

#include "base/text.h"

struct etag {
    struct slice opaque; /* with its quotes */
    bool weak;           /* W/ in front */
};

/* An entity tag from end to end. */
bool etag_parse(struct slice text, struct etag *tag);

/* Weak comparison: the same tag, weak or not. Strong: and neither is weak. */
bool etag_equal(struct etag a, struct etag b, bool strong);

enum etag_list {
    ETAG_NO_LIST, /* neither "*" nor a list of entity tags */
    ETAG_ANY,     /* "*" */
    ETAG_LISTED,  /* a list, and the tag is in it */
    ETAG_OTHERS,  /* a list, and it is not */
};

/* Looks for a tag in the value of an If-Match or If-None-Match. */
enum etag_list etag_find(struct slice list, struct etag tag, bool strong);

#endif
