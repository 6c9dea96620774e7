#include "harness.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static char top[] = "/tmp/check-server-XXXXXX"; /* of the suite */
static char dir[64];                            /* of the test */
static struct {
    pid_t pid; /* 0: none runs */
    int output;
    unsigned port;
    char said[16384];
    bool supervised;
    const char *options[4]; /* more of its command line, ends with NULL */
} server;
static int gate = -1;

/* ---- Waiting --------------------------------------------------------------------------------- */

uint64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void rest_until(uint64_t deadline, const char *what)
{
    ck_assert_msg(now_ms() < deadline, "in vain waited for: %s", what);
    poll(NULL, 0, 2);
}

/* ---- Files ----------------------------------------------------------------------------------- */

const char *in_dir(const char *name)
{
    static char paths[8][PATH_MAX];
    static unsigned last;
    char *path = paths[++last % 8];

    ck_assert_int_lt(snprintf(path, PATH_MAX, "%s/%s", dir, name), PATH_MAX);
    return path;
}

void put_directory(const char *name)
{
    char path[PATH_MAX];

    snprintf(path, sizeof path, "%s", in_dir(name));
    for (char *slash = strchr(path + strlen(dir) + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(path, 0755);
        *slash = '/';
    }
    ck_assert(mkdir(path, 0755) == 0 || errno == EEXIST);
}

void put_bytes(const char *name, const void *data, size_t size)
{
    int fd = open(in_dir(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    ck_assert_msg(fd >= 0, "%s: %s", name, strerror(errno));
    for (size_t at = 0; at < size;) {
        ssize_t wrote = write(fd, (const char *)data + at, size - at);

        ck_assert_msg(wrote > 0, "%s: %s", name, strerror(errno));
        at += (size_t)wrote;
    }
    close(fd);
}

void put_file(const char *name, const char *content)
{
    put_bytes(name, content, strlen(content));
}

static char *read_all(const char *path, size_t *size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    char *data = NULL;
    size_t room = 0;

    *size = 0;
    if (fd < 0)
        return NULL;
    for (;;) {
        if (*size + 1 >= room) {
            room = room == 0 ? 65536 : 2 * room;
            data = realloc(data, room);
            if (data == NULL)
                abort();
        }
        ssize_t got = read(fd, data + *size, room - *size - 1);

        if (got <= 0)
            break;
        *size += (size_t)got;
    }
    close(fd);
    data[*size] = '\0';
    return data;
}

static const char *built(const char *name)
{
    static char path[PATH_MAX], here[PATH_MAX];
    const char *build = getenv("abs_top_builddir");

    if (build == NULL)
        build = getcwd(here, sizeof here);
    ck_assert_int_lt(snprintf(path, sizeof path, "%s/%s", build != NULL ? build : ".", name),
                     (int)sizeof path);
    return path;
}

static void copy_plugin(const char *path, const char *as)
{
    char name[PATH_MAX];
    size_t size;
    char *data = read_all(path, &size);

    ck_assert_msg(data != NULL, "%s: %s", path, strerror(errno));
    snprintf(name, sizeof name, "so/%s.so", as);
    put_bytes(name, data, size);
    free(data);
}

void put_plugin_as(const char *name, const char *as)
{
    char relative[PATH_MAX];

    snprintf(relative, sizeof relative, "tests/plugins/%s.so", name);
    copy_plugin(built(relative), as);
}

void put_plugin(const char *name)
{
    put_plugin_as(name, name);
}

/* ---- The server's start ---------------------------------------------------------------------- */

/* Every word of the conf that ends in .so and is not in its place yet is built. */
static void put_named_plugins(const char *conf)
{
    char *words = strdup(conf), *rest = words, *word;

    while ((word = strtok_r(rest, " \t\n{}", &rest)) != NULL) {
        char path[PATH_MAX], relative[PATH_MAX];
        size_t size = strlen(word);

        if (size < 4 || strcmp(word + size - 3, ".so") != 0)
            continue;
        snprintf(path, sizeof path, "so/%s", word);
        snprintf(relative, sizeof relative, "tests/plugins/%s", word);
        if (access(in_dir(path), F_OK) == 0 || access(built(relative), F_OK) != 0)
            continue;
        word[size - 3] = '\0';
        put_plugin(word);
    }
    free(words);
}

static void put_conf(const char *first, const char *conf)
{
    char *text;

    put_named_plugins(conf);
    ck_assert_int_ge(
        asprintf(&text, "listen 127.0.0.1:0\n%scache cache\nconsumers so\n%s", first, conf), 0);
    put_file("routing.conf", text);
    free(text);
}

void serve_conf(const char *conf)
{
    put_conf("loops 2\n", conf);
}

static const char *program(void)
{
    const char *given = getenv("SLUICE");

    return given != NULL ? given : built("sluice");
}

static void option_add(const char **options, const char *option)
{
    while (*options != NULL)
        options++;
    *options = option;
}

/* In the new process. It dies with the test, whatever becomes of that. */
static void run_server(const char *path, int output)
{
    int log = open("log", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(output, STDOUT_FILENO);
    dup2(log, STDERR_FILENO);
    const char *words[9] = {"sluice", "run", "-c", "routing.conf"};
    memcpy(words + 4, server.options, sizeof server.options);
    if (!server.supervised)
        option_add(words + 4, "--no-supervise");
    execv(path, (char *const *)words);
    dprintf(STDERR_FILENO, "%s: %s\n", path, strerror(errno));
    _exit(127);
}

void server_option(const char *option)
{
    option_add(server.options, option);
    ck_assert_ptr_null(server.options[3]);
}

void server_supervise(void)
{
    server.supervised = true;
}

void server_start(void)
{
    const char *path = program();
    int ends[2];

    ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
    server.pid = fork();
    ck_assert_int_ge(server.pid, 0);
    if (server.pid == 0) {
        if (chdir(dir) == 0)
            run_server(path, ends[1]);
        _exit(127);
    }
    close(ends[1]);
    server.output = ends[0];
}

/* Reads what it says, until it says `until` or ends. */
static bool hear(const char *until)
{
    uint64_t deadline = now_ms() + PATIENCE_MS;
    size_t size = 0;

    server.said[0] = '\0';
    while (strstr(server.said, until) == NULL || server.said[size - 1] != '\n') {
        struct pollfd wait = {.fd = server.output, .events = POLLIN};

        ck_assert_msg(now_ms() < deadline, "the server neither serves nor ends");
        if (poll(&wait, 1, 1000) <= 0)
            continue;
        ssize_t got = read(server.output, server.said + size, sizeof server.said - 1 - size);

        if (got <= 0)
            return false;
        size += (size_t)got;
        server.said[size] = '\0';
    }
    return true;
}

static void start_serving(void)
{
    static const char serving[] = "serving on http://127.0.0.1:";

    server_start();
    ck_assert_msg(hear(serving), "the server did not start: %s", log_text());
    server.port = (unsigned)atoi(strstr(server.said, serving) + strlen(serving));
    ck_assert_uint_gt(server.port, 0);
    if (server.supervised)
        server_child(1); /* or, if it crashes at once, it may not have got to log that */
}

void serve(const char *conf)
{
    serve_conf(conf);
    start_serving();
}

void serve_with(const char *first, const char *conf)
{
    put_conf(first, conf);
    start_serving();
}

/* ---- The server's end ------------------------------------------------------------------------ */

/* Its end of the pipe closes when it ends. */
static int wait_for_end(void)
{
    uint64_t deadline = now_ms() + PATIENCE_MS;
    char rest[4096];
    int status;

    for (;;) {
        struct pollfd wait = {.fd = server.output, .events = POLLIN};

        ck_assert_msg(now_ms() < deadline, "the server does not end");
        if (poll(&wait, 1, 1000) > 0 && read(server.output, rest, sizeof rest) <= 0)
            break;
    }
    ck_assert_int_eq(waitpid(server.pid, &status, 0), server.pid);
    close(server.output);
    server.pid = 0;
    return status;
}

void server_wait(void)
{
    int status = wait_for_end();

    ck_assert_msg(!WIFSIGNALED(status), "the server was killed by signal %d", WTERMSIG(status));
    ck_assert_msg(WEXITSTATUS(status) == 0, "the server ended with status %d", WEXITSTATUS(status));
}

void server_wait_killed(int signal)
{
    int status = wait_for_end();

    ck_assert_msg(WIFSIGNALED(status), "the server ended with status %d", WEXITSTATUS(status));
    ck_assert_int_eq(WTERMSIG(status), signal);
}

void server_wait_status(int status)
{
    int found = wait_for_end();

    ck_assert_msg(WIFEXITED(found) && WEXITSTATUS(found) == status, "it ended with %x",
                  (unsigned)found);
}

void serve_refused(const char *conf)
{
    serve_conf(conf);
    server_start();
    ck_assert_msg(!hear("serving on "), "the server did start");

    int status = wait_for_end();

    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 1, "status %x", (unsigned)status);
}

void server_signal(int signal)
{
    ck_assert_int_eq(kill(server.pid, signal), 0);
}

void server_stop(void)
{
    server_signal(SIGTERM);
    server_wait();
}

static void reload(const char *event)
{
    const char *const texts[] = {event, NULL};
    unsigned before = lines_count("log", texts);

    server_signal(SIGHUP);
    lines_wait("log", before + 1, texts);
}

void server_reload(void)
{
    reload(" reload.done ");
}

void server_reload_refused(void)
{
    reload(" reload.refused ");
}

/* ---- What is known of the server ------------------------------------------------------------- */

unsigned server_port(void)
{
    return server.port;
}

pid_t server_pid(void)
{
    return server.pid;
}

pid_t server_child(unsigned nth)
{
    static const char *const texts[] = {" server.started ", NULL};
    const char *at;

    lines_wait("log", nth, texts);
    at = log_text();
    for (; nth > 0; nth--)
        at = strstr(at, texts[0]) + 1;
    return (pid_t)atoi(strstr(at, " pid=") + 5);
}

const char *server_output(void)
{
    return server.said;
}

static const char *in_proc(const char *name)
{
    static char path[64];

    snprintf(path, sizeof path, "/proc/%d/%s", (int)server.pid, name);
    return path;
}

unsigned server_mappings(const char *name)
{
    FILE *maps = fopen(in_proc("maps"), "r");
    char line[PATH_MAX + 128];
    unsigned count = 0;

    ck_assert_ptr_nonnull(maps);
    while (fgets(line, sizeof line, maps) != NULL)
        count += strstr(line, name) != NULL;
    fclose(maps);
    return count;
}

static unsigned entries(const char *path)
{
    DIR *directory = opendir(path);
    unsigned count = 0;

    ck_assert_ptr_nonnull(directory);
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;)
        count += entry->d_name[0] != '.';
    closedir(directory);
    return count;
}

unsigned server_descriptors(void)
{
    return entries(in_proc("fd"));
}

unsigned server_files(const char *name)
{
    DIR *directory = opendir(in_proc("fd"));
    unsigned count = 0;

    ck_assert_ptr_nonnull(directory);
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        char path[PATH_MAX] = "";

        if (readlinkat(dirfd(directory), entry->d_name, path, sizeof path - 1) > 0)
            count += strstr(path, name) != NULL;
    }
    closedir(directory);
    return count;
}

static unsigned copies;

static int count_copy(const char *path, const struct stat *stat, int type, struct FTW *walk)
{
    (void)stat;
    copies += type == FTW_F && strstr(path + walk->base, ".so") != NULL;
    return 0;
}

unsigned cache_files(void)
{
    copies = 0;
    nftw(in_dir("cache"), count_copy, 16, FTW_PHYS);
    return copies;
}

/* ---- Logs and traces ------------------------------------------------------------------------- */

static bool holds_all(const char *line, const char *const *texts)
{
    for (; *texts != NULL; texts++)
        if (strstr(line, *texts) == NULL)
            return false;
    return true;
}

unsigned lines_count(const char *file, const char *const *texts)
{
    size_t size;
    char *data = read_all(in_dir(file), &size), *rest = data;
    unsigned count = 0;

    while (rest != NULL && *rest != '\0') {
        char line[8192];
        size_t length = strcspn(rest, "\n");

        /* With line ends around, so that a text can ask for a whole line. */
        snprintf(line, sizeof line, "\n%.*s\n", (int)length, rest);
        count += holds_all(line, texts);
        rest += length + (rest[length] == '\n');
    }
    free(data);
    return count;
}

void lines_wait(const char *file, unsigned many, const char *const *texts)
{
    uint64_t deadline = now_ms() + PATIENCE_MS;
    char what[512];

    snprintf(what, sizeof what, "%u of %s in the %s", many, texts[0], file);
    while (lines_count(file, texts) < many)
        rest_until(deadline, what);
}

const char *log_text(void)
{
    static char *text;
    size_t size;

    free(text);
    text = read_all(in_dir("log"), &size);
    return text != NULL ? text : "";
}

/* ---- The gate -------------------------------------------------------------------------------- */

void gate_open(unsigned many)
{
    for (; many > 0; many--)
        ck_assert_int_eq(write(gate, "", 1), 1);
}

/* ---- Tests ----------------------------------------------------------------------------------- */

static int remove_entry(const char *path, const struct stat *stat, int type, struct FTW *walk)
{
    (void)stat, (void)type, (void)walk;
    return remove(path);
}

static void remove_tree(const char *path)
{
    nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static void test_setup(void)
{
    snprintf(dir, sizeof dir, "%s/%d", top, (int)getpid());
    ck_assert_int_eq(mkdir(dir, 0755), 0);
    put_directory("so");
    put_directory("cache");
    ck_assert_int_eq(mkfifo(in_dir("gate"), 0600), 0);
    gate = open(in_dir("gate"), O_RDWR | O_CLOEXEC); /* both ends: nobody waits to open it */
    ck_assert_int_ge(gate, 0);
    setenv("PLUGIN_TRACE", in_dir("trace"), 1);
    setenv("PLUGIN_GATE", in_dir("gate"), 1);
}

static void test_teardown(void)
{
    if (server.pid > 0)
        server_stop();
    close(gate);
    remove_tree(dir);
}

TCase *harness_case(Suite *suite, const char *name)
{
    TCase *tcase = tcase_create(name);

    tcase_add_checked_fixture(tcase, test_setup, test_teardown);
    tcase_set_timeout(tcase, 180);
    suite_add_tcase(suite, tcase);
    return tcase;
}

/* A test that passed has removed its directory. */
static void show_logs(void)
{
    DIR *directory = opendir(top);

    for (struct dirent *entry; directory != NULL && (entry = readdir(directory)) != NULL;) {
        char path[PATH_MAX];
        size_t size;

        snprintf(path, sizeof path, "%s/%s/log", top, entry->d_name);
        char *log = read_all(path, &size);

        if (log != NULL)
            printf("---- the log of a test that failed:\n%.*s%s", 20000,
                   size > 20000 ? log + size - 20000 : log, size > 0 ? "" : "(nothing)\n");
        free(log);
    }
    if (directory != NULL)
        closedir(directory);
}

int harness_run(Suite *suite)
{
    SRunner *runner = srunner_create(suite);

    signal(SIGPIPE, SIG_IGN);
    if (mkdtemp(top) == NULL)
        return 1;
    srunner_run_all(runner, CK_NORMAL);

    int failed = srunner_ntests_failed(runner);

    if (failed > 0)
        show_logs();
    remove_tree(top);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
