/*
 * server/files_content: a file that is open becomes an answer: all of it, some of it, or nothing.
 *
 * The conditions are judged first, and only then ranges, in the order of RFC 9110, section 13.2.2.
 */
#include "server/files_content.h"

#include <inttypes.h>

#include "base/clock.h"
#include "server/files_condition.h"
#include "server/http_date.h"

/* What 200, 206 and 304 say alike (RFC 9110, section 15.4.5). The policies are in 304, too, so that
 * a page that a browser keeps gets the present ones. */
static void add_version(struct text *fields, const struct text *own, const struct version *version)
{
    char date[HTTP_DATE_SIZE];

    http_date_write(date, version->modified);
    text_add(fields, own->data, own->size);
    if (version->tag[0] != '\0')
        text_addf(fields, "ETag: %s\r\n", version->tag);
    text_addf(fields, "Last-Modified: %s\r\n", date);
}

static void add_type(struct text *fields, const char *type)
{
    text_addf(fields, "Content-Type: %s\r\n", type);
}

static void answer_whole(struct files_answer *answer, uint64_t size, const char *type)
{
    answer->status = 200;
    answer->part.size = size;
    answer->size = size;
    text_add_str(&answer->fields, "Accept-Ranges: bytes\r\n");
    add_type(&answer->fields, type);
}

static void answer_part(struct files_answer *answer, struct range part, uint64_t size,
                        const char *type)
{
    answer->status = 206;
    answer->part = part;
    answer->size = part.size;
    files_parts_range(&answer->fields, part, size);
    add_type(&answer->fields, type);
}

static void answer_parts(struct files_answer *answer, const struct ranges *ranges, uint64_t size,
                         const char *type)
{
    answer->status = 206;
    answer->parts = files_parts_new(ranges, size, type);
    if (answer->parts == NULL || !files_parts_size(answer->parts, &answer->size))
        answer->fields.failed = true;
    else
        files_parts_field(answer->parts, &answer->fields);
}

static void refuse(struct files_answer *answer, unsigned status, const char *why)
{
    answer->status = status;
    answer->why = why;
}

static void answer_beyond(struct files_answer *answer, uint64_t size)
{
    refuse(answer, 416, "a range beyond the file");
    text_addf(&answer->fields, "Content-Range: bytes */%" PRIu64 "\r\n", size);
}

/* Ranges are for GET alone: a HEAD is answered as if there were none. */
static enum range_result read_ranges(const struct http_request *request,
                                     const struct conditions *conditions,
                                     const struct version *version, uint64_t size, time_t now,
                                     struct ranges *ranges)
{
    if (!slice_equal(request->method, SLICE("GET")))
        return RANGE_IGNORED;
    return conditions_range(conditions, version, size, now, ranges);
}

void files_content(struct files_answer *answer, const struct http_request *request,
                   const struct text *fields, const struct stat *status, struct slice name)
{
    uint64_t wall = clock_wall(), size = (uint64_t)status->st_size;
    time_t now = (time_t)(wall / 1000);
    struct version version;
    struct conditions conditions;
    struct ranges ranges;

    version_read(&version, status, wall);
    conditions_read(&conditions, request, &version);
    unsigned verdict = conditions_judge(&conditions, &version, now);
    enum range_result asked = read_ranges(request, &conditions, &version, size, now, &ranges);

    if (verdict == 412) {
        refuse(answer, 412, "the file is not the version that was asked for");
    } else if (verdict == 304) {
        answer->status = 304;
        add_version(&answer->fields, fields, &version);
    } else if (asked == RANGE_BEYOND) {
        answer_beyond(answer, size);
    } else {
        const char *type = files_type(name);

        add_version(&answer->fields, fields, &version);
        if (asked == RANGE_IGNORED)
            answer_whole(answer, size, type);
        else if (ranges.count == 1)
            answer_part(answer, ranges.list[0], size, type);
        else
            answer_parts(answer, &ranges, size, type);
    }
}
