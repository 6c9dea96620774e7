/*
 * Tests of loop/timer: the heap under a clock that stands still, and libevent under one that runs.
 */
#include <check.h>
#include <event2/event.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "loop/timer.h"
#include "suite.h"

static struct loop *loop;
static struct timers *timers;
static long live_before;

static void set_up(void)
{
    live_before = mem_live();
    loop = loop_new(0, "loop-0");
    timers = timers_new(loop);
    ck_assert_ptr_nonnull(timers);
    clock_freeze(1000);
}

static void tear_down(void)
{
    clock_thaw();
    timers_free(timers);
    loop_free(loop);
    ck_assert_int_eq(mem_live(), live_before);
}

/* A timer that notes when it ran, and does what its test asks of it. */
struct noted {
    struct timer timer; /* first */
    unsigned number;
    int ran;
    uint64_t again_at;    /* sets itself to this; 0: does not */
    struct noted *unsets; /* another */
    bool stops;           /* the loop */
    uint64_t ran_at;      /* clock_now */
};

#define MANY 2000

static unsigned ran[MANY], ran_count; /* their numbers, in order */

static void note_run(struct loop *of, struct timer *timer)
{
    struct noted *noted = (struct noted *)timer;

    ck_assert_ptr_eq(of, loop);
    ck_assert_uint_eq(timer->place, 0);
    noted->ran++;
    noted->ran_at = clock_now();
    if (ran_count < MANY)
        ran[ran_count++] = noted->number;
    if (noted->again_at > 0)
        ck_assert(timer_set(timers, timer, noted->again_at));
    if (noted->unsets != NULL)
        timer_unset(timers, &noted->unsets->timer);
    if (noted->stops)
        loop_stop(of);
}

static struct noted noted_of(unsigned number)
{
    return (struct noted){.timer.run = note_run, .number = number};
}

static void set(struct noted *noted, uint64_t at)
{
    ck_assert(timer_set(timers, &noted->timer, at));
    ck_assert_uint_gt(noted->timer.place, 0);
}

static void go_to(uint64_t now)
{
    clock_freeze(now);
    timers_run(timers);
}

START_TEST(timers_run_when_due_and_once)
{
    struct noted one = noted_of(1), two = noted_of(2);

    set(&one, 1100);
    set(&two, 1050);
    go_to(1049);
    ck_assert_int_eq(one.ran + two.ran, 0);
    go_to(1050);
    ck_assert_int_eq(two.ran, 1);
    ck_assert_int_eq(one.ran, 0);
    go_to(5000);
    go_to(5000);
    ck_assert_int_eq(two.ran, 1);
    ck_assert_int_eq(one.ran, 1);
}
END_TEST

START_TEST(the_next_moment_is_told)
{
    struct noted one = noted_of(1), two = noted_of(2);

    ck_assert_uint_eq(timers_next(timers), UINT64_MAX);
    set(&one, 1100);
    set(&two, 1050);
    ck_assert_uint_eq(timers_next(timers), 1050);
    go_to(1050);
    ck_assert_uint_eq(timers_next(timers), 1100);
    timer_unset(timers, &one.timer);
    ck_assert_uint_eq(timers_next(timers), UINT64_MAX);
}
END_TEST

START_TEST(timers_set_anew_move)
{
    struct noted noted = noted_of(0), other = noted_of(1);

    set(&other, 1500);
    set(&noted, 1100);
    set(&noted, 2000);
    go_to(1999);
    ck_assert_int_eq(noted.ran, 0);
    set(&noted, 1999);
    go_to(1999);
    ck_assert_int_eq(noted.ran, 1);
    ck_assert_int_eq(other.ran, 1);
}
END_TEST

START_TEST(timers_unset_do_not_run)
{
    struct noted noted = noted_of(0), never = noted_of(1);

    set(&noted, 1100);
    timer_unset(timers, &noted.timer);
    timer_unset(timers, &noted.timer);
    timer_unset(timers, &never.timer);
    go_to(2000);
    ck_assert_int_eq(noted.ran + never.ran, 0);
}
END_TEST

static struct noted many[MANY];

static int compare_due(const void *a, const void *b)
{
    const struct timer *left = &many[*(const unsigned *)a].timer;
    const struct timer *right = &many[*(const unsigned *)b].timer;

    if (left->at != right->at)
        return left->at < right->at ? -1 : 1;
    return left->order < right->order ? -1 : 1;
}

/* A third is unset, a third set anew; moments are few, so that many are due at once. */
START_TEST(thousands_run_in_order)
{
    unsigned expected[MANY], count = 0;

    srand(7);
    for (unsigned i = 0; i < MANY; i++) {
        many[i] = noted_of(i);
        set(&many[i], 1000 + (uint64_t)(rand() % 300));
    }
    for (unsigned i = 0; i < MANY; i++) {
        if (i % 3 == 0)
            timer_unset(timers, &many[i].timer);
        else if (i % 3 == 1)
            set(&many[i], 1000 + (uint64_t)(rand() % 300));
        if (i % 3 != 0)
            expected[count++] = i;
    }
    qsort(expected, count, sizeof expected[0], compare_due);
    go_to(1150);
    ck_assert_uint_gt(ran_count, 0);
    ck_assert_uint_lt(ran_count, count);
    go_to(1300);
    ck_assert_uint_eq(ran_count, count);
    ck_assert_mem_eq(ran, expected, count * sizeof expected[0]);
}
END_TEST

START_TEST(what_is_set_in_a_run_waits_for_the_next)
{
    struct noted noted = noted_of(0);

    noted.again_at = 1000;
    set(&noted, 1000);
    go_to(1000);
    ck_assert_int_eq(noted.ran, 1);
    go_to(1000);
    ck_assert_int_eq(noted.ran, 2);
    timer_unset(timers, &noted.timer);
}
END_TEST

START_TEST(one_that_lives_in_the_past_does_not_starve_others)
{
    struct noted greedy = noted_of(0), other = noted_of(1);

    greedy.again_at = 1;
    set(&greedy, 1);
    set(&other, 1001);
    go_to(1001);
    go_to(1001);
    ck_assert_int_eq(greedy.ran, 2);
    ck_assert_int_eq(other.ran, 1);
    timer_unset(timers, &greedy.timer);
}
END_TEST

START_TEST(one_that_is_due_may_be_unset_by_another)
{
    struct noted first = noted_of(0), second = noted_of(1), third = noted_of(2);

    first.unsets = &second;
    set(&first, 1100);
    set(&second, 1100);
    set(&third, 1100);
    go_to(1100);
    ck_assert_int_eq(first.ran, 1);
    ck_assert_int_eq(second.ran, 0);
    ck_assert_int_eq(third.ran, 1);
}
END_TEST

START_TEST(without_memory_what_is_set_stays)
{
    unsigned count = 0;

    for (; count < MANY; count++) {
        many[count] = noted_of(count);
        mem_fail_at(1);

        bool done = timer_set(timers, &many[count].timer, 2000 - count);

        mem_fail_at(0);
        if (!done)
            break;
    }
    ck_assert_uint_gt(count, 0);
    ck_assert_uint_lt(count, MANY);
    ck_assert_uint_eq(many[count].timer.place, 0);
    set(&many[count], 2000); /* with memory it can be set */
    go_to(2000);
    ck_assert_uint_eq(ran_count, count + 1);
}
END_TEST

START_TEST(no_timers_without_memory)
{
    long before = mem_live();
    struct timers *others = NULL;
    unsigned long nth = 0;

    while (others == NULL && nth < 20) {
        struct loop *fresh = loop_new(0, "loop-0"); /* whose base keeps no places for timers */

        mem_fail_at(++nth);
        others = timers_new(fresh);
        mem_fail_at(0);
        timers_free(others);
        loop_free(fresh);
        ck_assert_int_eq(mem_live(), before);
    }
    ck_assert_uint_gt(nth, 3);
    ck_assert_uint_lt(nth, 20);
}
END_TEST

START_TEST(freed_timers_are_not_set)
{
    struct noted noted = noted_of(0);
    struct timers *others = timers_new(loop);

    ck_assert(timer_set(others, &noted.timer, 5000));
    timers_free(others);
    ck_assert_uint_eq(noted.timer.place, 0);
    set(&noted, 1000); /* of use to others */
    go_to(1000);
    ck_assert_int_eq(noted.ran, 1);
}
END_TEST

static void unset_run(struct loop *of, struct loop_message *message)
{
    (void)of;
    (void)message;
    timer_unset(timers, &many[0].timer);
}

/* What the mailbox still holds may use them until the loop is free. */
START_TEST(timers_may_outlive_their_loop)
{
    long before = mem_live();
    struct loop *fresh = loop_new(1, "loop-1");
    struct timers *kept = timers, *others = timers_new(fresh);
    struct loop_message message = {.run = unset_run};

    many[0] = noted_of(0);
    timers = others;
    ck_assert(timer_set(timers, &many[0].timer, 5000));
    loop_post(fresh, &message);
    loop_free(fresh);
    ck_assert_uint_eq(many[0].timer.place, 0);
    ck_assert_int_gt(mem_live(), before);
    timers_free(others);
    ck_assert_int_eq(mem_live(), before);
    timers = kept;
}
END_TEST

/* --- libevent calls --- */

START_TEST(libevent_calls_in_order_and_never_early)
{
    struct noted noted[3] = {noted_of(0), noted_of(1), noted_of(2)};
    uint64_t at[3];

    clock_thaw();
    for (unsigned i = 0; i < 3; i++) {
        at[i] = clock_now() + 30 - 10 * i;
        set(&noted[i], at[i]);
    }
    noted[0].stops = true;
    loop_run(loop);
    for (unsigned i = 0; i < 3; i++) {
        ck_assert_int_eq(noted[i].ran, 1);
        ck_assert_uint_ge(noted[i].ran_at, at[i]);
        ck_assert_uint_eq(ran[i], 2 - i);
    }
}
END_TEST

START_TEST(an_earlier_one_comes_first)
{
    struct noted late = noted_of(0), soon = noted_of(1);

    clock_thaw();
    soon.stops = true;
    set(&late, UINT64_MAX);
    set(&soon, clock_now() + 2);
    loop_run(loop);
    ck_assert_int_eq(soon.ran, 1);
    ck_assert_int_eq(late.ran, 0);
    timer_unset(timers, &late.timer);
}
END_TEST

/* Libevent's timer stands at the moment of the one unset; it wakes in vain, and is armed anew. */
START_TEST(the_next_is_called_after_the_earliest_was_unset)
{
    struct noted gone = noted_of(0), next = noted_of(1);

    clock_thaw();
    next.stops = true;
    set(&gone, clock_now() + 2);
    set(&next, clock_now() + 20);
    timer_unset(timers, &gone.timer);
    loop_run(loop);
    ck_assert_int_eq(gone.ran, 0);
    ck_assert_int_eq(next.ran, 1);
}
END_TEST

static void repeat_run(struct loop *of, struct timer *timer)
{
    struct noted *noted = (struct noted *)timer;

    if (++noted->ran == 5)
        loop_stop(of);
    else
        ck_assert(timer_set(timers, timer, clock_now() + 1));
}

START_TEST(one_that_sets_itself_anew_is_called_again)
{
    struct noted noted = {.timer.run = repeat_run};

    clock_thaw();
    set(&noted, 0);
    loop_run(loop);
    ck_assert_int_eq(noted.ran, 5);
}
END_TEST

/* --- libevent without memory --- */

#define PLACES 8 /* in libevent's heap at first */

static struct event *others[PLACES];

static void do_nothing(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    (void)context;
}

/* Others take the places in libevent's heap while ours is not armed, and then memory ends. */
static void take_places_run(struct loop *of, struct timer *timer)
{
    const struct timeval day = {.tv_sec = 86400};

    (void)timer;
    loop_stop(of);
    for (int i = 0; i < PLACES; i++) {
        others[i] = evtimer_new(loop_base(of), do_nothing, NULL);
        ck_assert_int_eq(event_add(others[i], &day), 0);
    }
    mem_fail_at(1);
}

static void free_places(void)
{
    for (int i = 0; i < PLACES; i++)
        if (others[i] != NULL)
            event_free(others[i]);
}

START_TEST(what_libevent_cannot_take_is_not_set)
{
    struct noted noted = noted_of(0);
    struct timer taker = {.run = take_places_run};

    clock_thaw();
    ck_assert(timer_set(timers, &taker, 0));
    loop_run(loop); /* nothing is left, so nothing is armed */
    ck_assert(!timer_set(timers, &noted.timer, clock_now()));
    ck_assert_uint_eq(noted.timer.place, 0);
    set(&noted, clock_now());
    while (noted.ran == 0)
        loop_run(loop);
    free_places();
}
END_TEST

START_TEST(what_could_not_be_armed_is_with_the_next_that_is_set)
{
    struct noted waits = noted_of(0), later = noted_of(1);
    struct timer taker = {.run = take_places_run};

    log_threshold = LOG_ERROR + 1;
    clock_thaw();
    set(&waits, clock_now() + 10);
    ck_assert(timer_set(timers, &taker, 0));
    loop_run(loop); /* arming for the one that waits fails */
    set(&later, clock_now() + 20);
    while (later.ran == 0)
        loop_run(loop);
    ck_assert_int_eq(waits.ran, 1);
    ck_assert_uint_le(waits.ran_at, later.ran_at);
    free_places();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("loop timer");
    TCase *tcase = tcase_create("timers");

    loop_setup_libevent();
    suite_add_tcase(suite, tcase);
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, timers_run_when_due_and_once);
    tcase_add_test(tcase, the_next_moment_is_told);
    tcase_add_test(tcase, timers_set_anew_move);
    tcase_add_test(tcase, timers_unset_do_not_run);
    tcase_add_test(tcase, thousands_run_in_order);
    tcase_add_test(tcase, what_is_set_in_a_run_waits_for_the_next);
    tcase_add_test(tcase, one_that_lives_in_the_past_does_not_starve_others);
    tcase_add_test(tcase, one_that_is_due_may_be_unset_by_another);
    tcase_add_test(tcase, without_memory_what_is_set_stays);
    tcase_add_test(tcase, no_timers_without_memory);
    tcase_add_test(tcase, freed_timers_are_not_set);
    tcase_add_test(tcase, timers_may_outlive_their_loop);
    tcase_add_test(tcase, libevent_calls_in_order_and_never_early);
    tcase_add_test(tcase, an_earlier_one_comes_first);
    tcase_add_test(tcase, the_next_is_called_after_the_earliest_was_unset);
    tcase_add_test(tcase, one_that_sets_itself_anew_is_called_again);
    tcase_add_test(tcase, what_libevent_cannot_take_is_not_set);
    tcase_add_test(tcase, what_could_not_be_armed_is_with_the_next_that_is_set);
    return suite_run(suite);
}
