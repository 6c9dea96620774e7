/*
 * wire/etag: entity tags, and the fields that list them (RFC 9110, sections 8.8.3 and 13.1).
 *
 * A tag may hold commas, so a list of them is not to be cut at commas: tags are taken one by one.
 */
#include "wire/etag.h"

/* Anything between the quotes but blanks, quotes and control bytes; a backslash is one like any. */
static bool is_tag_byte(char c)
{
    unsigned char byte = (unsigned char)c;

    return byte > ' ' && byte != '"' && byte != 0x7f;
}

static bool take_tag(struct slice *text, struct etag *tag)
{
    struct slice start;

    tag->weak = slice_take_byte(text, 'W');
    if (tag->weak && !slice_take_byte(text, '/'))
        return false;
    start = *text;
    if (!slice_take_byte(text, '"'))
        return false;
    while (text->size > 0 && is_tag_byte(text->data[0]))
        slice_take_byte(text, text->data[0]);
    if (!slice_take_byte(text, '"'))
        return false;
    tag->opaque = (struct slice){start.data, start.size - text->size};
    return true;
}

bool etag_parse(struct slice text, struct etag *tag)
{
    return take_tag(&text, tag) && text.size == 0;
}

bool etag_equal(struct etag a, struct etag b, bool strong)
{
    return slice_equal(a.opaque, b.opaque) && !(strong && (a.weak || b.weak));
}

/* Blanks and empty elements in front of an element, or behind the last one. */
static void skip_commas(struct slice *list)
{
    while (slice_take_byte(list, ',') || slice_take_byte(list, ' ') || slice_take_byte(list, '\t'))
        ;
}

enum etag_list etag_find(struct slice list, struct etag tag, bool strong)
{
    enum etag_list result = ETAG_NO_LIST;
    struct etag one;

    if (slice_equal(list, SLICE("*")))
        return ETAG_ANY;
    for (skip_commas(&list); list.size > 0; skip_commas(&list)) {
        if (!take_tag(&list, &one))
            return ETAG_NO_LIST;
        if (etag_equal(one, tag, strong))
            result = ETAG_LISTED;
        else if (result == ETAG_NO_LIST)
            result = ETAG_OTHERS;
        list = slice_trim(list);
        if (list.size > 0 && list.data[0] != ',')
            return ETAG_NO_LIST;
    }
    return result;
}
