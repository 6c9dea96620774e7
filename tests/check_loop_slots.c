/* Tests of loop/slots: that it is a malloc, and that small blocks share pages. */
#include <check.h>
#include <stdint.h>
#include <string.h>

#include "base/mem.h"
#include "loop/slots.h"
#include "suite.h"

enum { MANY = 1000 };

/* Each block has bytes of its own, whatever its size and its neighbours'. */
START_TEST(blocks_are_apart)
{
    long live = mem_live();
    unsigned char *blocks[MANY];

    for (unsigned i = 0; i < MANY; i++) {
        blocks[i] = slots_alloc(i % 40);
        ck_assert_ptr_nonnull(blocks[i]);
        ck_assert_uint_eq((uintptr_t)blocks[i] % 16, 0);
        memset(blocks[i], (int)(i % 251), i % 40);
    }
    for (unsigned i = 0; i < MANY; i++) {
        for (unsigned at = 0; at < i % 40; at++)
            ck_assert_uint_eq(blocks[i][at], i % 251);
        slots_free(blocks[i]);
    }
    slots_free(NULL);
    ck_assert_int_eq(mem_live(), live);
}
END_TEST

START_TEST(small_blocks_share_pages)
{
    long live = mem_live();
    void *blocks[MANY];

    for (unsigned i = 0; i < MANY; i++)
        blocks[i] = slots_alloc(16);
    ck_assert_int_le(mem_live() - live, MANY / 100);
    for (unsigned i = MANY; i > 0; i--)
        slots_free(blocks[i - 1]);
    ck_assert_int_eq(mem_live(), live);
}
END_TEST

START_TEST(blocks_grow_and_shrink)
{
    static const size_t sizes[] = {1, 16, 17, 16, 3, 5000, 4000, 12, 0, 33};
    long live = mem_live();
    char *block = slots_realloc(NULL, 1);

    ck_assert_ptr_nonnull(block);
    *block = 'a';
    for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        block = slots_realloc(block, sizes[i]);
        ck_assert_ptr_nonnull(block);
        if (sizes[i] > 0 && (i == 0 || sizes[i - 1] > 0))
            ck_assert_int_eq(*block, 'a');
    }
    slots_free(block);
    ck_assert_int_eq(mem_live(), live);
}
END_TEST

START_TEST(without_memory_there_is_none)
{
    long live = mem_live();
    char *small = slots_alloc(10), *large = slots_alloc(100);
    void *page[400];

    *small = *large = 'a';
    mem_fail_at(1);
    ck_assert_ptr_null(slots_alloc(10));
    mem_fail_at(1);
    ck_assert_ptr_null(slots_alloc(100));
    ck_assert_ptr_null(slots_alloc(SIZE_MAX - 1));
    mem_fail_at(1);
    ck_assert_ptr_null(slots_realloc(small, 100));
    mem_fail_at(1);
    ck_assert_ptr_null(slots_realloc(large, 10));
    mem_fail_at(1);
    ck_assert_ptr_null(slots_realloc(large, 1000));
    ck_assert_int_eq(*small, 'a');
    ck_assert_int_eq(*large, 'a');

    unsigned failed = 0;
    for (unsigned i = 0; i < 400; i++) { /* some of them would begin a page */
        mem_fail_at(2);
        page[i] = slots_alloc(16);
        failed += page[i] == NULL;
    }
    mem_fail_at(0);
    ck_assert_uint_gt(failed, 0);
    for (unsigned i = 0; i < 400; i++)
        slots_free(page[i]);
    slots_free(small);
    slots_free(large);
    ck_assert_int_eq(mem_live(), live);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("loop_slots");
    TCase *tcase = tcase_create("slots");

    tcase_add_test(tcase, blocks_are_apart);
    tcase_add_test(tcase, small_blocks_share_pages);
    tcase_add_test(tcase, blocks_grow_and_shrink);
    tcase_add_test(tcase, without_memory_there_is_none);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
