/*
 * Tests of server/conn_time: what a peer's progress buys it, by a clock that the tests move.
 */
#include <check.h>

#include "base/clock.h"
#include "server/conn_parts.h"
#include "suite.h"

enum { SECOND = 1000 };

static struct worker worker;
static struct conn conn;

static void set_up(void)
{
    clock_freeze(1000 * SECOND);
    worker.loop = loop_new(0, "time");
    ck_assert_ptr_nonnull(worker.loop);
    loop_stop(worker.loop); /* from now on loop_run is one turn */
    conn = (struct conn){.worker = &worker, .since = clock_now()};
}

static void tear_down(void)
{
    loop_free(worker.loop);
    clock_thaw();
}

/* Time passes, and then the peer takes some bytes. Gives how far behind it is. */
static uint64_t take_after(uint64_t ms, uint64_t bytes)
{
    clock_advance(ms);
    loop_run(worker.loop);
    conn_progress(&conn, bytes);
    return clock_now() - conn.since;
}

START_TEST(who_takes_much_is_never_behind)
{
    for (int i = 0; i < 100; i++)
        ck_assert_uint_eq(take_after(10 * SECOND, 64 * 1024), 0);
}
END_TEST

/* Nothing is put by for later. */
START_TEST(much_at_once_buys_no_more_than_the_present)
{
    ck_assert_uint_eq(take_after(SECOND, 1024 * 1024 * 1024), 0);
    ck_assert_uint_eq(take_after(30 * SECOND, 0), 30 * SECOND);
}
END_TEST

START_TEST(a_kilobyte_a_second_is_enough)
{
    for (int i = 0; i < 100; i++)
        ck_assert_uint_eq(take_after(SECOND, 1024), 0);
}
END_TEST

START_TEST(half_of_that_falls_behind_by_half)
{
    for (int i = 1; i <= 60; i++)
        ck_assert_uint_eq(take_after(SECOND, 512), i * SECOND / 2u);
}
END_TEST

START_TEST(a_byte_now_and_then_buys_nothing)
{
    for (int i = 1; i <= 30; i++)
        ck_assert_uint_eq(take_after(SECOND, 1), (unsigned)i * SECOND);
}
END_TEST

START_TEST(who_was_behind_catches_up)
{
    ck_assert_uint_eq(take_after(20 * SECOND, 0), 20 * SECOND);
    ck_assert_uint_eq(take_after(SECOND, 11 * 1024), 10 * SECOND);
    ck_assert_uint_eq(take_after(SECOND, 11 * 1024), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("time that is left");
    TCase *tcase = tcase_create("progress");

    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, who_takes_much_is_never_behind);
    tcase_add_test(tcase, much_at_once_buys_no_more_than_the_present);
    tcase_add_test(tcase, a_kilobyte_a_second_is_enough);
    tcase_add_test(tcase, half_of_that_falls_behind_by_half);
    tcase_add_test(tcase, a_byte_now_and_then_buys_nothing);
    tcase_add_test(tcase, who_was_behind_catches_up);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
