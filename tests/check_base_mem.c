/* Tests of base/mem: what is counted, what fails on demand, and what goes back to the system. */
#include <check.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "suite.h"

START_TEST(what_lives_is_counted)
{
    long live = mem_live(), bytes = mem_bytes();
    void *one = mem_alloc(1000);

    ck_assert_int_eq(mem_live(), live + 1);
    ck_assert_int_ge(mem_bytes(), bytes + 1000);
    one = mem_realloc(one, 100000);
    ck_assert_int_eq(mem_live(), live + 1);
    ck_assert_int_ge(mem_bytes(), bytes + 100000);
    one = mem_realloc(one, 0);
    ck_assert_ptr_nonnull(one);
    ck_assert_int_lt(mem_bytes(), bytes + 100000);
    mem_free(one);
    mem_free(NULL);
    ck_assert_int_eq(mem_live(), live);
    ck_assert_int_eq(mem_bytes(), bytes);
}
END_TEST

START_TEST(what_fails_is_not_counted)
{
    long live = mem_live(), bytes = mem_bytes();
    void *one = mem_alloc(1000);

    mem_fail_at(1);
    ck_assert_ptr_null(mem_realloc(one, 2000));
    mem_fail_at(2);
    ck_assert(!mem_part_fails());
    ck_assert(mem_part_fails());
    ck_assert(!mem_part_fails());
    mem_free(one);
    ck_assert_int_eq(mem_live(), live);
    ck_assert_int_eq(mem_bytes(), bytes);
}
END_TEST

static long resident_kilobytes(void)
{
    FILE *file = fopen("/proc/self/status", "r");
    char line[256];
    long kilobytes = 0;

    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (sscanf(line, "VmRSS: %ld", &kilobytes) == 1)
            break;
    if (file != NULL)
        fclose(file);
    return kilobytes;
}

static void look(unsigned times)
{
    while (times-- > 0)
        mem_trim();
}

/* Between what is freed lies, now and then, what is not: most pages are free, none is at the end.
 */
START_TEST(free_pages_go_back)
{
    enum { MANY = 40000, SIZE = 1000, KEPT_EVERY = 200 };
    static void *blocks[MANY];
    const char *sanitize = getenv("SANITIZE");

    mem_setup();
    for (unsigned i = 0; i < MANY; i++) {
        blocks[i] = mem_alloc(SIZE);
        ck_assert_ptr_nonnull(blocks[i]);
        memset(blocks[i], 1, SIZE);
    }
    look(10);
    long most = resident_kilobytes();
    for (unsigned i = 0; i < MANY; i++)
        if (i % KEPT_EVERY != KEPT_EVERY - 1)
            mem_free(blocks[i]);
    look(20);
    if (sanitize == NULL || *sanitize == '\0') /* which keep what is freed for themselves */
        ck_assert_int_lt(resident_kilobytes(), most - MANY * 3 / 4);
    for (unsigned i = KEPT_EVERY - 1; i < MANY; i += KEPT_EVERY)
        mem_free(blocks[i]);
    look(20);
}
END_TEST

/* What other threads free lies at the end of heaps of their own. */
static void *large_messages(void *kept)
{
    enum { MANY = 8, SIZE = 1 << 20 };
    void *blocks[MANY];

    for (unsigned i = 0; i < MANY; i++) {
        blocks[i] = mem_alloc(SIZE);
        ck_assert_ptr_nonnull(blocks[i]);
        memset(blocks[i], 1, SIZE);
    }
    look(10);
    long most = resident_kilobytes();

    for (unsigned i = 0; i < MANY; i++)
        mem_free(blocks[i]);
    ((long *)kept)[0] = most - resident_kilobytes(); /* there is no rest yet */
    look(20);
    mem_trim_own();
    ((long *)kept)[1] = most - resident_kilobytes();
    return NULL;
}

START_TEST(a_thread_gives_back_at_rest)
{
    const char *sanitize = getenv("SANITIZE");
    pthread_t thread;
    long given[2];

    mem_setup();
    ck_assert_int_eq(pthread_create(&thread, NULL, large_messages, given), 0);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    if (sanitize == NULL || *sanitize == '\0') {
        ck_assert_int_lt(given[0], 2 << 10);
        ck_assert_int_gt(given[1], 6 << 10);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("base_mem");
    TCase *tcase = tcase_create("mem");

    tcase_add_test(tcase, what_lives_is_counted);
    tcase_add_test(tcase, what_fails_is_not_counted);
    tcase_add_test(tcase, free_pages_go_back);
    tcase_add_test(tcase, a_thread_gives_back_at_rest);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
