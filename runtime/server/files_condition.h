/*
 * server/files_condition: conditions and ranges: does a client want all of a file, some of it, or
 * nothing but to hear that it has not changed?
 */
#ifndef SERVER_FILES_CONDITION_H
#define SERVER_FILES_CONDITION_H

#include <sys/stat.h>
#include <time.h>

#include "wire/etag.h"
#include "wire/http.h"
#include "wire/range.h"

#define VERSION_TAG_SIZE 37 /* W/"" around 32 digits, and a zero byte */

/* What tells one version of a file from another. */
struct version {
    char tag[VERSION_TAG_SIZE]; /* as the ETag field has it; "" without memory */
    time_t modified;            /* as Last-Modified has it */
    bool settled;               /* the second is past in which it was modified */
};

/* `now` is clock_wall's. */
void version_read(struct version *version, const struct stat *status, uint64_t now);

/* If-Match and If-None-Match: how many there are, and whether the file's tag is in them. */
struct condition_tags {
    unsigned count;
    enum etag_list found;
};

/* A field that may stand once. */
struct condition_value {
    unsigned count;
    struct slice value;
};

/* What a request says on the matter. */
struct conditions {
    struct condition_tags match, none_match;
    struct condition_value modified_since, unmodified_since, if_range, range;
};

void conditions_read(struct conditions *conditions, const struct http_request *request,
                     const struct version *version);

/* What the conditions lead to (RFC 9110, section 13.2.2): 304, 412, or 200, which conditions_range
 * may make a 206 or 416. */
unsigned conditions_judge(const struct conditions *conditions, const struct version *version,
                          time_t now);

/* Of a GET: which bytes of the file are asked for. */
enum range_result conditions_range(const struct conditions *conditions,
                                   const struct version *version, uint64_t size, time_t now,
                                   struct ranges *ranges);

#endif
