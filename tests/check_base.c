/*
 * Tests of base: memory, clock, rates, text, random bytes, and tables.
 */
#include <check.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/random.h"
#include "base/rate.h"
#include "base/table.h"
#include "base/text.h"
#include "suite.h"

/* --- mem --------------------------------------------------------------------------------- */

START_TEST(mem_counts_what_lives)
{
    long before = mem_live();
    void *one = mem_alloc(10);
    char *two = mem_zalloc(100);
    char *three = mem_strndup("abc", 2);
    char *four = mem_strdup("abc");

    ck_assert_int_eq(mem_live() - before, 4);
    ck_assert_int_eq(two[0] | two[99], 0);
    ck_assert_str_eq(three, "ab");
    ck_assert_str_eq(four, "abc");
    one = mem_realloc(one, 1000);
    ck_assert_int_eq(mem_live() - before, 4);
    mem_free(one);
    mem_free(two);
    mem_free(three);
    mem_free(four);
    mem_free(NULL);
    ck_assert_int_eq(mem_live(), before);
}
END_TEST

START_TEST(mem_realloc_is_malloc_and_never_free)
{
    long before = mem_live();
    void *memory = mem_realloc(NULL, 10);

    ck_assert_int_eq(mem_live() - before, 1);
    memory = mem_realloc(memory, 0);
    ck_assert_ptr_nonnull(memory);
    ck_assert_int_eq(mem_live() - before, 1);
    mem_free(memory);
}
END_TEST

START_TEST(mem_fails_once_at_the_nth)
{
    void *memory[4];

    mem_fail_at(3);
    memory[0] = mem_alloc(1);
    memory[1] = mem_zalloc(1);
    memory[2] = mem_strdup("third");
    memory[3] = mem_alloc(1);
    ck_assert_ptr_nonnull(memory[0]);
    ck_assert_ptr_nonnull(memory[1]);
    ck_assert_ptr_null(memory[2]);
    ck_assert_ptr_nonnull(memory[3]);
    for (int i = 0; i < 4; i++)
        mem_free(memory[i]);
}
END_TEST

START_TEST(mem_fail_can_be_taken_back)
{
    mem_fail_at(1);
    mem_fail_at(0);
    void *memory = mem_alloc(1);
    ck_assert_ptr_nonnull(memory);
    mem_free(memory);
}
END_TEST

START_TEST(mem_failed_realloc_keeps_the_old)
{
    char *memory = mem_strdup("kept");

    mem_fail_at(1);
    ck_assert_ptr_null(mem_realloc(memory, 100000));
    ck_assert_str_eq(memory, "kept");
    mem_free(memory);
}
END_TEST

static void *allocate_here_free_there(void *fails)
{
    if (fails != NULL)
        mem_fail_at(1);
    return mem_alloc(8);
}

START_TEST(mem_counts_over_threads_and_fails_in_one)
{
    long before = mem_live();
    pthread_t thread;
    void *memory;

    mem_fail_at(1); /* of this thread, so the other's succeeds */
    ck_assert_int_eq(pthread_create(&thread, NULL, allocate_here_free_there, NULL), 0);
    pthread_join(thread, &memory);
    ck_assert_ptr_nonnull(memory);
    mem_fail_at(0);
    ck_assert_int_eq(mem_live() - before, 1);
    mem_free(memory);
    ck_assert_int_eq(mem_live(), before);
    ck_assert_int_eq(pthread_create(&thread, NULL, allocate_here_free_there, &before), 0);
    pthread_join(thread, &memory);
    ck_assert_ptr_null(memory);
}
END_TEST

struct entry {
    int key;
    UT_hash_handle hh;
};

START_TEST(table_survives_each_failed_allocation)
{
    long before = mem_live();

    for (unsigned long nth = 1; nth <= 3; nth++) {
        struct entry *table = NULL, *found, one = {.key = 1};
        int key = 1;

        mem_fail_at(nth);
        HASH_ADD_INT(table, key, &one);
        mem_fail_at(0);
        HASH_FIND_INT(table, &key, found);
        if (one.hh.tbl == NULL) {
            ck_assert_ptr_null(found);
        } else {
            ck_assert_ptr_eq(found, &one);
            HASH_DEL(table, &one);
        }
        ck_assert(nth > 2 || one.hh.tbl == NULL); /* a table is made of two allocations */
        ck_assert_int_eq(mem_live(), before);
    }
}
END_TEST

/* --- clock ------------------------------------------------------------------------------- */

START_TEST(clock_stands_still_and_is_moved)
{
    clock_freeze(5000);
    ck_assert_uint_eq(clock_now(), 5000);
    clock_advance(250);
    ck_assert_uint_eq(clock_now(), 5250);
    clock_freeze(0);
    ck_assert_uint_eq(clock_now(), 0);
    clock_thaw();
    ck_assert_uint_ne(clock_now(), 0);
}
END_TEST

START_TEST(clock_runs_by_the_real_one)
{
    uint64_t before = clock_now();
    uint64_t coarse = clock_coarse();

    clock_advance(1000000); /* means nothing while it runs */
    ck_assert_uint_ge(clock_now(), before);
    ck_assert_uint_lt(clock_now(), before + 900000);
    ck_assert_uint_le(coarse, clock_now());
    ck_assert_uint_lt(clock_now() - coarse, 100000);
    ck_assert_uint_le(clock_wall() / 1000, (uint64_t)time(NULL) + 1);
    ck_assert_uint_ge(clock_wall() / 1000 + 1, (uint64_t)time(NULL));
}
END_TEST

START_TEST(clock_coarse_is_real_whatever_tests_set)
{
    clock_freeze(7);
    ck_assert_uint_ne(clock_coarse(), 7);
    clock_thaw();
}
END_TEST

/* --- rate -------------------------------------------------------------------------------- */

/* How many of one token each are had at once. */
static unsigned take_all(struct bucket *bucket, const struct rate *rate, uint64_t now)
{
    unsigned taken = 0;

    while (taken < 100000 && bucket_take(bucket, rate, 1, now))
        taken++;
    return taken;
}

START_TEST(bucket_is_full_at_first_and_fills_evenly)
{
    const struct rate rate = {.count = 20, .ms = 1000};
    struct bucket bucket = {0};

    ck_assert_uint_eq(take_all(&bucket, &rate, 5000), 20);
    ck_assert(!bucket_take(&bucket, &rate, 1, 5049));
    ck_assert(bucket_take(&bucket, &rate, 1, 5050));
    ck_assert(!bucket_take(&bucket, &rate, 1, 5050));
    ck_assert_uint_eq(take_all(&bucket, &rate, 5550), 10);
    ck_assert_uint_eq(take_all(&bucket, &rate, 1u << 30), 20);
}
END_TEST

/* A rate below one a millisecond, asked each millisecond: what is not a whole token yet stays. */
START_TEST(bucket_rounds_nothing_away)
{
    const struct rate slow = {.count = 7, .ms = 3600000}, odd = {.count = 3, .ms = 7};
    struct bucket bucket = {0};
    unsigned taken = 0;

    for (uint64_t now = 0; now <= 3600000; now++)
        taken += bucket_take(&bucket, &slow, 1, now);
    ck_assert_uint_eq(taken, 7 + 7);
    bucket = (struct bucket){0};
    taken = 0;
    for (uint64_t now = 0; now <= 7000; now++)
        taken += take_all(&bucket, &odd, now);
    ck_assert_uint_eq(taken, 3 + 3000);
}
END_TEST

START_TEST(bucket_takes_all_or_none)
{
    const struct rate rate = {.count = 1000, .ms = 1000};
    struct bucket bucket = {0};

    ck_assert(bucket_take(&bucket, &rate, 600, 1));
    ck_assert(!bucket_take(&bucket, &rate, 401, 1));
    ck_assert(bucket_take(&bucket, &rate, 400, 1));
    ck_assert(!bucket_take(&bucket, &rate, 1, 1));
}
END_TEST

/* One that is ten times the bucket is had when that is full, and takes ten times as long to pay. */
START_TEST(bucket_lends_to_what_is_larger)
{
    const struct rate rate = {.count = 100, .ms = 1000};
    struct bucket bucket = {0};

    ck_assert(bucket_take(&bucket, &rate, 1, 10));
    ck_assert(!bucket_take(&bucket, &rate, 1000, 10));
    ck_assert(bucket_take(&bucket, &rate, 1000, 20));
    ck_assert(!bucket_take(&bucket, &rate, 1, 20 + 9009));
    ck_assert(bucket_take(&bucket, &rate, 1, 20 + 9010));
    ck_assert(!bucket_take(&bucket, &rate, 1000, 20 + 10009));
    ck_assert(bucket_take(&bucket, &rate, 1000, 20 + 10010));
}
END_TEST

START_TEST(bucket_without_a_rate_is_never_empty)
{
    const struct rate none = {0};
    struct bucket bucket = {0};

    for (unsigned i = 0; i < 1000; i++)
        ck_assert(bucket_take(&bucket, &none, UINT64_MAX, i));
    ck_assert_uint_eq(bucket.spent, 0);
}
END_TEST

/* The largest that can be said, and what can't: late, never wrapped round to allowed. */
START_TEST(bucket_does_not_overflow)
{
    const struct rate large = {.count = UINT64_C(1) << 30, .ms = UINT32_MAX};
    const struct rate huge = {.count = UINT64_MAX, .ms = UINT32_MAX};
    struct bucket bucket = {0};

    ck_assert(bucket_take(&bucket, &large, UINT64_C(1) << 30, 1));
    ck_assert(!bucket_take(&bucket, &large, 4, 1));
    ck_assert(bucket_take(&bucket, &large, 1, 5));
    ck_assert(bucket_take(&bucket, &large, UINT64_MAX, UINT64_MAX - 1));
    ck_assert(!bucket_take(&bucket, &large, 1, UINT64_MAX));
    bucket = (struct bucket){0};
    ck_assert(bucket_take(&bucket, &huge, UINT64_MAX, 1));
    ck_assert(!bucket_take(&bucket, &huge, 1, 1));
    ck_assert(bucket_take(&bucket, &huge, 1, 2));
}
END_TEST

START_TEST(bucket_ignores_a_clock_that_goes_back)
{
    const struct rate rate = {.count = 2, .ms = 1000};
    struct bucket bucket = {0};

    ck_assert_uint_eq(take_all(&bucket, &rate, 9000), 2);
    ck_assert(!bucket_take(&bucket, &rate, 1, 8000));
    ck_assert(!bucket_take(&bucket, &rate, 1, 9499));
    ck_assert(bucket_take(&bucket, &rate, 1, 9500));
}
END_TEST

/* --- text -------------------------------------------------------------------------------- */

START_TEST(slices_compare)
{
    ck_assert(slice_equal(SLICE("abc"), slice_of("abc")));
    ck_assert(!slice_equal(SLICE("abc"), SLICE("abC")));
    ck_assert(!slice_equal(SLICE("abc"), SLICE("ab")));
    ck_assert(slice_equal((struct slice){NULL, 0}, SLICE("")));
    ck_assert(slice_equal(slice_of(NULL), SLICE("")));
    ck_assert(slice_equal_nocase(SLICE("Sec-WebSocket-Key"), SLICE("sec-websocket-kEY")));
    ck_assert(!slice_equal_nocase(SLICE("a@"), SLICE("a`")));
    ck_assert(!slice_equal_nocase(SLICE("a["), SLICE("a{")));
    ck_assert(!slice_equal_nocase(SLICE("\xc3\x84"), SLICE("\xc3\xa4"))); /* ASCII only */
    ck_assert(!slice_equal_nocase(SLICE("a\0b"), SLICE("a\0c")));
    ck_assert(!slice_equal_nocase(SLICE("abc"), SLICE("abcd")));
}
END_TEST

START_TEST(slices_trim)
{
    ck_assert(slice_equal(slice_trim(SLICE(" \t a b\t ")), SLICE("a b")));
    ck_assert(slice_equal(slice_trim(SLICE(" \t ")), SLICE("")));
    ck_assert(slice_equal(slice_trim(SLICE("")), SLICE("")));
    ck_assert(slice_equal(slice_trim(SLICE("\ra\n")), SLICE("\ra\n")));
}
END_TEST

START_TEST(text_grows)
{
    struct text text = {0};

    text_add(&text, "", 0);
    ck_assert_ptr_null(text.data);
    for (int i = 0; i < 1000; i++) {
        text_add_str(&text, "abc");
        text_add_byte(&text, '\0');
        text_addf(&text, "%d", i % 10);
        ck_assert_int_eq(text.data[text.size], '\0');
        ck_assert_uint_lt(text.size, text.room);
    }
    ck_assert_uint_eq(text.size, 5000);
    ck_assert_mem_eq(text.data + 4990,
                     "abc\0"
                     "8abc\0"
                     "9",
                     11);
    text_clear(&text);
    ck_assert_uint_eq(text.size, 0);
    ck_assert_uint_gt(text.room, 5000);
    ck_assert_str_eq(text.data, "");
    text_free(&text);
    ck_assert_ptr_null(text.data);
    ck_assert_uint_eq(text.room, 0);
}
END_TEST

START_TEST(text_formats_what_does_not_fit_yet)
{
    struct text text = {0};

    text_addf(&text, "%s", "");
    ck_assert_uint_eq(text.size, 0);
    for (unsigned width = 60; width < 70; width++) { /* around the first room of 64 */
        text_free(&text);
        text_addf(&text, "%0*d", (int)width, 7);
        ck_assert_uint_eq(text.size, width);
        ck_assert_uint_eq(strlen(text.data), width);
        ck_assert_int_eq(text.data[width - 1], '7');
    }
    text_addf(&text, "-%s", "x");
    ck_assert_str_eq(text.data + text.size - 3, "7-x");
    text_free(&text);
}
END_TEST

START_TEST(text_reserve_gives_room)
{
    struct text text = {0};

    text_add_str(&text, "ab");
    char *end = text_reserve(&text, 1000);
    ck_assert_ptr_eq(end, text.data + 2);
    ck_assert_uint_eq(text.size, 2);
    ck_assert_uint_ge(text.room, 1003);
    memset(end, 'c', 1000);
    text.size += 1000;
    char *taken = text_take(&text);
    ck_assert_uint_eq(strlen(taken), 1002);
    ck_assert_ptr_null(text.data);
    mem_free(taken);
}
END_TEST

START_TEST(text_take_of_nothing_is_an_empty_string)
{
    struct text text = {0};
    char *taken = text_take(&text);

    ck_assert_str_eq(taken, "");
    mem_free(taken);
}
END_TEST

START_TEST(text_failed_keeps_what_was_there)
{
    struct text text = {0};
    long before = mem_live();

    text_add_str(&text, "kept");
    mem_fail_at(1);
    text_addf(&text, "%100d", 1);
    ck_assert(text.failed);
    text_add_str(&text, " and no more");
    text_add_byte(&text, 'x');
    text_addf(&text, "y");
    ck_assert_ptr_null(text_reserve(&text, 1));
    ck_assert_str_eq(text.data, "kept");
    ck_assert_uint_eq(text.size, 4);
    ck_assert_ptr_null(text_take(&text));
    ck_assert_int_eq(mem_live(), before);
    ck_assert(!text.failed); /* as new */

    mem_fail_at(1);
    text_add_byte(&text, 'x');
    ck_assert(text.failed);
    ck_assert_ptr_null(text.data);
    text_clear(&text);
    text_add_byte(&text, 'x');
    ck_assert_str_eq(text.data, "x");
    text_free(&text);
}
END_TEST

START_TEST(text_refuses_sizes_that_overflow)
{
    struct text text = {0};

    text_add_str(&text, "x");
    ck_assert_ptr_null(text_reserve(&text, SIZE_MAX));
    ck_assert(text.failed);
    text_clear(&text);
    ck_assert_ptr_null(text_reserve(&text, SIZE_MAX / 2));
    ck_assert(text.failed);
    text_free(&text);
}
END_TEST

static const struct {
    const char *a, *b;
    unsigned distance;
} distances[] = {
    {"", "", 0},
    {"", "abc", 3},
    {"same", "same", 0},
    {"same", "some", 1},
    {"same", "sme", 1},
    {"same", "samne", 1},
    {"same", "smae", 1},
    {"consumer", "consumre", 1},
    {"ca", "abc", 3}, /* restricted: what was swapped is not edited again */
    {"kitten", "sitting", 3},
    {"routing", "running", 3},
    {"abcdef", "badcfe", 3},
    {"saturday", "sunday", 3},
    {"aab", "aba", 1},
    {"abab", "baba", 2},
    {"a", "b", 1},
};

START_TEST(distance_counts_edits)
{
    struct slice a = slice_of(distances[_i].a), b = slice_of(distances[_i].b);

    ck_assert_uint_eq(text_distance(a, b, 10), distances[_i].distance);
    ck_assert_uint_eq(text_distance(b, a, 10), distances[_i].distance);
    if (distances[_i].distance > 0)
        ck_assert_uint_eq(text_distance(a, b, distances[_i].distance - 1), distances[_i].distance);
    if (distances[_i].distance > 1)
        ck_assert_uint_eq(text_distance(a, b, 0), 1);
}
END_TEST

START_TEST(distance_of_long_words)
{
    char a[1000], b[1000];

    memset(a, 'a', sizeof a);
    memcpy(b, a, sizeof b);
    b[500] = 'b';
    ck_assert_uint_eq(text_distance((struct slice){a, 1000}, (struct slice){b, 1000}, 3), 1);
    memset(b, 'b', sizeof b);
    ck_assert_uint_eq(text_distance((struct slice){a, 1000}, (struct slice){b, 1000}, 3), 4);
    ck_assert_uint_eq(text_distance((struct slice){a, 64}, (struct slice){b, 64}, 100), 64);
    ck_assert_uint_eq(text_distance((struct slice){a, 65}, (struct slice){b, 65}, 100), 101);
}
END_TEST

START_TEST(suggest_finds_the_nearest)
{
    static const char *const choices[] = {"listen", "limits", "mount", "layer", "sessions", NULL};

    ck_assert_str_eq(text_suggest(SLICE("lisen"), choices), "listen");
    ck_assert_str_eq(text_suggest(SLICE("limit"), choices), "limits");
    ck_assert_str_eq(text_suggest(SLICE("moutn"), choices), "mount");
    ck_assert_str_eq(text_suggest(SLICE("mount"), choices), "mount");
    ck_assert_ptr_null(text_suggest(SLICE("frobnicate"), choices));
    ck_assert_ptr_null(text_suggest(SLICE(""), choices));
    ck_assert_ptr_null(text_suggest(SLICE("m"), choices));
}
END_TEST

START_TEST(suggest_wants_fewer_than_half_of_the_word)
{
    static const char *const choices[] = {"on", "off", "abcd", NULL};

    ck_assert_ptr_null(text_suggest(SLICE("in"), choices));      /* 1 of 2 */
    ck_assert_str_eq(text_suggest(SLICE("onn"), choices), "on"); /* 1 of 3 */
    ck_assert_ptr_null(text_suggest(SLICE("xbyd"), choices));    /* 2 of 4 */
    ck_assert_str_eq(text_suggest(SLICE("abxcd"), choices), "abcd");
}
END_TEST

START_TEST(hex_digits)
{
    char out[2 * 4 + 1 + 1] = "..........";

    text_hex(out, "\x00\x7f\xa5\xff", 4);
    ck_assert_str_eq(out, "007fa5ff");
    text_hex(out, "", 0);
    ck_assert_str_eq(out, "");
}
END_TEST

/* --- random ------------------------------------------------------------------------------ */

START_TEST(table_hash_is_siphash)
{
    static const struct {
        size_t size;
        uint64_t hash;
    } expected[] = {
        {0, 0xabac0158050fc4dc},  {1, 0xc9f49bf37d57ca93}, {7, 0xd3927d989bb11140},
        {8, 0x369095118d299a8e},  {9, 0x25a48eb36c063de4}, {15, 0xd320d86d2a519956},
        {63, 0x9d199062b7bbb3a8},
    };
    static const uint64_t key[2] = {0x0706050403020100, 0x0f0e0d0c0b0a0908};
    unsigned char data[64];

    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (unsigned char)i;
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
        ck_assert_uint_eq(table_hash_keyed(key, data, expected[i].size), expected[i].hash);
    ck_assert_uint_eq(table_hash(data, 9), table_hash(data, 9));
    ck_assert_uint_ne(table_hash(data, 9), expected[4].hash); /* the key is this process's own */
}
END_TEST

START_TEST(random_fills_all_and_differs)
{
    unsigned char one[1024] = {0}, two[1024] = {0};
    unsigned zeros = 0;

    ck_assert(random_bytes(one, sizeof one));
    ck_assert(random_bytes(two, sizeof two));
    ck_assert_mem_ne(one, two, 512);
    ck_assert_mem_ne(one + 512, two + 512, 512);
    for (size_t i = 0; i < sizeof one; i++)
        zeros += one[i] == 0;
    ck_assert_uint_lt(zeros, 64); /* about 4 are due */
    ck_assert(random_bytes(one, 0));
}
END_TEST

static TCase *add_case(Suite *suite, const char *name)
{
    TCase *tcase = tcase_create(name);

    tcase_set_timeout(tcase, 60);
    suite_add_tcase(suite, tcase);
    return tcase;
}

static void add_memory_and_clock(Suite *suite)
{
    TCase *tcase = add_case(suite, "mem");

    tcase_add_test(tcase, mem_counts_what_lives);
    tcase_add_test(tcase, mem_realloc_is_malloc_and_never_free);
    tcase_add_test(tcase, mem_fails_once_at_the_nth);
    tcase_add_test(tcase, mem_fail_can_be_taken_back);
    tcase_add_test(tcase, mem_failed_realloc_keeps_the_old);
    tcase_add_test(tcase, mem_counts_over_threads_and_fails_in_one);
    tcase_add_test(tcase, table_survives_each_failed_allocation);

    tcase = add_case(suite, "clock");
    tcase_add_test(tcase, clock_stands_still_and_is_moved);
    tcase_add_test(tcase, clock_runs_by_the_real_one);
    tcase_add_test(tcase, clock_coarse_is_real_whatever_tests_set);

    tcase = add_case(suite, "rate");
    tcase_add_test(tcase, bucket_is_full_at_first_and_fills_evenly);
    tcase_add_test(tcase, bucket_rounds_nothing_away);
    tcase_add_test(tcase, bucket_takes_all_or_none);
    tcase_add_test(tcase, bucket_lends_to_what_is_larger);
    tcase_add_test(tcase, bucket_without_a_rate_is_never_empty);
    tcase_add_test(tcase, bucket_does_not_overflow);
    tcase_add_test(tcase, bucket_ignores_a_clock_that_goes_back);

    tcase = add_case(suite, "random");
    tcase_add_test(tcase, random_fills_all_and_differs);
    tcase_add_test(tcase, table_hash_is_siphash);
}

static void add_text(Suite *suite)
{
    TCase *tcase = add_case(suite, "text");

    tcase_add_test(tcase, slices_compare);
    tcase_add_test(tcase, slices_trim);
    tcase_add_test(tcase, text_grows);
    tcase_add_test(tcase, text_formats_what_does_not_fit_yet);
    tcase_add_test(tcase, text_reserve_gives_room);
    tcase_add_test(tcase, text_take_of_nothing_is_an_empty_string);
    tcase_add_test(tcase, text_failed_keeps_what_was_there);
    tcase_add_test(tcase, text_refuses_sizes_that_overflow);
    tcase_add_loop_test(tcase, distance_counts_edits, 0, sizeof distances / sizeof *distances);
    tcase_add_test(tcase, distance_of_long_words);
    tcase_add_test(tcase, suggest_finds_the_nearest);
    tcase_add_test(tcase, suggest_wants_fewer_than_half_of_the_word);
    tcase_add_test(tcase, hex_digits);
}

int main(void)
{
    Suite *suite = suite_create("base");

    add_memory_and_clock(suite);
    add_text(suite);
    return suite_run(suite);
}
