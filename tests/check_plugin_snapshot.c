/*
 * Tests of plugin/snapshot and plugin/symbol: what is kept of what serves, and what a function is
 * called.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "plugin/snapshot.h"
#include "plugin/symbol.h"
#include "plugin_fixture.h"
#include "suite.h"

#define TEXT "ws /a/ good.so\n"

static char *make(struct plugin_cache *cache, const struct snapshot_entry *entries, unsigned count,
                  int *lock)
{
    struct plugin_fault fault = {.message = ""};
    char *path = snapshot_make(cache, SLICE(TEXT), entries, count, lock, &fault);

    ck_assert_msg(path != NULL, "%s", fault.message);
    return path;
}

START_TEST(what_is_kept_is_found_again)
{
    struct plugin_cache *cache = open_cache();
    struct generation *good = open_good(cache, built_plugin("good"));
    const struct snapshot_entry entries[] = {{good, "/some where/good.so", true},
                                             {good, "/else/good.so", false}};
    struct snapshot *snapshot;
    int lock;
    char *path = make(cache, entries, 2, &lock);
    struct text text;

    snapshot = snapshot_read(path);
    ck_assert_ptr_nonnull(snapshot);
    ck_assert_uint_eq(snapshot->count, 2);
    ck_assert_str_eq(snapshot->files[0].file, "/some where/good.so");
    ck_assert(snapshot->files[0].fresh);
    ck_assert(!snapshot->files[1].fresh);
    ck_assert_mem_eq(snapshot->files[0].digest, generation_digest(good), DIGEST_SIZE);
    ck_assert_str_eq(snapshot->files[0].copy, snapshot->files[1].copy);
    text = read_file(snapshot->text);
    ck_assert_str_eq(text.data, TEXT);
    text_free(&text);
    snapshot_free(snapshot);
    end_generation(cache, good);
    snapshot_remove(path);
    ck_assert(!is_there(path));
    close(lock);
    mem_free(path);
    plugin_cache_close(cache);
}
END_TEST

/* The cache that made it is gone; its file has changed; another one starts, which cleans up. */
START_TEST(it_outlives_its_maker_for_as_long_as_it_is_locked)
{
    struct plugin_cache *cache = open_cache(), *next;
    const char *file = in_scratch("good.so");
    struct generation *good, *same;
    unsigned char digest[DIGEST_SIZE];
    struct plugin_fault fault;
    struct snapshot *snapshot;
    int lock;
    char *path;

    copy_file(file, built_plugin("good"));
    good = open_good(cache, file);
    memcpy(digest, generation_digest(good), DIGEST_SIZE);
    path = make(cache, &(struct snapshot_entry){good, file, true}, 1, &lock);
    end_generation(cache, good);
    plugin_cache_close(cache);
    write_file(file, SLICE("half built"));

    next = open_cache();
    snapshot = snapshot_read(path);
    ck_assert_ptr_nonnull(snapshot);
    snapshot_use(next, snapshot);
    same = open_good(next, file);
    ck_assert_mem_eq(generation_digest(same), digest, DIGEST_SIZE);
    ck_assert_str_eq(generation_name(same), "good.so");
    end_generation(next, same);
    snapshot_use(next, NULL);
    snapshot_free(snapshot);
    ck_assert_ptr_null(generation_open(next, file, NULL, &fault)); /* its own file again */

    close(lock);
    plugin_cache_clean(next);
    ck_assert(!is_there(path));
    plugin_cache_close(next);
    mem_free(path);
}
END_TEST

START_TEST(what_is_not_whole_is_none)
{
    static const char *const lists[] = {
        "0123 fresh good.so /good.so\n", /* no digest */
        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef fresh good.so\n",
        "nonsense",
    };
    char path[128];

    ck_assert_ptr_null(snapshot_read(in_scratch("none")));
    ck_assert_int_eq(mkdir(in_scratch("bad"), 0700), 0);
    snprintf(path, sizeof path, "%s", in_scratch("bad"));
    ck_assert_ptr_null(snapshot_read(path));
    write_file(in_scratch("bad/list"), slice_of(lists[_i]));
    ck_assert_ptr_null(snapshot_read(path));
}
END_TEST

START_TEST(a_snapshot_without_memory)
{
    struct plugin_cache *cache = open_cache();
    struct generation *good = open_good(cache, built_plugin("good"));
    const struct snapshot_entry entry = {good, "/good.so", true};
    struct snapshot *snapshot = NULL;
    char *path = NULL;
    int lock = -1;

    for (unsigned long nth = 1; path == NULL; nth++) {
        struct plugin_fault fault = {.message = ""};

        mem_fail_at(nth);
        path = snapshot_make(cache, SLICE(TEXT), &entry, 1, &lock, &fault);
        mem_fail_at(0);
        ck_assert(path != NULL || fault.message[0] != '\0');
        ck_assert_uint_lt(nth, 100);
    }
    for (unsigned long nth = 1; snapshot == NULL; nth++) {
        mem_fail_at(nth);
        snapshot = snapshot_read(path);
        mem_fail_at(0);
        ck_assert_uint_lt(nth, 100);
    }
    ck_assert_uint_eq(snapshot->count, 1);
    snapshot_free(snapshot);
    snapshot_remove(path);
    close(lock);
    mem_free(path);
    end_generation(cache, good);
    plugin_cache_close(cache);
}
END_TEST

/* ---- Names ------------------------------------------------------------------------------- */

static int __attribute__((noinline)) nobody_exports_this(int number)
{
    return number * 3 + 1;
}

START_TEST(a_static_function_has_its_name)
{
    int (*volatile function)(int) = nobody_exports_this;
    struct symbol symbol;

    ck_assert(symbol_find((uintptr_t)function + 1, &symbol));
    ck_assert_str_eq(symbol.function, "nobody_exports_this");
    ck_assert_str_eq(symbol.object, "check_plugin_snapshot");
    ck_assert_uint_ne(symbol.address, 0);
}
END_TEST

START_TEST(what_is_no_file_has_none)
{
    struct symbol symbol;
    int on_the_stack = 0;

    ck_assert(!symbol_find(0, &symbol));
    ck_assert(!symbol_find(UINTPTR_MAX, &symbol));
    /* The kernel calls it "[stack]", and there is no function in it. */
    symbol_find((uintptr_t)&on_the_stack, &symbol);
    ck_assert_str_eq(symbol.function, "");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("plugin_snapshot");
    TCase *tcase = tcase_create("snapshot");

    tcase_add_checked_fixture(tcase, fixture_set_up, fixture_tear_down);
    tcase_add_test(tcase, what_is_kept_is_found_again);
    tcase_add_test(tcase, it_outlives_its_maker_for_as_long_as_it_is_locked);
    tcase_add_loop_test(tcase, what_is_not_whole_is_none, 0, 3);
    tcase_add_test(tcase, a_snapshot_without_memory);
    tcase_add_test(tcase, a_static_function_has_its_name);
    tcase_add_test(tcase, what_is_no_file_has_none);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
