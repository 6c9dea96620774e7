/*
 * Tests of server/limit: each limit has a name, is counted always, and told once a minute.
 */
#include <check.h>
#include <string.h>

#include "base/clock.h"
#include "server/limit.h"
#include "suite.h"

static struct limit_counts counts;

static void set_up(void)
{
    clock_freeze(1000000);
}

static void tear_down(void)
{
    clock_thaw();
}

START_TEST(counted_always_and_told_once_a_minute)
{
    ck_assert(limit_hit(&counts, LIMIT_RATE));
    ck_assert(!limit_hit(&counts, LIMIT_RATE));
    clock_advance(59999);
    ck_assert(!limit_hit(&counts, LIMIT_RATE));
    clock_advance(1);
    ck_assert(limit_hit(&counts, LIMIT_RATE));
    ck_assert_uint_eq(limit_hits(&counts, LIMIT_RATE), 4);
}
END_TEST

START_TEST(each_by_itself)
{
    ck_assert(limit_hit(&counts, LIMIT_RATE));
    ck_assert(limit_hit(&counts, LIMIT_BYTES));
    ck_assert_uint_eq(limit_hits(&counts, LIMIT_RATE), 1);
    ck_assert_uint_eq(limit_hits(&counts, LIMIT_BYTES), 1);
    ck_assert_uint_eq(limit_hits(&counts, LIMIT_MESSAGE), 0);
}
END_TEST

START_TEST(names_differ)
{
    for (unsigned i = 0; i < LIMIT_COUNT; i++) {
        ck_assert_ptr_nonnull(limit_name(i));
        for (unsigned j = 0; j < i; j++)
            ck_assert_str_ne(limit_name(i), limit_name(j));
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("limits, counted");
    TCase *tcase = tcase_create("limit");

    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, counted_always_and_told_once_a_minute);
    tcase_add_test(tcase, each_by_itself);
    tcase_add_test(tcase, names_differ);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
