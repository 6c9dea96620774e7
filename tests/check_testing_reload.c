/*
 * Tests of sluice_test_reload: new code comes under connections that a test holds, or it is refused
 * and all is as it was.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sluice/testing.h>

#include "suite.h"

static char directory[] = "/tmp/sluice-testing.XXXXXX"; /* of the test: c.so, and what it traces */
static sluice_test *test;

/* Two versions of a consumer, at home on the loop or on the pool. */
static const struct {
    const char *first, *next;
} versions[] = {
    {"tested", "tested_next"},
    {"tested_blocking", "tested_next_blocking"},
    {"tested", "tested_next_blocking"},
    {"tested_blocking", "tested_next"},
};
enum { VERSIONS = sizeof versions / sizeof *versions };

static const char *in_directory(const char *name)
{
    static char path[PATH_MAX];

    snprintf(path, sizeof path, "%s/%s", directory, name);
    return path;
}

/* Over the file that is mounted, as cp does it. */
static void put_bytes(const char *data, size_t size)
{
    FILE *file = fopen(in_directory("c.so"), "w");

    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(data, 1, size, file), size);
    ck_assert_int_eq(fclose(file), 0);
}

static void put(const char *plugin)
{
    static char bytes[4 << 20];
    char path[PATH_MAX];

    snprintf(path, sizeof path, "tests/plugins/%s.so", plugin);

    FILE *file = fopen(path, "r");

    ck_assert_msg(file != NULL, "%s", path);

    size_t size = fread(bytes, 1, sizeof bytes, file);

    fclose(file);
    put_bytes(bytes, size);
}

static void open_test(const char *plugin)
{
    char routing[PATH_MAX + 64];

    put(plugin);
    snprintf(routing, sizeof routing, "consumers %s\nws /ws/ c.so\n", directory);
    test = sluice_test_open(routing);
    ck_assert_ptr_nonnull(test);
}

static sluice_client *enter(void)
{
    sluice_client *client = sluice_test_connect(test, "/ws/");

    ck_assert_int_eq(sluice_test_status(client), 101);
    return client;
}

static void expect(sluice_client *client, const char *text)
{
    const char *next = sluice_test_next(client);

    ck_assert_pstr_eq(next, text);
}

/* ---- Moving ---------------------------------------------------------------------------------- */

START_TEST(what_has_not_changed_stays)
{
    open_test(versions[_i].first);

    sluice_client *client = enter();

    sluice_test_send(client, "count");
    expect(client, "1");
    ck_assert(sluice_test_reload(test));
    ck_assert(sluice_test_reload(test));
    sluice_test_send(client, "count");
    expect(client, "2");
    expect(client, NULL);
}
END_TEST

START_TEST(connection_moves_with_its_state)
{
    open_test(versions[_i].first);

    sluice_client *client = enter(), *other = enter();

    sluice_test_send(client, "one");
    expect(client, "one");
    put(versions[_i].next);
    ck_assert(sluice_test_reload(test));
    sluice_test_send(client, "last");
    expect(client, "one");
    sluice_test_send(client, "count");
    expect(client, "102");
    sluice_test_send(other, "hello");
    expect(other, "next hello");
    ck_assert_int_eq(sluice_test_code(client), 0);

    sluice_client *later = enter();

    sluice_test_send(later, "count");
    expect(later, "1");
}
END_TEST

/* Groups, timers, and a handshake that is not answered yet. */
START_TEST(connection_moves_with_all_it_has)
{
    open_test(versions[_i].first);

    sluice_client *client = enter();
    sluice_client *waits = sluice_test_connect(test, "/ws/?how=never");

    sluice_test_send(client, "after 1000");
    put(versions[_i].next);
    ck_assert(sluice_test_reload(test));
    expect(client, NULL);
    sluice_test_advance(test, 1000);
    expect(client, "next after 1000");
    sluice_test_group_send(test, "tested", "{\"type\":\"tested.say\",\"text\":\"news\"}");
    expect(client, "next news");
    sluice_test_advance(test, 10000);
    ck_assert_int_eq(sluice_test_status(waits), 503);
}
END_TEST

/* The first version can't take the next one's state over. */
START_TEST(connection_that_cannot_move_stays)
{
    open_test(versions[_i].next);

    sluice_client *client = enter();

    put(versions[_i].first);
    ck_assert(sluice_test_reload(test));
    sluice_test_send(client, "hello");
    expect(client, "next hello");

    sluice_client *later = enter();

    sluice_test_send(later, "hello");
    expect(later, "hello");
    put(versions[_i].next);
    ck_assert(sluice_test_reload(test));
    sluice_test_send(client, "hello");
    expect(client, "next hello");
    sluice_test_send(later, "count");
    expect(later, "101");
}
END_TEST

/* ---- Refusing -------------------------------------------------------------------------------- */

START_TEST(what_is_wrong_changes_nothing)
{
    open_test(versions[_i].first);

    sluice_client *client = enter();

    put("tested_check");
    ck_assert(!sluice_test_reload(test));
    put("load_false");
    ck_assert(!sluice_test_reload(test));
    put_bytes("no object", 9);
    ck_assert(!sluice_test_reload(test));
    unlink(in_directory("c.so"));
    ck_assert(!sluice_test_reload(test));
    sluice_test_send(client, "count");
    expect(client, "1");
    put(versions[_i].next);
    ck_assert(sluice_test_reload(test));
    sluice_test_send(client, "count");
    expect(client, "101");
}
END_TEST

START_TEST(refusal_says_why)
{
    char text[4096];
    FILE *file = tmpfile();

    ck_assert_ptr_nonnull(file);
    open_test("tested");
    put("tested_check");
    dup2(fileno(file), STDERR_FILENO);
    ck_assert(!sluice_test_reload(test));
    rewind(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    ck_assert_msg(strstr(text,
                         "routing:2:9: error: cannot load \"c.so\": its check() returned false\n"
                         "    2 | ws /ws/ c.so\n") != NULL,
                  "%s", text);
    ck_assert_msg(strstr(text, "\nsluice: 1 error\n") != NULL, "%s", text);
}
END_TEST

/* ---- Old code -------------------------------------------------------------------------------- */

START_TEST(old_code_is_gone_when_it_returns)
{
    char text[256] = "";

    setenv("PLUGIN_TRACE", in_directory("trace"), 1);
    open_test("reload_old");
    sluice_test_leave(enter(), 1000);
    put("reload_new");
    ck_assert(sluice_test_reload(test));

    FILE *file = fopen(in_directory("trace"), "r");

    ck_assert_ptr_nonnull(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    ck_assert_str_eq(text, "old load\nnew load\nold unload\n");
}
END_TEST

START_TEST(tests_reload_by_themselves)
{
    open_test("tested");

    sluice_test *first = test;
    sluice_client *here = enter();

    open_test("tested_next");

    sluice_test *second = test;
    sluice_client *there = enter();

    ck_assert(sluice_test_reload(first));
    sluice_test_send(here, "count");
    expect(here, "1"); /* this was a message to the next version */
    put("tested");
    ck_assert(sluice_test_reload(second));
    sluice_test_send(there, "hello");
    expect(there, "next hello");
    sluice_test_close(first);
    test = second;
}
END_TEST

static void make_directory(void)
{
    ck_assert_ptr_nonnull(mkdtemp(directory));
}

static void clean_up(void)
{
    sluice_test_close(test);
    unlink(in_directory("c.so"));
    unlink(in_directory("trace"));
    rmdir(directory);
}

int main(void)
{
    Suite *suite = suite_create("testing reload");
    TCase *tcase = tcase_create("reload");

    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, make_directory, clean_up);
    tcase_add_loop_test(tcase, what_has_not_changed_stays, 0, VERSIONS);
    tcase_add_loop_test(tcase, connection_moves_with_its_state, 0, VERSIONS);
    tcase_add_loop_test(tcase, connection_moves_with_all_it_has, 0, VERSIONS);
    tcase_add_loop_test(tcase, connection_that_cannot_move_stays, 0, VERSIONS);
    tcase_add_loop_test(tcase, what_is_wrong_changes_nothing, 0, VERSIONS);
    tcase_add_test(tcase, refusal_says_why);
    tcase_add_test(tcase, old_code_is_gone_when_it_returns);
    tcase_add_test(tcase, tests_reload_by_themselves);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
