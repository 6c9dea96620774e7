/*
 * Tests of wire/range and wire/etag: which bytes are asked for, and of which version.
 */
#include <check.h>
#include <inttypes.h>
#include <string.h>

#include "wire/etag.h"
#include "wire/range.h"
#include "suite.h"

/* ---- Ranges ---------------------------------------------------------------------------------- */

#define MAX   "18446744073709551615" /* 2^64 - 1 */
#define WHOLE "whole"
#define NONE  "none"

static const struct {
    const char *value;
    uint64_t size;
    const char *expected; /* offset+size of each */
} cases[] = {
    {"bytes=0-9", 100, "0+10"},
    {"bytes=0-0", 100, "0+1"},
    {"bytes=99-99", 100, "99+1"},
    {"bytes=90-", 100, "90+10"},
    {"bytes=0-", 100, "0+100"},
    {"bytes=-1", 100, "99+1"},
    {"bytes=-100", 100, "0+100"},
    {"bytes=-101", 100, "0+100"},
    {"bytes=50-1000", 100, "50+50"},
    {"bytes=00050-0059", 100, "50+10"},
    {"BYTES=0-9", 100, "0+10"},
    {"bytes= 0-9", 100, "0+10"},
    {"bytes=,0-9,,", 100, "0+10"},
    /* beyond */
    {"bytes=100-", 100, NONE},
    {"bytes=100-200", 100, NONE},
    {"bytes=-0", 100, NONE},
    {"bytes=100-,200-,-0", 100, NONE},
    {"bytes=0-", 0, NONE},
    {"bytes=0-0", 0, NONE},
    {"bytes=-0", 0, NONE},
    {"bytes=-5", 0, WHOLE},
    /* numbers beyond all files */
    {"bytes=0-" MAX, 100, "0+100"},
    {"bytes=0-" MAX MAX, 100, "0+100"},
    {"bytes=" MAX "-", 100, NONE},
    {"bytes=" MAX MAX "-" MAX MAX, 100, NONE},
    {"bytes=-" MAX MAX, 100, "0+100"},
    {"bytes=9223372036854775807-", INT64_MAX, NONE},
    {"bytes=9223372036854775806-" MAX, INT64_MAX, "9223372036854775806+1"},
    {"bytes=-1", INT64_MAX, "9223372036854775806+1"},
    {"bytes=0-1,-1", INT64_MAX, "0+2 9223372036854775806+1"},
    /* several */
    {"bytes=0-9,20-29", 100, "0+10 20+10"},
    {"bytes=20-29,0-9", 100, "20+10 0+10"}, /* in the order asked for */
    {"bytes=0-9 , 20-29\t,-5", 100, "0+10 20+10 95+5"},
    {"bytes=0-9,100-", 100, "0+10"},
    {"bytes=200-,-1,-0", 100, "99+1"},
    {"bytes=0-9,10-19", 100, "0+20"},
    {"bytes=10-19,0-9", 100, "0+20"},
    {"bytes=0-9,5-14", 100, "0+15"},
    {"bytes=0-9,0-9,0-9", 100, "0+10"},
    {"bytes=0-9,20-29,5-24", 100, "0+30"},
    {"bytes=0-9,40-49,20-29,10-39", 100, "0+50"},
    {"bytes=0-,0-,0-,0-", 100, "0+100"},
    {"bytes=0-9,50-59,-100", 100, "0+100"},
    {"bytes=0-0,2-2,4-4,6-6,8-8,10-10,12-12,14-14,16-16,18-18,20-20,22-22,24-24,26-26,28-28,30-30",
     100, "0+1 2+1 4+1 6+1 8+1 10+1 12+1 14+1 16+1 18+1 20+1 22+1 24+1 26+1 28+1 30+1"},
    {"bytes=0-0,2-2,4-4,6-6,8-8,10-10,12-12,14-14,16-16,18-18,20-20,22-22,24-24,26-26,28-28,30-30,"
     "32-32",
     100, WHOLE},
    {"bytes=0-0,0-0,0-0,0-0,0-0,0-0,0-0,0-0,0-0,0-0,0-0,0-0,0-0,0-0,0-0,0-0,0-0", 100, WHOLE},
    /* what is none */
    {"", 100, WHOLE},
    {"bytes", 100, WHOLE},
    {"bytes=", 100, WHOLE},
    {"bytes=,", 100, WHOLE},
    {"bytes=-", 100, WHOLE},
    {"bytes=5", 100, WHOLE},
    {"bytes=a-b", 100, WHOLE},
    {"bytes=9-0", 100, WHOLE},
    {"bytes=0-9,9-0", 100, WHOLE},
    {"bytes=0-9,x", 100, WHOLE},
    {"bytes=0 - 9", 100, WHOLE},
    {"bytes=0-9-", 100, WHOLE},
    {"bytes=--9", 100, WHOLE},
    {"bytes=+0-9", 100, WHOLE},
    {"bytes=0x0-9", 100, WHOLE},
    {"bytes = 0-9", 100, WHOLE},
    {"bytes:0-9", 100, WHOLE},
    {"0-9", 100, WHOLE},
    {"=0-9", 100, WHOLE},
    {"seconds=0-9", 100, WHOLE},
    {"bytes2=0-9", 100, WHOLE},
};

static void describe(enum range_result result, const struct ranges *ranges, struct text *out)
{
    if (result == RANGE_IGNORED)
        text_add_str(out, WHOLE);
    if (result == RANGE_BEYOND)
        text_add_str(out, NONE);
    for (unsigned i = 0; result == RANGE_TAKEN && i < ranges->count; i++)
        text_addf(out, "%s%" PRIu64 "+%" PRIu64, i > 0 ? " " : "", ranges->list[i].offset,
                  ranges->list[i].size);
}

START_TEST(ranges_are_read)
{
    struct slice value = slice_of(cases[_i].value);
    struct ranges ranges;
    struct text found = {0};

    describe(range_parse(value, cases[_i].size, &ranges), &ranges, &found);
    ck_assert_msg(strcmp(found.data, cases[_i].expected) == 0, "%s of %" PRIu64 ": %s",
                  cases[_i].value, cases[_i].size, found.data);
    text_free(&found);
}
END_TEST

/* ---- Entity tags ----------------------------------------------------------------------------- */

static const struct {
    const char *list, *tag;
    bool strong;
    enum etag_list expected;
} lists[] = {
    {"*", "\"a\"", true, ETAG_ANY},
    {"\"a\"", "\"a\"", true, ETAG_LISTED},
    {"\"a\"", "\"a\"", false, ETAG_LISTED},
    {"\"b\"", "\"a\"", false, ETAG_OTHERS},
    {"\"A\"", "\"a\"", false, ETAG_OTHERS},
    {"W/\"a\"", "\"a\"", false, ETAG_LISTED},
    {"W/\"a\"", "\"a\"", true, ETAG_OTHERS},
    {"\"a\"", "W/\"a\"", false, ETAG_LISTED},
    {"\"a\"", "W/\"a\"", true, ETAG_OTHERS},
    {"W/\"a\"", "W/\"a\"", true, ETAG_OTHERS},
    {"\"b\", \"a\"", "\"a\"", true, ETAG_LISTED},
    {"\"b\",\t\"a\" ,W/\"c\"", "\"a\"", true, ETAG_LISTED},
    {",, \"b\" ,,\"c\", ", "\"a\"", true, ETAG_OTHERS},
    {"\"x,\",\"a\"", "\"a\"", true, ETAG_LISTED},
    {"\"x, \\\"a\"", "\"a\"", true, ETAG_NO_LIST}, /* a blank in a tag */
    {"\"x,\\\"", "\"x,\\\"", true, ETAG_LISTED},   /* a backslash escapes nothing */
    {"\"\"", "\"\"", true, ETAG_LISTED},
    {"\"\xe9\"", "\"\xe9\"", true, ETAG_LISTED},
    {"", "\"a\"", true, ETAG_NO_LIST},
    {",", "\"a\"", true, ETAG_NO_LIST},
    {"a", "\"a\"", true, ETAG_NO_LIST},
    {"'a'", "\"a\"", true, ETAG_NO_LIST},
    {"\"a", "\"a\"", true, ETAG_NO_LIST},
    {"\"a\"x", "\"a\"", true, ETAG_NO_LIST},
    {"\"a\" \"a\"", "\"a\"", true, ETAG_NO_LIST},
    {"\"a\", b", "\"a\"", true, ETAG_NO_LIST},
    {"w/\"a\"", "\"a\"", true, ETAG_NO_LIST},
    {"W\"a\"", "\"a\"", true, ETAG_NO_LIST},
    {"W/ \"a\"", "\"a\"", true, ETAG_NO_LIST},
    {"W/", "\"a\"", true, ETAG_NO_LIST},
    {"*, \"a\"", "\"a\"", true, ETAG_NO_LIST},
    {"\"a\", *", "\"a\"", true, ETAG_NO_LIST},
    {"**", "\"a\"", true, ETAG_NO_LIST},
};

START_TEST(lists_of_tags_are_read)
{
    struct etag tag;

    ck_assert(etag_parse(slice_of(lists[_i].tag), &tag));
    ck_assert_msg(etag_find(slice_of(lists[_i].list), tag, lists[_i].strong) == lists[_i].expected,
                  "%s in %s", lists[_i].tag, lists[_i].list);
}
END_TEST

START_TEST(tags_are_read_from_end_to_end)
{
    struct etag tag;

    ck_assert(etag_parse(SLICE("W/\"a\""), &tag));
    ck_assert(tag.weak && slice_equal(tag.opaque, SLICE("\"a\"")));
    ck_assert(!etag_parse(SLICE("\"a\" "), &tag));
    ck_assert(!etag_parse(SLICE("\"a\",\"b\""), &tag));
    ck_assert(!etag_parse(SLICE("Sun, 06 Nov 1994 08:49:37 GMT"), &tag));
    ck_assert(!etag_parse(SLICE(""), &tag));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("wire/range, wire/etag");
    TCase *tcase = tcase_create("ranges");

    tcase_add_loop_test(tcase, ranges_are_read, 0, sizeof cases / sizeof *cases);
    suite_add_tcase(suite, tcase);
    tcase = tcase_create("tags");
    tcase_add_loop_test(tcase, lists_of_tags_are_read, 0, sizeof lists / sizeof *lists);
    tcase_add_test(tcase, tags_are_read_from_end_to_end);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
