/*
 * wire/range: a Range field: which bytes of a file are asked for (RFC 9110, section 14).
 *
 * A server may ignore the field, and the whole file is always a right answer. So whatever is not
 * understood, or is more than anybody needs, costs nothing but that.
 */
#include "wire/range.h"

#include "wire/http.h"

/* One range-spec as it is written: "first-last", "first-", "-last". */
struct spec {
    bool has_first, has_last;
    uint64_t first, last;
};

/* Numbers beyond all files are taken as the largest one. False: there is no digit. */
static bool take_number(struct slice *text, uint64_t *number)
{
    size_t i = 0;

    *number = 0;
    for (; i < text->size && text->data[i] >= '0' && text->data[i] <= '9'; i++) {
        unsigned digit = (unsigned)(text->data[i] - '0');

        *number = *number > (UINT64_MAX - digit) / 10 ? UINT64_MAX : *number * 10 + digit;
    }
    text->data += i;
    text->size -= i;
    return i > 0;
}

static bool read_spec(struct slice text, struct spec *spec)
{
    spec->has_first = take_number(&text, &spec->first);
    if (!slice_take_byte(&text, '-'))
        return false;
    spec->has_last = take_number(&text, &spec->last);
    if (text.size > 0 || (!spec->has_first && !spec->has_last))
        return false;
    return !spec->has_first || !spec->has_last || spec->first <= spec->last;
}

/* False: no byte of the file is meant. */
static bool find_bytes(const struct spec *spec, uint64_t size, struct range *range)
{
    uint64_t end = size; /* behind the last byte */

    if (!spec->has_first) { /* the last ones, as many as there are */
        range->size = spec->last < size ? spec->last : size;
        range->offset = size - range->size;
        return range->size > 0;
    }
    if (spec->first >= size)
        return false;
    if (spec->has_last && spec->last < size)
        end = spec->last + 1;
    *range = (struct range){spec->first, end - spec->first};
    return true;
}

static bool touch(struct range a, struct range b)
{
    return a.offset <= b.offset + b.size && b.offset <= a.offset + a.size;
}

static struct range both(struct range a, struct range b)
{
    uint64_t begin = a.offset < b.offset ? a.offset : b.offset;
    uint64_t end_a = a.offset + a.size, end_b = b.offset + b.size;

    return (struct range){begin, (end_a > end_b ? end_a : end_b) - begin};
}

/* Takes the place of those that it touches. What they become together may touch others. */
static void add_range(struct ranges *ranges, struct range range)
{
    unsigned i = 0;

    while (i < ranges->count) {
        if (!touch(ranges->list[i], range)) {
            i++;
            continue;
        }
        range = both(ranges->list[i], range);
        ranges->count--;
        for (unsigned next = i; next < ranges->count; next++)
            ranges->list[next] = ranges->list[next + 1];
        i = 0;
    }
    ranges->list[ranges->count++] = range;
}

static bool take_unit(struct slice *value)
{
    return slice_equal_nocase(http_take_token(value), SLICE("bytes")) &&
           slice_take_byte(value, '=');
}

enum range_result range_parse(struct slice value, uint64_t size, struct ranges *ranges)
{
    struct slice element;
    unsigned count = 0;

    ranges->count = 0;
    if (!take_unit(&value))
        return RANGE_IGNORED;
    while (http_next_element(&value, &element)) {
        struct spec spec = {0};
        struct range range;

        if (++count > RANGES_MAX || !read_spec(element, &spec))
            return RANGE_IGNORED;
        if (find_bytes(&spec, size, &range))
            add_range(ranges, range);
        else if (size == 0 && !spec.has_first && spec.last > 0)
            return RANGE_IGNORED; /* all of nothing, which no Content-Range could tell */
    }
    if (count == 0)
        return RANGE_IGNORED;
    return ranges->count > 0 ? RANGE_TAKEN : RANGE_BEYOND;
}
