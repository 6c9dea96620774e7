/*
 * server/files_condition: conditions and ranges: does a client want all of a file, some of it, or
 * nothing but to hear that it has not changed?
 *
 * Those who ask for parts put them together, so an entity tag must never name two contents. It is
 * made of what the kernel says of the file: its number, its size, when its content changed, and
 * when anything about it did, which is a time that nobody can set. Two changes within one tick of
 * the kernel's clock look alike in all of that, so a tag is strong only once that tick is past.
 */
#include "server/files_condition.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "server/http_date.h"

enum {
    TICK_MS = 20,          /* twice the longest there is */
    COARSE_TICK_MS = 2000, /* of file systems that know no fractions of a second */
    TAG_BYTES = 16,        /* of a digest: the tag is to tell nothing but that */
};

/* ---- Versions ------------------------------------------------------------------------------- */

/* May the file have changed since `status` was read, without a trace in it? */
static bool is_fresh(const struct stat *status, uint64_t now)
{
    int64_t changed = (int64_t)status->st_ctim.tv_sec * 1000 + status->st_ctim.tv_nsec / 1000000;
    int64_t tick = status->st_ctim.tv_nsec == 0 ? COARSE_TICK_MS : TICK_MS;

    return (int64_t)now - changed < tick;
}

static void write_tag(char tag[VERSION_TAG_SIZE], const struct stat *status, uint64_t now)
{
    bool fresh = is_fresh(status, now);
    /* A fresh one is another each time, lest it be taken for the one that comes after it. */
    const uint64_t parts[] = {
        (uint64_t)status->st_ino,
        (uint64_t)status->st_size,
        (uint64_t)status->st_mtim.tv_sec,
        (uint64_t)status->st_mtim.tv_nsec,
        (uint64_t)status->st_ctim.tv_sec,
        (uint64_t)status->st_ctim.tv_nsec,
        fresh ? now : 0,
    };
    uint8_t digest[EVP_MAX_MD_SIZE];
    char digits[2 * TAG_BYTES + 1];

    tag[0] = '\0';
    if (EVP_Digest(parts, sizeof parts, digest, NULL, EVP_sha256(), NULL) != 1)
        return;
    text_hex(digits, digest, TAG_BYTES);
    snprintf(tag, VERSION_TAG_SIZE, "%s\"%s\"", fresh ? "W/" : "", digits);
}

void version_read(struct version *version, const struct stat *status, uint64_t now)
{
    time_t seconds = (time_t)(now / 1000);

    /* A date ahead of ours is not told: it would hold changes back until it is past. */
    version->modified = status->st_mtime < seconds ? status->st_mtime : seconds;
    version->settled = status->st_mtime < seconds;
    write_tag(version->tag, status, now);
}

/* ---- What a request says -------------------------------------------------------------------- */

/* Lines of one name are one list, in which "*" has to be alone. */
static enum etag_list join(enum etag_list all, enum etag_list line)
{
    if (all == ETAG_NO_LIST || all == ETAG_ANY || line == ETAG_NO_LIST || line == ETAG_ANY)
        return ETAG_NO_LIST;
    return all == ETAG_LISTED ? all : line;
}

static void add_tags(struct condition_tags *tags, struct slice list, struct etag tag, bool strong)
{
    enum etag_list found = etag_find(list, tag, strong);

    tags->found = tags->count == 0 ? found : join(tags->found, found);
    tags->count++;
}

static void add_value(struct condition_value *one, struct slice value)
{
    one->value = value;
    one->count++;
}

static void read_condition(struct conditions *conditions, const struct http_field *field,
                           struct etag tag)
{
    if (slice_equal_nocase(field->name, SLICE("If-Match")))
        add_tags(&conditions->match, field->value, tag, true);
    else if (slice_equal_nocase(field->name, SLICE("If-None-Match")))
        add_tags(&conditions->none_match, field->value, tag, false);
    else if (slice_equal_nocase(field->name, SLICE("If-Modified-Since")))
        add_value(&conditions->modified_since, field->value);
    else if (slice_equal_nocase(field->name, SLICE("If-Unmodified-Since")))
        add_value(&conditions->unmodified_since, field->value);
    else if (slice_equal_nocase(field->name, SLICE("If-Range")))
        add_value(&conditions->if_range, field->value);
    else if (slice_equal_nocase(field->name, SLICE("Range")))
        add_value(&conditions->range, field->value);
}

void conditions_read(struct conditions *conditions, const struct http_request *request,
                     const struct version *version)
{
    struct slice rest = request->fields;
    struct http_field field;
    struct etag tag = {0};

    *conditions = (struct conditions){0};
    etag_parse(slice_of(version->tag), &tag);
    while (http_next_field(&rest, &field))
        read_condition(conditions, &field, tag);
}

/* ---- What follows from it ------------------------------------------------------------------- */

/* A field that stands twice, or is no date, says nothing. */
static bool has_date(const struct condition_value *one, time_t now, time_t *time)
{
    return one->count == 1 && http_date_parse(one->value, now, time);
}

/* A condition that can't be read is taken as none; but where there is one on entity tags, no date
 * is asked in its place. */
unsigned conditions_judge(const struct conditions *conditions, const struct version *version,
                          time_t now)
{
    const struct condition_tags *match = &conditions->match, *none = &conditions->none_match;
    time_t time;

    if (match->count > 0
            ? match->found == ETAG_OTHERS
            : has_date(&conditions->unmodified_since, now, &time) && version->modified > time)
        return 412;
    if (none->count > 0
            ? none->found == ETAG_ANY || none->found == ETAG_LISTED
            : has_date(&conditions->modified_since, now, &time) && version->modified <= time)
        return 304;
    return 200;
}

/* Is it still what the client has a part of? Only what names one content, and one alone, can say
 * so (RFC 9110, section 13.1.5). */
static bool is_same_version(const struct condition_value *if_range, const struct version *version,
                            time_t now)
{
    struct etag theirs, ours;
    time_t time;

    if (if_range->count != 1)
        return if_range->count == 0;
    if (etag_parse(if_range->value, &theirs))
        return etag_parse(slice_of(version->tag), &ours) && etag_equal(theirs, ours, true);
    return http_date_parse(if_range->value, now, &time) && version->settled &&
           time == version->modified;
}

enum range_result conditions_range(const struct conditions *conditions,
                                   const struct version *version, uint64_t size, time_t now,
                                   struct ranges *ranges)
{
    if (conditions->range.count != 1 || !is_same_version(&conditions->if_range, version, now))
        return RANGE_IGNORED;
    return range_parse(conditions->range.value, size, ranges);
}
