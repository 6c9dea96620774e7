/*
 * tests/fuzz_range: what a Range or a list of entity tags leads to lies within the file, and within
 * the field.
 *
 * The input's first byte says how large the file is.
 */
#include <stdlib.h>
#include <string.h>

#include "wire/etag.h"
#include "wire/range.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool fact)
{
    if (!fact)
        abort();
}

static void read_ranges(struct slice value, uint64_t size)
{
    struct ranges ranges;

    if (range_parse(value, size, &ranges) != RANGE_TAKEN)
        return;
    must(ranges.count > 0 && ranges.count <= RANGES_MAX);
    for (unsigned i = 0; i < ranges.count; i++) {
        struct range a = ranges.list[i];

        must(a.size > 0 && a.offset < size && a.size <= size - a.offset);
        for (unsigned j = 0; j < i; j++) { /* apart: a byte lies between any two */
            struct range b = ranges.list[j];

            must(a.offset + a.size < b.offset || b.offset + b.size < a.offset);
        }
    }
}

static void read_tags(struct slice list)
{
    struct etag tag = {.opaque = SLICE("\"a\"")}, one;
    enum etag_list weak = etag_find(list, tag, false), strong = etag_find(list, tag, true);

    must((weak == ETAG_NO_LIST) == (strong == ETAG_NO_LIST));
    must((weak == ETAG_ANY) == (strong == ETAG_ANY));
    must(strong != ETAG_LISTED || weak == ETAG_LISTED);
    if (etag_parse(list, &one)) {
        must(one.opaque.size >= 2 && one.opaque.size + (one.weak ? 2 : 0) == list.size);
        must(etag_find(list, one, false) == ETAG_LISTED);
        must((etag_find(list, one, true) == ETAG_LISTED) == !one.weak);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint64_t sizes[] = {0, 1, 10, 100, 1u << 20, INT64_MAX, UINT64_MAX};

    if (size == 0)
        return 0;
    struct slice value = {(const char *)data + 1, size - 1};
    read_ranges(value, sizes[data[0] % (sizeof sizes / sizeof *sizes)]);
    read_tags(value);
    return 0;
}
