/*
 * Tests of server/mount: what is dropped is counted, always, and told, seldom.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "server/mount.h"
#include "suite.h"

enum { MINUTE = 60 * 1000 };

static struct mount mount;

static void set_up(void)
{
    clock_freeze(1000000);
}

static void tear_down(void)
{
    clock_thaw();
}

static unsigned long dropped(enum drop drop)
{
    return atomic_load(&mount.dropped[drop]);
}

START_TEST(told_once_a_minute)
{
    ck_assert(mount_drop(&mount, DROP_NO_HANDLER, SLICE("chat.message")));
    for (int i = 0; i < 59; i++) {
        clock_advance(1000);
        ck_assert(!mount_drop(&mount, DROP_NO_HANDLER, SLICE("chat.message")));
    }
    clock_advance(999);
    ck_assert(!mount_drop(&mount, DROP_NO_HANDLER, SLICE("chat.message")));
    clock_advance(1);
    ck_assert(mount_drop(&mount, DROP_NO_HANDLER, SLICE("chat.message")));
    ck_assert(!mount_drop(&mount, DROP_NO_HANDLER, SLICE("chat.message")));
    ck_assert_uint_eq(dropped(DROP_NO_HANDLER), 63);
}
END_TEST

START_TEST(different_things_are_told_each)
{
    ck_assert(mount_drop(&mount, DROP_NO_HANDLER, SLICE("chat.message")));
    ck_assert(mount_drop(&mount, DROP_NO_HANDLER, SLICE("chat.massage")));
    ck_assert(mount_drop(&mount, DROP_BAD_TYPE, SLICE("chat.message")));
    ck_assert(mount_drop(&mount, DROP_CLOSED, (struct slice){0}));
    ck_assert(mount_drop(&mount, DROP_EARLY, (struct slice){0}));
    ck_assert(!mount_drop(&mount, DROP_CLOSED, (struct slice){0}));
    ck_assert_uint_eq(dropped(DROP_NO_HANDLER), 2);
    ck_assert_uint_eq(dropped(DROP_BAD_TYPE), 1);
    ck_assert_uint_eq(dropped(DROP_CLOSED), 2);
    ck_assert_uint_eq(dropped(DROP_EARLY), 1);
    ck_assert_uint_eq(dropped(DROP_JOB), 0);
}
END_TEST

/* Types may come from clients: they are not to write the log. */
START_TEST(game_of_many_things_is_counted_alone)
{
    unsigned told = 0;
    for (int i = 0; i < 10000; i++) {
        char type[32];
        snprintf(type, sizeof type, "made.up.%d", i);
        told += mount_drop(&mount, DROP_NO_HANDLER, slice_of(type));
    }
    ck_assert_uint_eq(told, MOUNT_TOLD_MAX);
    ck_assert_uint_eq(dropped(DROP_NO_HANDLER), 10000);
    ck_assert(!mount_drop(&mount, DROP_BAD_EVENT, SLICE("something else")));
    ck_assert_uint_eq(dropped(DROP_BAD_EVENT), 1);
    clock_advance(MINUTE);
    ck_assert(mount_drop(&mount, DROP_BAD_EVENT, SLICE("something else")));
    ck_assert(mount_drop(&mount, DROP_NO_HANDLER, SLICE("made.up.1")));
}
END_TEST

/* Each has its own minute. */
START_TEST(one_place_is_free_when_its_minute_is_over)
{
    for (int i = 0; i < MOUNT_TOLD_MAX; i++) {
        char type[2] = {(char)('a' + i), 0};
        ck_assert(mount_drop(&mount, DROP_NO_HANDLER, slice_of(type)));
        clock_advance(1);
    }
    clock_advance(MINUTE - MOUNT_TOLD_MAX); /* since the first */
    ck_assert(!mount_drop(&mount, DROP_NO_HANDLER, SLICE("b")));
    ck_assert(mount_drop(&mount, DROP_NO_HANDLER, SLICE("new")));
    ck_assert(!mount_drop(&mount, DROP_NO_HANDLER, SLICE("newer")));
}
END_TEST

/* What is long tells by its beginning and its length: nobody is to make counting slow. */
START_TEST(long_things_are_told)
{
    enum { SIZE = 1 << 20 };
    char *type = malloc(SIZE);
    memset(type, 'x', SIZE);
    ck_assert(mount_drop(&mount, DROP_BAD_NAME, (struct slice){type, SIZE}));
    ck_assert(!mount_drop(&mount, DROP_BAD_NAME, (struct slice){type, SIZE}));
    ck_assert(mount_drop(&mount, DROP_BAD_NAME, (struct slice){type, SIZE - 1}));
    type[0] = 'y';
    ck_assert(mount_drop(&mount, DROP_BAD_NAME, (struct slice){type, SIZE}));
    free(type);
}
END_TEST

/* What a consumer's own thread does belongs to no mount, and floods no log either. */
START_TEST(outside_of_any_mount_is_told_as_seldom)
{
    ck_assert(mount_drop(NULL, DROP_MISUSE, SLICE("sluice_send")));
    ck_assert(!mount_drop(NULL, DROP_MISUSE, SLICE("sluice_send")));
    ck_assert(mount_drop(&mount, DROP_MISUSE, SLICE("sluice_send")));
    clock_advance(MINUTE);
    ck_assert(mount_drop(NULL, DROP_MISUSE, SLICE("sluice_send")));
}
END_TEST

START_TEST(every_drop_has_a_name)
{
    for (unsigned i = 0; i < DROP_COUNT; i++) {
        ck_assert_ptr_nonnull(drop_name((enum drop)i));
        for (unsigned j = 0; j < i; j++)
            ck_assert_str_ne(drop_name((enum drop)i), drop_name((enum drop)j));
    }
}
END_TEST

/* ---- Making --------------------------------------------------------------------------------- */

static void write_conf(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    ck_assert_ptr_nonnull(file);
    fputs(text, file);
    fclose(file);
}

/* What routing.conf says and what it names are looked through in one run. */
START_TEST(all_mistakes_are_told_at_once)
{
    char directory[] = "/tmp/check_mount_XXXXXX", path[100];
    struct diag diag = {0};
    struct plugin_fault fault = {.message = ""};
    struct text said = {0};

    ck_assert_ptr_nonnull(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/r.conf", directory);
    write_conf(path, "ws /a/<string:b>/ missing.so\n"
                     "ws /c/ missing.html\n"
                     "http /d dir=none\n"
                     "http /e\n"
                     "ws\n");
    struct plugin_cache *cache = plugin_cache_open(directory, &fault);
    ck_assert_ptr_nonnull(cache);
    struct config *config = config_read(path, &diag);
    ck_assert_ptr_nonnull(config);
    ck_assert_uint_eq(diag.errors, 4);
    ck_assert_ptr_null(routing_new(config, cache, NULL, &diag));
    ck_assert_uint_eq(diag.errors, 6);
    diag_print(&diag, &said);
    ck_assert_ptr_nonnull(strstr(said.data, "r.conf:1:8: error: unknown converter \"string\""));
    ck_assert_ptr_nonnull(strstr(said.data, "r.conf:1:19: error: cannot load \"missing.so\""));
    ck_assert_ptr_nonnull(strstr(said.data, "r.conf:3:13: error: cannot open directory \"none\""));
    text_free(&said);
    diag_free(&diag);
    config_unref(config);
    plugin_cache_close(cache);
    remove(path);
    remove(directory);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("server/mount");
    TCase *tcase = tcase_create("dropping");
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, told_once_a_minute);
    tcase_add_test(tcase, different_things_are_told_each);
    tcase_add_test(tcase, game_of_many_things_is_counted_alone);
    tcase_add_test(tcase, one_place_is_free_when_its_minute_is_over);
    tcase_add_test(tcase, long_things_are_told);
    tcase_add_test(tcase, outside_of_any_mount_is_told_as_seldom);
    tcase_add_test(tcase, every_drop_has_a_name);
    tcase_add_test(tcase, all_mistakes_are_told_at_once);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
