/*
 * tests/check_conf: routing.conf as a struct: what a good file means.
 */
#include <check.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <json-c/json.h>

#include "base/mem.h"
#include "parsed.h"
#include "suite.h"

static const char *option(const struct mount_config *mount, const char *name)
{
    for (unsigned i = 0; i < mount->option_count; i++)
        if (strcmp(mount->options[i].name, name) == 0)
            return mount->options[i].value;
    return NULL;
}

/* The index of the mount that takes the path; -1: none. */
static int route(const struct config *config, bool upgrade, const char *path, const char *rest)
{
    struct pattern_capture captures[PATTERN_CAPTURES_MAX];
    struct slice below;
    const struct mount_config *mount =
        config_route(config, upgrade, slice_of(path), &below, captures);

    if (mount != NULL)
        ck_assert_msg(slice_equal(below, slice_of(rest)), "%s: %.*s", path, (int)below.size,
                      below.data);
    return mount != NULL ? (int)(mount - config->mounts) : -1;
}

/* ---- Directives ---- */

START_TEST(addresses_are_split)
{
    struct config *config = parse("listen 0.0.0.0:8000\nlisten [::1]:0\nlisten *:65535\n"
                                  "listen unix:run/a.sock\nlisten unix:/run/b.sock mode=600\n");
    const struct listen_config *listens = config->listens;

    ck_assert_uint_eq(config->listen_count, 5);
    ck_assert_str_eq(listens[0].host, "0.0.0.0");
    ck_assert_uint_eq(listens[0].port, 8000);
    ck_assert(slice_equal(text_at(config, listens[0].place), SLICE("0.0.0.0:8000")));
    ck_assert_str_eq(listens[1].address, "[::1]:0");
    ck_assert_str_eq(listens[1].host, "::1");
    ck_assert_uint_eq(listens[1].port, 0);
    ck_assert_str_eq(listens[2].host, "*");
    ck_assert_uint_eq(listens[2].port, 65535);
    ck_assert_ptr_null(listens[3].host);
    ck_assert_str_eq(listens[3].address, "unix:run/a.sock");
    ck_assert_str_eq(listens[3].unix_path, "/site/run/a.sock");
    ck_assert_uint_eq(listens[3].mode, 0660);
    ck_assert_str_eq(listens[4].unix_path, "/run/b.sock");
    ck_assert_uint_eq(listens[4].mode, 0600);
    config_unref(config);
}
END_TEST

START_TEST(the_process_is_set_up)
{
    struct config *config =
        parse("server connections=20k headers=1k header-count=1000 request-line=64k\n"
              "loops 3\npool queue=1m threads=1024\ncache run/cache\n");

    ck_assert_uint_eq(config->loops, 3);
    ck_assert(slice_equal(text_at(config, config->loops_place), SLICE("3")));
    ck_assert_uint_eq(config->pool_threads, 1024);
    ck_assert_uint_eq(config->pool_queue, 1000000);
    ck_assert_str_eq(config->cache, "/site/run/cache");
    ck_assert(slice_equal(text_at(config, config->cache_place), SLICE("run/cache")));
    ck_assert_uint_eq(config->server.connections, 20000);
    ck_assert_uint_eq(config->server.headers, 1024);
    ck_assert_uint_eq(config->server.header_count, 1000);
    ck_assert_uint_eq(config->server.request_line, 65536);
    config_unref(config);
}
END_TEST

START_TEST(consumers_are_found)
{
    struct config *config = parse(
        "ws /a a.so\nconsumers so\nws /b b.so\nws /c sub/c.so\nws /d ./d.so\nws /e /opt/e.so\n");
    struct diag diag = {0};

    ck_assert_str_eq(config->mounts[0].file, "/site/so/a.so"); /* wherever the directive stands */
    ck_assert_str_eq(config->mounts[1].file, "/site/so/b.so");
    ck_assert_str_eq(config->mounts[2].file, "/site/sub/c.so");
    ck_assert_str_eq(config->mounts[3].file, "/site/./d.so");
    ck_assert_str_eq(config->mounts[4].file, "/opt/e.so");
    config_unref(config);
    config = config_parse("routing.conf", ".", SLICE("ws /a a.so\nhttp /b file=b.html\n"), &diag);
    ck_assert_str_eq(config->mounts[0].file, "a.so");
    ck_assert_str_eq(config->mounts[1].file, "b.html");
    config_unref(config);
    config = config_parse("routing.conf", "/", SLICE("ws /a a.so\n"), &diag);
    ck_assert_str_eq(config->mounts[0].file, "/a.so");
    config_unref(config);
}
END_TEST

START_TEST(sources_are_watched)
{
    struct config *config = parse("watch src /opt/lib\nws /a a.so\nwatch . build=\"ninja -C b\"\n");

    ck_assert_uint_eq(config->watch_count, 2);
    ck_assert_str_eq(config->watches[0].dirs[0], "/site/src");
    ck_assert_str_eq(config->watches[0].dirs[1], "/opt/lib");
    ck_assert_ptr_null(config->watches[0].dirs[2]);
    ck_assert_str_eq(config->watches[0].build, "make -s");
    ck_assert_str_eq(config->watches[1].dirs[0], "/site/.");
    ck_assert_ptr_null(config->watches[1].dirs[1]);
    ck_assert_str_eq(config->watches[1].build, "ninja -C b");
    config_unref(config);
}
END_TEST

START_TEST(files_are_mounted)
{
    struct config *config = parse("http /static/ dir=public max-age=1h\n"
                                  "http /chat file=pages/chat.html csp=\"default-src 'self'\"\n");
    const struct mount_config *dir = &config->mounts[0], *file = &config->mounts[1];

    ck_assert_int_eq(dir->kind, MOUNT_DIR);
    ck_assert_str_eq(dir->file_name, "public");
    ck_assert_str_eq(dir->file, "/site/public");
    ck_assert(slice_equal(text_at(config, dir->file_place), SLICE("public")));
    ck_assert_uint_eq(dir->max_age, 3600);
    ck_assert_ptr_null(dir->csp);
    ck_assert_int_eq(file->kind, MOUNT_FILE);
    ck_assert_str_eq(file->file, "/site/pages/chat.html");
    ck_assert_uint_eq(file->max_age, 0);
    ck_assert_str_eq(file->csp, "default-src 'self'");
    config_unref(config);
}
END_TEST

START_TEST(subprotocols_keep_their_order)
{
    struct config *config = parse("ws /a a.so {\n  subprotocols chat.v2 chat.v1\n}\n");
    const char *const *names = config->mounts[0].subprotocols;

    ck_assert_str_eq(names[0], "chat.v2");
    ck_assert_str_eq(names[1], "chat.v1");
    ck_assert_ptr_null(names[2]);
    config_unref(config);
}
END_TEST

/* ---- Defaults of the mounts below ---- */

static bool allows(const struct mount_config *mount, const char *origin)
{
    return origins_allow(mount->origins, slice_of(origin), SLICE("here.example"), false);
}

START_TEST(origins_hold_for_the_mounts_below)
{
    struct config *config = parse("ws /a a.so\n"
                                  "origins same https://one.example\n"
                                  "ws /b b.so\n"
                                  "ws /c c.so {\n"
                                  "    origins https://two.example missing=deny\n"
                                  "}\n"
                                  "ws /d d.so\n");
    const struct mount_config *mounts = config->mounts;

    ck_assert_ptr_null(mounts[0].origins);
    ck_assert(allows(&mounts[1], "http://here.example"));
    ck_assert(allows(&mounts[1], "https://one.example"));
    ck_assert(!allows(&mounts[1], "https://two.example"));
    ck_assert(!allows(&mounts[2], "http://here.example"));
    ck_assert(!allows(&mounts[2], "https://one.example"));
    ck_assert(allows(&mounts[2], "https://two.example"));
    ck_assert(!origins_allow(mounts[2].origins, (struct slice){NULL, 0}, SLICE("a"), false));
    ck_assert_ptr_eq(mounts[3].origins, mounts[1].origins);
    config_unref(config);
}
END_TEST

START_TEST(options_hold_for_the_mounts_below)
{
    struct config *config = parse("set history 50\n"
                                  "set prefix \"two words\"\n"
                                  "ws /a a.so {\n"
                                  "    set history 60\n"
                                  "    set key c2VjcmV0Cg==\n"
                                  "}\n"
                                  "set history 70\n"
                                  "ws /b b.so\n"
                                  "http /c file=c\n");
    const struct mount_config *mounts = config->mounts;

    ck_assert_uint_eq(mounts[0].option_count, 3);
    ck_assert_str_eq(option(&mounts[0], "history"), "60");
    ck_assert_str_eq(option(&mounts[0], "prefix"), "two words");
    ck_assert_str_eq(option(&mounts[0], "key"), "c2VjcmV0Cg==");
    ck_assert_uint_eq(mounts[1].option_count, 2);
    ck_assert_str_eq(option(&mounts[1], "history"), "70");
    ck_assert_uint_eq(mounts[2].option_count, 0);
    config_unref(config);
}
END_TEST

/* ---- Words ---- */

START_TEST(words_may_be_quoted_in_part)
{
    struct config *config =
        parse("set a \"say \\\"hi\\\" \\\\ \\n # {}\"   # comment\n"
              "set b x\"y z\"w\n"
              "set c \"\"\n"
              "set d back\\slash\n"
              "set e key=\"two words\"\n"
              "set f 运维咖啡吧:\n"
              "\t set \t g\thash#comment\n"
              "\"set\" h 1\n"
              "ws \"/a b/{x}/\" \"a.so\" { # block\n\n  # comment\n}\t# behind\n");
    const struct mount_config *mount = &config->mounts[0];

    ck_assert_str_eq(option(mount, "a"), "say \"hi\" \\ \\n # {}");
    ck_assert_str_eq(option(mount, "b"), "xy zw");
    ck_assert_str_eq(option(mount, "c"), "");
    ck_assert_str_eq(option(mount, "d"), "back\\slash");
    ck_assert_str_eq(option(mount, "e"), "key=two words");
    ck_assert_str_eq(option(mount, "f"), "运维咖啡吧:");
    ck_assert_str_eq(option(mount, "g"), "hash");
    ck_assert_str_eq(option(mount, "h"), "1");
    ck_assert_str_eq(mount->route, "/a b/{x}/");
    config_unref(config);
}
END_TEST

START_TEST(lines_end_in_any_way)
{
    struct config *config =
        parse("\xef\xbb\xbfloops 2\r\n\r\nws /a a.so {\r\n  set x \"y\"\r\n}\r\nws /b b.so");

    ck_assert_uint_eq(config->loops, 2);
    ck_assert_str_eq(option(&config->mounts[0], "x"), "y");
    ck_assert_str_eq(config->mounts[1].file, "/site/b.so");
    config_unref(config);
}
END_TEST

START_TEST(values_are_read_from_files)
{
    static const struct {
        const char *name, *holds, *value;
    } files[] = {
        {"plain", "secret", "secret"},
        {"unix", "secret\n", "secret"},
        {"dos", "secret\r\n", "secret"},
        {"lines", "a\nb\n\n", "a\nb\n"},
        {"empty", "", ""},
        {"newline", "\n", ""},
    };
    char directory[] = "/tmp/check_conf_XXXXXX", path[100];
    struct text text = {0};
    struct diag diag = {0};
    struct config *config;

    ck_assert_ptr_nonnull(mkdtemp(directory));
    text_add_str(&text, "ws /a a.so {\n");
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        FILE *file;

        snprintf(path, sizeof path, "%s/%s", directory, files[i].name);
        file = fopen(path, "wb");
        ck_assert_ptr_nonnull(file);
        fputs(files[i].holds, file);
        fclose(file);
        text_addf(&text, "set %s @%s\n", files[i].name, files[i].name);
    }
    text_addf(&text, "set absolute @%s/plain\nset text \"@plain\"\n}\n", directory);
    text_add_str(&text, "http /b file=b csp=@plain\n");
    config = config_parse("routing.conf", directory, (struct slice){text.data, text.size}, &diag);
    ck_assert_ptr_nonnull(config);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        ck_assert_str_eq(option(&config->mounts[0], files[i].name), files[i].value);
        snprintf(path, sizeof path, "%s/%s", directory, files[i].name);
        remove(path);
    }
    ck_assert_str_eq(option(&config->mounts[0], "absolute"), "secret");
    ck_assert_str_eq(option(&config->mounts[0], "text"), "@plain");
    ck_assert_str_eq(config->mounts[1].csp, "secret");
    remove(directory);
    text_free(&text);
    config_unref(config);
}
END_TEST

/* So that one that was missing is found when it comes. */
START_TEST(files_of_values_are_known_with_mistakes_too)
{
    char directory[] = "/tmp/check_conf_XXXXXX", path[100], missing[100];
    struct diag diag = {0};

    ck_assert_ptr_nonnull(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/routing.conf", directory);
    snprintf(missing, sizeof missing, "%s/missing", directory);
    FILE *file = fopen(path, "wb");
    ck_assert_ptr_nonnull(file);
    fputs("set a @missing\nws /a a.so {\nset b @/dev/null\nset c plain\n}\n", file);
    fclose(file);
    struct config *config = config_read(path, &diag);
    ck_assert_uint_eq(diag.errors, 2);
    ck_assert_ptr_nonnull(config);
    ck_assert_uint_eq(config->text_count, 2);
    ck_assert_str_eq(config->texts[0], missing);
    ck_assert_str_eq(config->texts[1], "/dev/null");
    config_unref(config);
    diag_free(&diag);
    remove(path);
    remove(directory);
}
END_TEST

START_TEST(a_pipe_is_no_value)
{
    char directory[] = "/tmp/check_conf_XXXXXX", path[100];
    struct diag diag = {0};

    ck_assert_ptr_nonnull(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/pipe", directory);
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    ck_assert_ptr_null(config_parse("a", directory, SLICE("set a @pipe\nws /a a.so\n"), &diag));
    remove(path);
    remove(directory);
    diag_free(&diag);
}
END_TEST

static void *write_late(void *path)
{
    int fd = open(path, O_WRONLY); /* waits for the reader */

    ck_assert_int_ge(fd, 0);
    usleep(20000);
    ck_assert_int_eq(write(fd, "ws /a ", 6), 6);
    usleep(20000);
    ck_assert_int_eq(write(fd, "a.so\n", 5), 5);
    close(fd);
    return NULL;
}

/* The file itself may be one, but one to which nobody writes is not waited for for ever. */
START_TEST(a_pipe_is_read_when_somebody_writes)
{
    char directory[] = "/tmp/check_conf_XXXXXX", path[100];
    struct diag diag = {0};
    struct config *config;
    pthread_t writer;

    ck_assert_ptr_nonnull(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/pipe", directory);
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    ck_assert_int_eq(pthread_create(&writer, NULL, write_late, path), 0);
    config = config_load(path, &diag);
    ck_assert_ptr_nonnull(config);
    ck_assert_uint_eq(config->mount_count, 1);
    config_unref(config);
    pthread_join(writer, NULL);

    ck_assert_ptr_null(config_load(path, &diag));
    struct text said = {0};
    diag_print(&diag, &said);
    ck_assert_ptr_nonnull(strstr(said.data, "cannot read the file: Connection timed out"));
    text_free(&said);
    diag_free(&diag);
    remove(path);
    remove(directory);
}
END_TEST

START_TEST(files_are_loaded_relative_to_themselves)
{
    char directory[] = "/tmp/check_conf_XXXXXX", path[100], expected[200];
    struct diag diag = {0};
    struct config *config;
    FILE *file;

    ck_assert_ptr_nonnull(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/r.conf", directory);
    file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    fputs("ws /a a.so\n", file);
    fclose(file);
    config = config_load(path, &diag);
    snprintf(expected, sizeof expected, "%s/a.so", directory);
    ck_assert_str_eq(config->mounts[0].file, expected);
    ck_assert_str_eq(config->source.name, path);
    config_unref(config);
    remove(path);
    ck_assert_ptr_null(config_load(path, &diag));
    ck_assert_uint_eq(diag.errors, 1);
    ck_assert_ptr_null(config_load(directory, &diag));
    ck_assert_uint_eq(diag.errors, 2);
    diag_free(&diag);
    remove(directory);
}
END_TEST

/* ---- Routing ---- */

START_TEST(the_first_mount_that_matches_wins)
{
    struct config *config = parse("ws /ws/<str:room>/ a.so\n"
                                  "ws /ws/<int:n>/x b.so\n"
                                  "ws /ws/<path:rest> c.so\n"
                                  "http /static/ dir=public\n"
                                  "http / file=index.html\n"
                                  "http /docs dir=docs\n");

    ck_assert_int_eq(route(config, true, "/ws/7/", ""), 0);
    ck_assert_int_eq(route(config, true, "/ws/7/x", ""), 1);
    ck_assert_int_eq(route(config, true, "/ws/a/x", ""), 2);
    ck_assert_int_eq(route(config, true, "/ws/99999999999999999999/x", ""), 2);
    ck_assert_int_eq(route(config, true, "/static/a", ""), -1);
    ck_assert_int_eq(route(config, true, "/", ""), -1);
    ck_assert_int_eq(route(config, false, "/ws/7/", ""), -1);
    ck_assert_int_eq(route(config, false, "/static/a/b.css", "a/b.css"), 3);
    ck_assert_int_eq(route(config, false, "/static//b.css", "b.css"), 3);
    ck_assert_int_eq(route(config, false, "/static", ""), -1);
    ck_assert_int_eq(route(config, false, "/", ""), 4);
    ck_assert_int_eq(route(config, false, "", ""), 4);
    ck_assert_int_eq(route(config, false, "/docs", ""), 5);
    ck_assert_int_eq(route(config, false, "/docs/a", "a"), 5);
    ck_assert_int_eq(route(config, false, "/docsa", ""), -1);
    config_unref(config);
}
END_TEST

/* Django's own order: see tests/vectors/routing.json. */
START_TEST(mounts_are_tried_in_django_s_order)
{
    struct config *config;
    struct diag diag = {0};
    const char *srcdir = getenv("srcdir"), *const leaves[] = {"first", "second", "last"};
    struct json_object *vectors, *order;
    char path[4096];

    snprintf(path, sizeof path, "%s/tests/vectors/routing.json", srcdir != NULL ? srcdir : ".");
    vectors = json_object_from_file(path);
    ck_assert_ptr_nonnull(vectors);
    order = json_object_object_get(vectors, "order");
    ck_assert_uint_gt(json_object_array_length(order), 3);
    config = config_parse(
        "a", ".", SLICE("ws ws/<str:room>/ a.so\nws ws/chat/ b.so\nws <path:rest> c.so\n"), &diag);
    ck_assert_uint_eq(diag.warnings, 1); /* the second is never reached */
    for (size_t i = 0; i < json_object_array_length(order); i++) {
        struct json_object *vector = json_object_array_get_idx(order, i);
        const char *leaf = json_object_get_string(json_object_object_get(vector, "match"));
        int mount =
            route(config, true, json_object_get_string(json_object_object_get(vector, "path")), "");

        ck_assert_int_eq(mount < 0, leaf == NULL);
        if (mount >= 0)
            ck_assert_str_eq(leaves[mount], leaf);
    }
    json_object_put(vectors);
    config_unref(config);
    diag_free(&diag);
}
END_TEST

/* ---- Life ---- */

static void *share(void *config)
{
    for (int i = 0; i < 1000; i++) {
        struct config *mine = config_ref(config);

        ck_assert_int_eq(route(mine, true, "/a", ""), 0);
        config_unref(mine);
    }
    return NULL;
}

START_TEST(a_config_is_shared_by_threads)
{
    long before = mem_live();
    struct config *config = parse("ws /a a.so\n");
    pthread_t threads[4];

    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, share, config), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    config_unref(config);
    ck_assert_int_eq(mem_live(), before);
    config_unref(NULL);
}
END_TEST

static const char everything[] =
    "listen 127.0.0.1:9000\nlisten unix:a.sock mode=0600\nloops 2\npool threads=2\nconsumers so\n"
    "cache \"c\\\"d\"\nlayer local\nserver stop=2s\nlimits message=4k\norigins same .example.org\n"
    "set a \"b c\"\nset d @tests/check_conf.c\n"
    "ws /a/<int:n>/<path:p>/x a.so {\n  origins https://a.example missing=deny\n"
    "  subprotocols a b\n  set e f\n}\nws /a/<int:n>/<path:q>/x b.so\n"
    "http /s/ dir=\"s t\" max-age=1h csp=\"x y\"\nwatch src lib build=make\nwatch doc\n";

/* Whatever the bytes, and wherever memory ends: a config or an error, and nothing left over. */
static bool survives(struct slice text, unsigned long nth)
{
    const char *srcdir = getenv("srcdir");
    long before = mem_live();
    struct diag diag = {0};
    struct config *config;
    bool failed;

    mem_fail_at(nth);
    config = config_parse("routing.conf", srcdir != NULL ? srcdir : ".", text, &diag);
    mem_fail_at(0);
    failed = diag.failed;
    ck_assert_msg((config == NULL) == (diag.errors > 0), "allocation %lu", nth);
    ck_assert_msg(!failed || config == NULL, "allocation %lu", nth);
    config_unref(config);
    diag_free(&diag);
    ck_assert_msg(mem_live() == before, "allocation %lu leaks", nth);
    return failed;
}

START_TEST(without_memory_there_is_an_error_and_no_leak)
{
    unsigned long nth = 1;

    while (survives(slice_of(everything), nth))
        nth++;
    ck_assert_uint_gt(nth, 20);
}
END_TEST

START_TEST(mistakes_without_memory_leak_nothing)
{
    static const char wrong[] =
        "lisen 1\nloops 0\nset a @none\nset b \"x\nws /<a>/<a> b.so {\n set x=y z\n}\n"
        "ws /<strr:n> c\nhttp /a dir=\"a\norigins x:1 //\npool thread=1\n{\n}\n}\nlisten 1\n";
    unsigned long nth = 1;

    while (survives(slice_of(wrong), nth))
        nth++;
    ck_assert_uint_gt(nth, 20);
}
END_TEST

START_TEST(a_file_cut_anywhere_is_read)
{
    for (size_t size = 0; size < sizeof everything; size++)
        survives((struct slice){everything, size}, 0);
}
END_TEST

START_TEST(each_byte_may_be_any)
{
    char text[sizeof everything];

    for (size_t i = 0; i < sizeof everything - 1; i += 3) {
        for (int byte = 0; byte < 256; byte += byte < 128 ? 1 : 37) {
            memcpy(text, everything, sizeof text);
            text[i] = (char)byte;
            survives((struct slice){text, sizeof text - 1}, 0);
        }
    }
}
END_TEST

START_TEST(many_mounts_are_compared_in_time)
{
    struct text text = {0};
    struct diag diag = {0};
    struct config *config;

    for (unsigned i = 0; i < 3000; i++)
        text_addf(&text, "ws /ws/<str:room>/%u/<int:n>/ a.so\n", i);
    config = config_parse("a", ".", (struct slice){text.data, text.size}, &diag);
    ck_assert_ptr_nonnull(config);
    ck_assert_uint_eq(diag.warnings, 0);
    ck_assert_int_eq(route(config, true, "/ws/a/2999/1/", ""), 2999);
    config_unref(config);
    text_free(&text);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("conf");
    TCase *tests = tcase_create("config");

    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, addresses_are_split);
    tcase_add_test(tests, the_process_is_set_up);
    tcase_add_test(tests, consumers_are_found);
    tcase_add_test(tests, sources_are_watched);
    tcase_add_test(tests, files_are_mounted);
    tcase_add_test(tests, subprotocols_keep_their_order);
    tcase_add_test(tests, origins_hold_for_the_mounts_below);
    tcase_add_test(tests, options_hold_for_the_mounts_below);
    tcase_add_test(tests, words_may_be_quoted_in_part);
    tcase_add_test(tests, lines_end_in_any_way);
    tcase_add_test(tests, values_are_read_from_files);
    tcase_add_test(tests, files_of_values_are_known_with_mistakes_too);
    tcase_add_test(tests, a_pipe_is_no_value);
    tcase_add_test(tests, a_pipe_is_read_when_somebody_writes);
    tcase_add_test(tests, files_are_loaded_relative_to_themselves);
    tcase_add_test(tests, the_first_mount_that_matches_wins);
    tcase_add_test(tests, mounts_are_tried_in_django_s_order);
    tcase_add_test(tests, a_config_is_shared_by_threads);
    tcase_add_test(tests, without_memory_there_is_an_error_and_no_leak);
    tcase_add_test(tests, mistakes_without_memory_leak_nothing);
    tcase_add_test(tests, a_file_cut_anywhere_is_read);
    tcase_add_test(tests, each_byte_may_be_any);
    tcase_add_test(tests, many_mounts_are_compared_in_time);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
