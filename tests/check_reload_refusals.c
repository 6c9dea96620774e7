/*
 * Tests of reloads that are refused: each says why, at its place, and leaves everything as it was:
 * live connections and new ones are answered by the old code, and nothing is left behind.
 */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client.h"
#include "harness.h"

#define MOUNT "ws /version/ version.so\n"
#define CONF  "reload probe=1m\n" MOUNT
#define HASTY "reload probe=1s\n" MOUNT /* for what hangs */

static struct client live;
static unsigned descriptors, mappings, conf_number;

static void expect_old(struct client *client)
{
    client_text(client, "which");
    client_expect_text(client, "old");
}

/* A server with a connection. */
static void begin(void)
{
    put_plugin_as("reload_old", "version");
    serve(CONF);
    live = client_open("/version/");
    expect_old(&live);
    descriptors = server_descriptors();
    mappings = server_mappings("version");
}

static void expect_untouched(void)
{
    struct client client;

    expect_old(&live);
    client = client_open("/version/");
    expect_old(&client);
    client_leave(&client);
    ck_assert_uint_eq(cache_files(), 1);
    ck_assert_uint_eq(server_mappings("version"), mappings);
    AWAIT(server_descriptors() == descriptors);
    ck_assert_uint_eq(trace_count("old load"), 1);
    ck_assert_uint_eq(trace_count("old unload"), 0);
    ck_assert_uint_eq(trace_count("load"), 0);
    ck_assert_uint_eq(trace_count("unload"), 0);
}

/* And the next reload is as good as any. */
static void end(void)
{
    put_plugin_as("reload_new", "version");
    put_file("routing.conf", "listen 127.0.0.1:0\nloops 2\ncache cache\nconsumers so\n" CONF);
    server_reload();
    trace_wait("new load", 1);
    client_leave(&live);
    trace_wait("old unload", 1);
}

/* ---- Consumers ------------------------------------------------------------------------------- */

static void harm_bytes(size_t at, unsigned char byte)
{
    int fd = open(in_dir("so/version.so"), O_WRONLY);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(pwrite(fd, &byte, 1, (off_t)at), 1);
    close(fd);
}

static void truncated(void)
{
    ck_assert_int_eq(truncate(in_dir("so/version.so"), 4096), 0);
}

static void text_file(void)
{
    put_file("so/version.so", "#!/bin/sh\necho no\n");
}

static void other_machine(void)
{
    harm_bytes(18, 8); /* MIPS */
}

static void world_writable(void)
{
    ck_assert_int_eq(chmod(in_dir("so/version.so"), 0666), 0);
}

static void somebody_elses(void)
{
    put_plugin_as("reload_new", "version");
    ck_assert_int_eq(chown(in_dir("so/version.so"), 12345, (gid_t)-1), 0);
}

static void directory_instead(void)
{
    ck_assert_int_eq(unlink(in_dir("so/version.so")), 0);
    ck_assert_int_eq(mkdir(in_dir("so/version.so"), 0755), 0);
}

static void dangling(void)
{
    ck_assert_int_eq(unlink(in_dir("so/version.so")), 0);
    ck_assert_int_eq(symlink("nowhere.so", in_dir("so/version.so")), 0);
}

static void not_to_be_read(void)
{
    ck_assert_int_eq(chmod(in_dir("so/version.so"), 0), 0);
}

static void directory_gone(void)
{
    ck_assert_int_eq(rename(in_dir("so"), in_dir("gone")), 0);
}

static const struct {
    const char *plugin; /* that takes the consumer's place... */
    void (*harm)(void); /* ...or what is done to the file */
    const char *why;
} bad[] = {
    {NULL, truncated, "it is cut off: 4096 bytes of at least "},
    {NULL, text_file, "it is not an ELF shared object"},
    {NULL, other_machine, "built for MIPS "},
    {NULL, world_writable, "it is world-writable (mode 0666)"},
    {NULL, somebody_elses, "it belongs to user 12345, neither to root nor to"},
    {NULL, directory_instead, "it is a directory"},
    {NULL, dangling, "no such file"},
    {NULL, not_to_be_read, "cannot read it: Permission denied"},
    {NULL, directory_gone, "no such file"},
    {"missing_symbol", NULL, "undefined symbol: "},
    {"missing_library", NULL, "undefined symbol: frobnicate"},
    {"wrong_abi", NULL, "built for sluice ABI "},
    {"no_record", NULL, "it declares no consumer"},
    {"handler_as_consumer", NULL, "its sluice_consumer is not a consumer's record"},
    {"function_as_consumer", NULL, "its sluice_consumer is not a consumer's record"},
    {"forged_name", NULL, "it bears another name"},
    {"blocking_broadcast", NULL, "it is blocking, and declares SLUICE_BROADCAST"},
    {"constructor_exits", NULL, "loading it ends the process with status 0"},
    {"constructor_aborts", NULL, "loading it ends the process: Aborted"},
    {"constructor_hangs", NULL, "loading it does not end within 1000 ms"},
    {"check_false", NULL, "its check() returned false"},
    {"check_exits", NULL, "its check() ends the process with status 0"},
    {"check_crashes", NULL, "its check() ends the process"},
    {"check_hangs", NULL, "its check() does not end within 1000 ms"},
    {"load_false", NULL, "its load() returned false"},
};

/* Some of it root may do, and some only root. */
static bool applies(int number)
{
    if (bad[number].harm == not_to_be_read)
        return geteuid() != 0;
    return bad[number].harm != somebody_elses || geteuid() == 0;
}

START_TEST(consumer_is_refused)
{
    bool loads = bad[_i].plugin != NULL && strcmp(bad[_i].plugin, "load_false") == 0;

    if (!applies(_i)) {
        printf("skipped: for this user \"%s\" can't be had\n", bad[_i].why);
        return;
    }
    begin();
    if (bad[_i].plugin != NULL)
        put_plugin_as(bad[_i].plugin, "version");
    else
        bad[_i].harm();
    if (strstr(bad[_i].why, "1000 ms") != NULL)
        serve_conf(HASTY);
    server_reload_refused();
    log_wait("routing.conf:6:14: error: cannot load \"version.so\": ", bad[_i].why);
    log_wait("sluice: 1 error; still serving the routing loaded at ");
    if (loads) { /* but never unloaded */
        ck_assert_uint_eq(trace_count("load"), 1);
        ck_assert_uint_eq(trace_count("unload"), 0);
        return;
    }
    expect_untouched();
    server_reload_refused(); /* as often as it is tried */
    expect_untouched();
    if (bad[_i].harm == directory_gone)
        ck_assert_int_eq(rename(in_dir("gone"), in_dir("so")), 0);
    if (bad[_i].harm == directory_instead)
        ck_assert_int_eq(rmdir(in_dir("so/version.so")), 0);
    else
        unlink(in_dir("so/version.so"));
    end();
}
END_TEST

START_TEST(what_check_says_is_heard)
{
    begin();
    put_plugin_as("check_false", "version");
    server_reload_refused();
    log_wait(" warn consumer text=\"check is called\"");
    log_wait("check was called"); /* on stdout, which is for what the server says */
    expect_untouched();
}
END_TEST

START_TEST(check_may_close_what_it_likes)
{
    struct client client;

    begin();
    put_plugin_as("check_closes", "version");
    server_reload();
    client = client_open("/version/");
    client_text(&client, "which");
    client_expect_text(&client, "checked");
    client_leave(&client);
}
END_TEST

START_TEST(check_holds_at_the_start_too)
{
    serve_refused("ws /version/ check_false.so\n");
    log_wait(
        "routing.conf:5:14: error: cannot load \"check_false.so\": its check() returned false");
}
END_TEST

/* The first of two is loaded, and then unloaded again, once. */
START_TEST(first_of_two_is_unloaded)
{
    begin();
    put_plugin_as("heir", "first");
    put_plugin_as("heir_false", "second");
    serve_conf(CONF "ws /first/ first.so\nws /second/ second.so\n");
    server_reload_refused();
    log_wait("routing.conf:8:13: error: cannot load \"second.so\": its load() returned false");
    trace_wait("one unload", 1);
    ck_assert_uint_eq(trace_count("one load null"), 1);
    ck_assert_uint_eq(trace_count("no load null"), 1);
    ck_assert_uint_eq(trace_count("no unload"), 0);
    AWAIT(cache_files() == 1);
    expect_untouched();
    ck_assert_uint_eq(trace_count("one unload"), 1);
    end();
}
END_TEST

/* The limit of a file's size stands for a disk that is full. */
START_TEST(no_room_for_the_private_copy)
{
    struct rlimit small = {8192, 8192}, before;

    begin();
    put_plugin_as("reload_new", "version");
    ck_assert_int_eq(prlimit(server_pid(), RLIMIT_FSIZE, NULL, &before), 0);
    small.rlim_max = before.rlim_max;
    ck_assert_int_eq(prlimit(server_pid(), RLIMIT_FSIZE, &small, NULL), 0);
    server_reload_refused();
    log_wait("routing.conf:6:14: error: cannot load \"version.so\": cannot write its private copy");
    expect_untouched();
    ck_assert_int_eq(prlimit(server_pid(), RLIMIT_FSIZE, &before, NULL), 0);
    end();
}
END_TEST

/* ---- routing.conf ---------------------------------------------------------------------------- */

static char *read_conf(const char *name, const char *suffix, size_t *size)
{
    const char *srcdir = getenv("srcdir");
    char path[4096], *text;
    FILE *file;

    snprintf(path, sizeof path, "%s/tests/conf/%s%s", srcdir != NULL ? srcdir : ".", name, suffix);
    file = fopen(path, "rb");
    if (file == NULL)
        return NULL;
    text = calloc(1, 1 << 20);
    ck_assert_ptr_nonnull(text);
    *size = fread(text, 1, (1 << 20) - 1, file);
    ck_assert_uint_lt(*size, (1 << 20) - 1);
    fclose(file);
    return text;
}

/* The error that is expected first, from its place on: ":7:12: error: ..."; NULL: none is. */
static const char *first_error(char *expected, const char *name)
{
    char *error = strstr(expected, ": error: "), *line = error;

    if (error == NULL)
        return NULL;
    while (line > expected && line[-1] != '\n')
        line--;
    error[strcspn(error, "\n")] = '\0';
    return strncmp(line, name, strlen(name)) == 0 ? line + strlen(name) + strlen(".conf") : NULL;
}

static void refuse_conf(const char *name)
{
    size_t size, ignored;
    char *conf = read_conf(name, ".conf", &size), next[128];
    char *expected = read_conf(name, ".expected", &ignored);
    char *changed = read_conf(name, ".next", &ignored); /* which then is what is told of */
    const char *error = expected != NULL ? first_error(expected, name) : NULL;

    if (conf != NULL && error != NULL && changed == NULL && strcmp(name, "without-deflate") != 0) {
        unsigned refused = log_count(" reload.refused ");

        put_bytes("routing.conf", conf, size);
        snprintf(next, sizeof next, "routing.conf%.100s", error);
        server_signal(SIGHUP);
        AWAIT(log_count(" reload.refused ") > refused);
        ck_assert_msg(log_count(next) > 0, "%s: not in the log: %s", name, next);
        expect_old(&live);
        conf_number++;
    }
    free(changed);
    free(expected);
    free(conf);
}

/* One of each kind: what tests/conf has. */
START_TEST(every_mistake_in_routing_conf)
{
    const char *srcdir = getenv("srcdir");
    char path[4096];
    DIR *directory;

    snprintf(path, sizeof path, "%s/tests/conf", srcdir != NULL ? srcdir : ".");
    directory = opendir(path);
    ck_assert_ptr_nonnull(directory);
    begin();
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        char *dot = strrchr(entry->d_name, '.');

        if (dot == NULL || strcmp(dot, ".conf") != 0)
            continue;
        *dot = '\0';
        refuse_conf(entry->d_name);
    }
    closedir(directory);
    ck_assert_uint_gt(conf_number, 30);
    expect_untouched();
    end();
}
END_TEST

START_TEST(no_routing_conf)
{
    begin();
    ck_assert_int_eq(unlink(in_dir("routing.conf")), 0);
    server_reload_refused();
    log_wait("routing.conf: error: ", "No such file");
    expect_untouched();
    put_directory("routing.conf");
    server_reload_refused();
    expect_untouched();
    ck_assert_int_eq(rmdir(in_dir("routing.conf")), 0);
    end();
}
END_TEST

START_TEST(empty_routing_conf)
{
    begin();
    put_file("routing.conf", "");
    server_reload_refused();
    log_wait("routing.conf:1:1: error: the file is empty");
    expect_untouched();
    put_file("routing.conf", "\n \n");
    server_reload_refused();
    expect_untouched();
    end();
}
END_TEST

START_TEST(files_that_are_not_there)
{
    begin();
    serve_conf(CONF "http /pages/ dir=pages\n");
    server_reload_refused();
    log_wait("routing.conf:7:18: error: cannot open directory \"pages\": No such file");
    expect_untouched();
    end();
}
END_TEST

/* ---- Callbacks that do not end --------------------------------------------------------------- */

/* So many connections are not all on one of two loops. */
#define SPREAD 24

static unsigned count_answered(struct client clients[SPREAD])
{
    unsigned answered = 0;

    for (int i = 0; i < SPREAD; i++)
        answered += client_pending(&clients[i]) > 0;
    return answered;
}

START_TEST(callback_that_holds_its_loop)
{
    struct client held, clients[SPREAD];

    put_plugin_as("reload_old", "version");
    serve("reload pause=1s\n" MOUNT "ws /held/ held.so {\n limits callback=1ms\n}\n");
    live = client_open("/version/");
    for (int i = 0; i < SPREAD; i++)
        clients[i] = client_open("/version/");
    held = client_open("/held/");
    client_text(&held, "event");
    log_wait(" callback.stuck ", "type=held.event");
    put_plugin_as("reload_new", "version");
    server_signal(SIGHUP);
    for (int i = 0; i < SPREAD; i++) /* those of the other loop are served all the time */
        client_text(&clients[i], "which");
    log_wait(" reload.refused ");
    log_wait("routing.conf:7:4: error: held_event of /held/ (event held.event) did not end");
    AWAIT(count_answered(clients) > 0);
    gate_open(1);
    client_expect_text(&held, "event");
    for (int i = 0; i < SPREAD; i++) {
        client_expect_text(&clients[i], "old");
        client_leave(&clients[i]);
    }
    expect_old(&live);
    client_leave(&held);
    server_reload(); /* nothing is in its way any more */
    trace_wait("new load", 1);
    client_leave(&live);
}
END_TEST

/* ---- Addresses ------------------------------------------------------------------------------- */

START_TEST(address_that_is_taken)
{
    char conf[256];

    begin();
    snprintf(conf, sizeof conf, CONF "listen 127.0.0.1:%u\n", server_port());
    put_file("here.sock", "not a socket");
    serve_conf(CONF "listen unix:here.sock\n");
    server_reload_refused();
    log_wait("routing.conf:7:8: error: cannot listen on \"unix:here.sock\": ");
    expect_untouched();
    serve_conf(CONF "listen 192.0.2.1:0\n"); /* nobody's */
    server_reload_refused();
    log_wait("routing.conf:7:8: error: cannot listen on \"192.0.2.1:0\": ");
    expect_untouched();
    end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("reload, refusals");
    TCase *tcase = harness_case(suite, "consumers");

    tcase_add_loop_test(tcase, consumer_is_refused, 0, sizeof bad / sizeof *bad);
    tcase_add_test(tcase, what_check_says_is_heard);
    tcase_add_test(tcase, check_may_close_what_it_likes);
    tcase_add_test(tcase, check_holds_at_the_start_too);
    tcase_add_test(tcase, first_of_two_is_unloaded);
    tcase_add_test(tcase, no_room_for_the_private_copy);

    tcase = harness_case(suite, "routing.conf");
    tcase_add_test(tcase, every_mistake_in_routing_conf);
    tcase_add_test(tcase, no_routing_conf);
    tcase_add_test(tcase, empty_routing_conf);
    tcase_add_test(tcase, files_that_are_not_there);

    tcase = harness_case(suite, "callbacks");
    tcase_add_test(tcase, callback_that_holds_its_loop);

    tcase = harness_case(suite, "addresses");
    tcase_add_test(tcase, address_that_is_taken);
    return harness_run(suite);
}
