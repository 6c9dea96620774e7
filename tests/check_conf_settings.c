/*
 * tests/check_conf_settings: the settings of routing.conf: their defaults, units and bounds, for
 * which mounts they hold, and what the pages say of them.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "conf/directive.h"
#include "parsed.h"
#include "suite.h"

static bool is_refused(const char *text, const char *message)
{
    struct diag diag = {0};
    struct text said = {0};
    bool found;

    ck_assert_ptr_null(config_parse("routing.conf", "/site", slice_of(text), &diag));
    diag_print(&diag, &said);
    found = strstr(said.data, message) != NULL;
    diag_free(&diag);
    text_free(&said);
    return found;
}

START_TEST(an_empty_file_has_all_the_defaults)
{
    struct config *config = parse("");

    ck_assert_uint_eq(config->listen_count, 1);
    ck_assert_str_eq(config->listens[0].address, "127.0.0.1:8000");
    ck_assert_str_eq(config->listens[0].host, "127.0.0.1");
    ck_assert_uint_eq(config->listens[0].port, 8000);
    ck_assert_ptr_null(config->listens[0].unix_path);
    ck_assert_uint_eq(config->loops, 0);
    ck_assert_uint_eq(config->pool_threads, 4);
    ck_assert_uint_eq(config->pool_queue, 1000);
    ck_assert_ptr_null(config->cache);
    ck_assert_uint_eq(config->server.connections, 0);
    ck_assert_uint_eq(config->server.headers, 32768);
    ck_assert_uint_eq(config->server.header_count, 100);
    ck_assert_uint_eq(config->server.request_line, 8192);
    ck_assert_uint_eq(config->server.handshake, 10000);
    ck_assert_uint_eq(config->server.keep_alive, 30000);
    ck_assert_uint_eq(config->server.stop, 5000);
    ck_assert_uint_eq(config->server.per_address, 0);
    ck_assert_uint_eq(config->server.body, 1 << 20);
    ck_assert_uint_eq(config->server.unfinished, 256 << 20);
    ck_assert_uint_eq(config->server.pace, 1000);
    ck_assert(!config->server.restarts);
    ck_assert_uint_eq(config->mount_count, 0);
    config_unref(config);
}
END_TEST

static void check_standard_limits(const struct limits_config *limits)
{
    ck_assert_uint_eq(limits->answer, 10000);
    ck_assert_uint_eq(limits->message, 1 << 20);
    ck_assert_uint_eq(limits->fragments, 1024);
    ck_assert_uint_eq(limits->unfinished, 30000);
    ck_assert_uint_eq(limits->backlog, 1 << 20);
    ck_assert_uint_eq(limits->events, 1000);
    ck_assert_uint_eq(limits->ping, 20000);
    ck_assert_uint_eq(limits->pong, 20000);
    ck_assert_uint_eq(limits->idle, 0);
    ck_assert_uint_eq(limits->callback, 100);
    ck_assert_uint_eq(limits->closing, 5000);
    ck_assert_uint_eq(limits->rate.count, 0);
    ck_assert_uint_eq(limits->bytes.count, 0);
    ck_assert(!limits->drop);
}

START_TEST(a_bare_mount_has_all_the_defaults)
{
    struct config *config = parse("ws /ws/echo/ echo.so\n");
    const struct mount_config *mount = &config->mounts[0];

    ck_assert_uint_eq(config->mount_count, 1);
    ck_assert_int_eq(mount->kind, MOUNT_WS);
    ck_assert_str_eq(mount->route, "/ws/echo/");
    ck_assert_str_eq(mount->file_name, "echo.so");
    ck_assert_str_eq(mount->file, "/site/echo.so");
    ck_assert(slice_equal(text_at(config, mount->place), SLICE("/ws/echo/")));
    ck_assert(slice_equal(text_at(config, mount->file_place), SLICE("echo.so")));
    check_standard_limits(&mount->limits);
    ck_assert_ptr_null(mount->origins);
    ck_assert_ptr_null(mount->subprotocols);
    ck_assert_uint_eq(mount->option_count, 0);
    config_unref(config);
}
END_TEST

/* The defaults as the table tells them are those that hold: a file that says them changes nothing.
 */
START_TEST(the_defaults_may_be_said)
{
    struct config *silent = parse("ws /a a.so\n");
    struct config *config =
        parse("listen 127.0.0.1:8000\nloops auto\npool threads=4 queue=1k\nlayer local\nserver "
              "connections=auto headers=32k header-count=100 request-line=8k handshake=10s "
              "keep-alive=30s "
              "stop=5s pace=1s per-address=off body=1m unfinished=256m restarts=off\n"
              "compress off level=1 window=15 takeover=off min=256\nlimits rate=off bytes=off "
              "policy=close  answer=10s message=1m fragments=1024 unfinished=30s backlog=1m "
              "events=1000 "
              "ping=20s pong=20s idle=off callback=100ms closing=5s\norigins same\nws /a a.so\n");
    struct diag diag = {0};

    check_standard_limits(&config->mounts[0].limits);
    ck_assert_mem_eq(&config->server, &silent->server, sizeof config->server);
    config_compare(silent, config, &diag);
    ck_assert_uint_eq(diag.warnings, 0);
    config_unref(silent);
    config_unref(config);
}
END_TEST

START_TEST(times_and_sizes_have_units)
{
    struct config *config = parse("limits answer=250ms ping=2s pong=3m idle=1d callback=1h\n"
                                  "limits message=10 backlog=1g unfinished=off\nws /a a.so\n"
                                  "server keep-alive=1m\nhttp /b dir=b max-age=1d\n");
    const struct limits_config *limits = &config->mounts[0].limits;

    ck_assert_uint_eq(limits->answer, 250);
    ck_assert_uint_eq(limits->ping, 2000);
    ck_assert_uint_eq(limits->pong, 180000);
    ck_assert_uint_eq(limits->idle, 86400000);
    ck_assert_uint_eq(limits->callback, 3600000);
    ck_assert_uint_eq(limits->message, 10);
    ck_assert_uint_eq(limits->backlog, UINT64_C(1) << 30);
    ck_assert_uint_eq(limits->unfinished, 0);
    ck_assert_uint_eq(config->server.keep_alive, 60000);
    ck_assert_uint_eq(config->mounts[1].max_age, 86400);
    config_unref(config);
}
END_TEST

/* Each setting of the table, with what lies just within its bounds and just beyond. */
START_TEST(bounds_are_kept)
{
    static const struct {
        const char *before, *least, *most, *below, *above;
    } settings[] = {
        {"loops ", "1", "1024", "0", "1025"},
        {"pool threads=", "1", "1024", "0", "1025"},
        {"pool queue=", "1", "1000000", "0", "1000001"},
        {"server connections=", "1", "10000000", "0", "10000001"},
        {"server headers=", "256", "1048576", "255", "1048577"},
        {"server header-count=", "1", "1000", "0", "1001"},
        {"server request-line=", "64", "65536", "63", "65537"},
        {"server handshake=", "10ms", "600000ms", "9ms", "600001ms"},
        {"server body=", "0", "1073741824", "-1", "1073741825"},
        {"server unfinished=", "1048576", "68719476736", "1048575", "68719476737"},
        {"server per-address=", "1", "10000000", "0", "10000001"},
        {"server stop=10m pace=", "10ms", "300000ms", "9ms", "600001ms"},
        {"server keep-alive=", "10ms", "3600000ms", "9ms", "3600001ms"},
        {"server stop=", "10ms", "600000ms", "9ms", "600001ms"},
        {"limits answer=", "10ms", "600000ms", "9ms", "600001ms"},
        {"limits message=", "1", "1073741824", "0", "1073741825"},
        {"limits fragments=", "1", "1000000", "0", "1000001"},
        {"limits unfinished=", "10ms", "3600000ms", "9ms", "3600001ms"},
        {"limits backlog=", "1024", "1073741824", "1023", "1073741825"},
        {"limits events=", "1", "1000000", "0", "1000001"},
        {"compress off level=", "1", "9", "0", "10"},
        {"compress off window=", "9", "15", "8", "16"},
        {"compress off min=", "0", "1073741824", "-1", "1073741825"},
        {"limits ping=", "10ms", "86400000ms", "9ms", "86400001ms"},
        {"limits pong=", "10ms", "86400000ms", "9ms", "86400001ms"},
        {"limits idle=", "10ms", "2592000000ms", "9ms", "2592000001ms"},
        {"limits callback=", "1ms", "3600000ms", "0ms", "3600001ms"},
        {"limits closing=", "10ms", "600000ms", "9ms", "600001ms"},
        {"http /b dir=b max-age=", "1s", "31536000s", "0s", "31536001s"},
        {"listen unix:a mode=", "0", "0777", "00000000000000000000001000", "7770"},
        {"listen 127.0.0.1:", "0", "65535", "-1", "65536"},
    };
    char text[200];

    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        snprintf(text, sizeof text, "%s%s\nws /a a.so\n", settings[i].before, settings[i].least);
        config_unref(parse(text));
        snprintf(text, sizeof text, "%s%s\nws /a a.so\n", settings[i].before, settings[i].most);
        config_unref(parse(text));
        snprintf(text, sizeof text, "%s%s\nws /a a.so\n", settings[i].before, settings[i].below);
        ck_assert_msg(is_refused(text, "must be"), "%s", text);
        snprintf(text, sizeof text, "%s%s\nws /a a.so\n", settings[i].before, settings[i].above);
        ck_assert_msg(is_refused(text, "must be"), "%s", text);
        snprintf(text, sizeof text, "%s%s\nws /a a.so\n", settings[i].before,
                 "18446744073709551616000000000000000000001");
        ck_assert_msg(is_refused(text, "must be"), "%s", text);
    }
    ck_assert(is_refused("limits rate=0/s\n", "must be 1 to 1m per s, m or h"));
    ck_assert(is_refused("limits rate=1000001/h\n", "must be 1 to 1m per s, m or h"));
    ck_assert(is_refused("limits bytes=1023/s\n", "must be 1k to 1g per s, m or h"));
    ck_assert(is_refused("limits bytes=1048577k/h\n", "must be 1k to 1g per s, m or h"));
}
END_TEST

START_TEST(limits_hold_for_the_mounts_below)
{
    struct config *config = parse("ws /a a.so\n"
                                  "limits message=4k ping=off\n"
                                  "ws /b b.so {\n"
                                  "    limits message=8k\n"
                                  "}\n"
                                  "limits message=2k\n"
                                  "ws /c c.so\n");

    check_standard_limits(&config->mounts[0].limits);
    ck_assert_uint_eq(config->mounts[1].limits.message, 8192);
    ck_assert_uint_eq(config->mounts[1].limits.ping, 0);
    ck_assert_uint_eq(config->mounts[2].limits.message, 2048);
    ck_assert_uint_eq(config->mounts[2].limits.ping, 0);
    ck_assert_uint_eq(config->mounts[2].limits.pong, 20000);
    config_unref(config);
}
END_TEST

START_TEST(rates_are_for_a_time)
{
    struct config *config = parse("limits rate=20/s bytes=64k/s\nws /a a.so\n"
                                  "limits rate=600/m bytes=10m/m\nws /b a.so\n"
                                  "limits rate=1k/h bytes=1g/h\nws /c a.so\n"
                                  "limits rate=off\nws /d a.so\n");
    static const struct rate rates[][2] = {
        {{20, 1000}, {65536, 1000}},
        {{600, 60000}, {10485760, 60000}},
        {{1000, 3600000}, {1073741824, 3600000}},
        {{0, 0}, {1073741824, 3600000}},
    };

    for (unsigned i = 0; i < sizeof rates / sizeof *rates; i++) {
        const struct limits_config *limits = &config->mounts[i].limits;

        ck_assert_uint_eq(limits->rate.count, rates[i][0].count);
        ck_assert_uint_eq(limits->rate.ms, rates[i][0].ms);
        ck_assert_uint_eq(limits->bytes.count, rates[i][1].count);
        ck_assert_uint_eq(limits->bytes.ms, rates[i][1].ms);
    }
    config_unref(config);
}
END_TEST

#ifdef HAVE_DEFLATE
static void check_compress(const struct mount_config *mount, bool on, unsigned level,
                           unsigned window, bool takeover, size_t min)
{
    ck_assert_int_eq(mount->compress.on, on);
    ck_assert_uint_eq(mount->compress.level, level);
    ck_assert_uint_eq(mount->compress.window, window);
    ck_assert_int_eq(mount->compress.takeover, takeover);
    ck_assert_uint_eq(mount->compress.min, min);
}

START_TEST(compression_holds_for_the_mounts_below)
{
    struct config *config = parse("ws /a a.so\n"
                                  "compress level=6 window=12\n"
                                  "ws /b a.so\n"
                                  "ws /c a.so {\n compress takeover=on\n}\n"
                                  "ws /d a.so {\n compress off min=1k\n}\n"
                                  "compress off level=9\n"
                                  "ws /e a.so\n"
                                  "ws /f a.so {\n compress on min=0\n}\n");
    const struct mount_config *mounts = config->mounts;

    check_compress(&mounts[0], false, 1, 15, false, 256);
    check_compress(&mounts[1], true, 6, 12, false, 256);
    check_compress(&mounts[2], true, 6, 12, true, 256);
    check_compress(&mounts[3], false, 6, 12, false, 1024);
    check_compress(&mounts[4], false, 9, 12, false, 256);
    check_compress(&mounts[5], true, 9, 12, false, 0);
    config_unref(config);
}
END_TEST
#endif

START_TEST(what_a_stop_and_a_backlog_do_is_chosen)
{
    struct config *config = parse("server restarts=on per-address=20 body=0 unfinished=2g\n"
                                  "ws /a a.so {\n limits policy=drop\n}\n"
                                  "limits policy=drop\nws /b a.so {\n limits policy=close\n}\n");

    ck_assert(config->server.restarts);
    ck_assert_uint_eq(config->server.per_address, 20);
    ck_assert_uint_eq(config->server.body, 0);
    ck_assert_uint_eq(config->server.unfinished, UINT64_C(2) << 30);
    ck_assert(config->mounts[0].limits.drop);
    ck_assert(!config->mounts[1].limits.drop);
    config_unref(config);
}
END_TEST

/* ---- The pages ---- */

static struct text read_page(const char *name)
{
    const char *srcdir = getenv("srcdir");
    struct text page = {0};
    char path[4096];
    FILE *file;

    snprintf(path, sizeof path, "%s/docs/%s", srcdir != NULL ? srcdir : ".", name);
    file = fopen(path, "rb");
    ck_assert_msg(file != NULL, "cannot open %s", path);
    for (int byte; (byte = getc(file)) != EOF;)
        text_add_byte(&page, (char)byte);
    fclose(file);
    ck_assert_ptr_nonnull(page.data);
    return page;
}

/* Between the two marks of the page, which are comments of its own. */
static struct slice part_between(const struct text *page, const char *begin, const char *end)
{
    const char *from = strstr(page->data, begin), *to;

    ck_assert_msg(from != NULL, "the page has no %s", begin);
    from += strlen(begin);
    to = strstr(from, end);
    ck_assert_msg(to != NULL, "the page has no %s", end);
    return (struct slice){from, (size_t)(to - from)};
}

START_TEST(the_page_has_the_table_of_the_program)
{
    struct text page = read_page("routing-conf.md"), table = {0};

    config_describe(&table);
    ck_assert_msg(slice_equal(part_between(&page, "<!-- table -->\n\n", "\n<!-- end -->"),
                              (struct slice){table.data, table.size}),
                  "put this into docs/routing-conf.md:\n%s", table.data);
    text_free(&page);
    text_free(&table);
}
END_TEST

/* Each in a row of its own that begins with its name and its default. */
START_TEST(the_page_of_limits_has_them_all)
{
    static const char *const names[] = {"server", "limits", "compress", "pool"};
    struct text page = read_page("limits.md");

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const struct directive *directive = directive_find(slice_of(names[i]));

        for (const struct setting *s = directive->settings; s->name != NULL; s++) {
            char row[200];

            snprintf(row, sizeof row, "\n| `%s %s` | %s", names[i], s->name, s->standard);
            ck_assert_msg(strstr(page.data, row) != NULL, "docs/limits.md has no%s", row);
        }
    }
    text_free(&page);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("conf/settings");
    TCase *tests = tcase_create("settings");

    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, an_empty_file_has_all_the_defaults);
    tcase_add_test(tests, a_bare_mount_has_all_the_defaults);
    tcase_add_test(tests, the_defaults_may_be_said);
    tcase_add_test(tests, times_and_sizes_have_units);
    tcase_add_test(tests, rates_are_for_a_time);
    tcase_add_test(tests, bounds_are_kept);
    tcase_add_test(tests, limits_hold_for_the_mounts_below);
#ifdef HAVE_DEFLATE
    tcase_add_test(tests, compression_holds_for_the_mounts_below);
#endif
    tcase_add_test(tests, what_a_stop_and_a_backlog_do_is_chosen);
    tcase_add_test(tests, the_page_has_the_table_of_the_program);
    tcase_add_test(tests, the_page_of_limits_has_them_all);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
