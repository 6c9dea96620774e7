/*
 * Tests of server/files: what is served from a directory, and what never is. All of them run
 * twice: with openat2, and name by name as on an older kernel.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "server/files.h"
#include "server/http_date.h"
#include "wire/uri.h"
#include "suite.h"

static char top[64]; /* holds the directory that is served, and a secret beside it */
static struct files *files;
static struct files_answer answer;

static const char *below(const char *name)
{
    static char path[PATH_MAX];

    snprintf(path, sizeof path, "%s/%s", top, name);
    return path;
}

static void put_file(const char *name, const char *content)
{
    FILE *file = fopen(below(name), "w");

    ck_assert_msg(file != NULL, "%s", name);
    fputs(content, file);
    fclose(file);
}

static void put_link(const char *name, const char *target)
{
    ck_assert_int_eq(symlink(target, below(name)), 0);
}

static void put_socket(const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    strcpy(address.sun_path, below(name));
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    close(fd);
}

static void make_tree(void)
{
    strcpy(top, "/tmp/check_files.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(top));
    ck_assert_int_eq(chmod(top, 0755), 0);
    ck_assert_int_eq(mkdir(below("root"), 0755), 0);
    ck_assert_int_eq(mkdir(below("root/sub"), 0755), 0);
    ck_assert_int_eq(mkdir(below("root/a.css"), 0755), 0);
    ck_assert_int_eq(mkdir(below("root/bare"), 0755), 0);
    ck_assert_int_eq(mkdir(below("root/.git"), 0755), 0);
    ck_assert_int_eq(mkdir(below("root/odd"), 0755), 0);
    ck_assert_int_eq(mkdir(below("root/odd/index.html"), 0755), 0);
    put_file("secret.txt", "secret");
    put_file("root/index.html", "<p>top");
    put_file("root/hello.txt", "hello");
    put_file("root/empty", "");
    put_file("root/two words.txt", "blank");
    put_file("root/\xe6\x88\xbf.txt", "room");
    put_file("root/...txt", "hidden");
    put_file("root/.env", "hidden");
    put_file("root/.git/config", "hidden");
    put_file("root/sub/index.html", "<p>sub");
    put_file("root/sub/page.html", "<p>page");
    put_file("root/a.css/readme", "no css");
    ck_assert_int_eq(mkfifo(below("root/fifo"), 0644), 0);
    put_socket("root/socket");
    put_link("root/out.txt", "../secret.txt");
    put_link("root/out", "..");
    put_link("root/absolute.txt", "/etc/hostname");
    put_link("root/loop", "loop");
    put_link("root/nowhere", "nothing");
}

static void open_tree(void)
{
    make_tree();
    files = files_open(below("root"), true, 0, NULL);
    ck_assert_ptr_nonnull(files);
}

static void remove_tree(void)
{
    char command[100];

    files_close(files);
    files = NULL;
    snprintf(command, sizeof command, "rm -rf '%s'", top);
    ck_assert_int_eq(system(command), 0);
}

static void forget(void)
{
    if (answer.fd >= 0)
        close(answer.fd);
    text_free(&answer.fields);
    answer = (struct files_answer){.fd = -1};
}

/* Asks for a path of a mount at `prefix`, with field lines; the answer is `answer`. */
static bool ask_all(const char *method, const char *prefix, const char *target, const char *lines)
{
    const struct http_limits limits = {100000, 100000, 100};
    struct http_scan scan = {0};
    struct http_request request;
    struct text head = {0}, path = {0};

    text_addf(&head, "%s %s HTTP/1.1\r\nHost: x\r\n%s\r\n", method, target, lines);
    ck_assert_int_eq(http_parse(head.data, head.size, &limits, &scan, &request), HTTP_DONE);
    ck_assert(uri_decode_path(request.path, &path));

    size_t taken = strlen(prefix);
    ck_assert_msg(memcmp(path.data, prefix, taken) == 0, "%s", target);
    forget();
    bool done = files_answer(files, &request, (struct slice){path.data + taken, path.size - taken},
                             &answer);
    text_free(&head);
    text_free(&path);
    return done;
}

static unsigned ask(const char *method, const char *target, const char *lines)
{
    ck_assert(ask_all(method, "/static/", target, lines));
    return answer.status;
}

static unsigned get(const char *target)
{
    return ask("GET", target, "");
}

static bool has_line(const char *line)
{
    char whole[1000];

    snprintf(whole, sizeof whole, "%s\r\n", line);
    const char *at = answer.fields.size > 0 ? strstr(answer.fields.data, whole) : NULL;
    return at != NULL && (at == answer.fields.data || at[-1] == '\n');
}

static bool has_field(const char *name)
{
    struct slice rest = {answer.fields.data, answer.fields.size};
    struct http_field field;

    while (http_next_field(&rest, &field))
        if (slice_equal(field.name, slice_of(name)))
            return true;
    return false;
}

/* The answer is this file, from its first byte to its last. */
static void assert_content(const char *content)
{
    char data[100];

    ck_assert_uint_eq(answer.status, 200);
    ck_assert_int_ge(answer.fd, 0);
    ssize_t size = read(answer.fd, data, sizeof data - 1);
    ck_assert_int_ge(size, 0);
    data[size] = '\0';
    ck_assert_str_eq(data, content);
    ck_assert_uint_eq(answer.size, strlen(content));
}

static void setup(void)
{
    answer = (struct files_answer){.fd = -1};
    open_tree();
}

static void teardown(void)
{
    forget();
    remove_tree();
}

START_TEST(a_file_is_served)
{
    files_walk_only(_i);
    ck_assert_uint_eq(get("/static/hello.txt"), 200);
    assert_content("hello");
    ck_assert(has_line("Content-Type: text/plain; charset=utf-8"));
    ck_assert(has_line("X-Content-Type-Options: nosniff"));
    ck_assert(has_line("Cache-Control: no-cache"));
    ck_assert(fcntl(answer.fd, F_GETFD) & FD_CLOEXEC);
    ck_assert_ptr_null(answer.why);
}
END_TEST

START_TEST(names_are_decoded)
{
    files_walk_only(_i);
    get("/static/two%20words.txt");
    assert_content("blank");
    get("/static/%E6%88%BF.txt");
    assert_content("room");
    get("/static/sub/page.html");
    assert_content("<p>page");
    get("/static/hello.txt?v=3");
    assert_content("hello");
    get("/static/empty");
    assert_content("");
}
END_TEST

START_TEST(head_is_as_get_without_the_file)
{
    files_walk_only(_i);
    ck_assert_uint_eq(ask("HEAD", "/static/hello.txt", ""), 200);
    ck_assert_int_eq(answer.fd, -1);
    ck_assert_uint_eq(answer.size, 5);
    ck_assert(has_line("Content-Type: text/plain; charset=utf-8"));
    ck_assert(has_field("Last-Modified"));
}
END_TEST

START_TEST(other_methods_are_refused)
{
    static const char *const methods[] = {"POST", "PUT", "DELETE", "OPTIONS", "get", "TRACE"};

    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        ck_assert_uint_eq(ask(methods[i], "/static/hello.txt", ""), 405);
        ck_assert(has_line("Allow: GET, HEAD"));
        ck_assert_int_eq(answer.fd, -1);
    }
}
END_TEST

START_TEST(directories_serve_their_index)
{
    files_walk_only(_i);
    get("/static/");
    assert_content("<p>top");
    ck_assert(has_line("Content-Type: text/html; charset=utf-8"));
    get("/static/sub/");
    assert_content("<p>sub");
    ck_assert_uint_eq(get("/static/bare/"), 404);
    ck_assert_uint_eq(get("/static/odd/"), 404); /* whose index is a directory */
    ck_assert_uint_eq(get("/static/hello.txt/"), 404);
}
END_TEST

START_TEST(directories_without_slash_redirect)
{
    files_walk_only(_i);
    ck_assert_uint_eq(get("/static/sub"), 301);
    ck_assert(has_line("Location: /static/sub/"));
    ck_assert_int_eq(answer.fd, -1);
    ck_assert_uint_eq(get("/static/sub?a=1&b=%2F"), 301);
    ck_assert(has_line("Location: /static/sub/?a=1&b=%2F"));
    ck_assert_uint_eq(ask("HEAD", "/static/sub", ""), 301);
    ck_assert(ask_all("GET", "/static", "/static", "")); /* mounted without a slash */
    ck_assert_uint_eq(answer.status, 301);
    ck_assert(has_line("Location: /static/"));
    ck_assert(ask_all("GET", "/static", "/static/hello.txt", ""));
    assert_content("hello");
}
END_TEST

START_TEST(redirects_stay_on_this_host)
{
    files_walk_only(_i);
    ck_assert(ask_all("GET", "//", "//sub", "")); /* leading slashes mean nothing to a mount */
    ck_assert_uint_eq(answer.status, 301);
    ck_assert(has_line("Location: /sub/"));
    ck_assert(ask_all("GET", "///", "///sub?x=\"><b>", ""));
    ck_assert(has_line("Location: /sub/?x=%22%3E%3Cb%3E"));
    ck_assert_int_eq(mkdir(below("root/\\host"), 0755), 0);
    ck_assert(ask_all("GET", "/", "/\\host", ""));
    ck_assert(has_line("Location: /%5Chost/"));
}
END_TEST

static const char *const missing[] = {
    "/static/nothing",
    "/static/sub/nothing",
    "/static/nothing/hello.txt",
    "/static/hello.txt/more",
    "/static/nowhere",
    "/static/loop",
    /* hidden */
    "/static/.env",
    "/static/.git/config",
    "/static/.git/",
    "/static/.git",
    "/static/...txt",
    "/static/sub/.hidden",
    "/static/%2eenv",
    /* ways out */
    "/static/../secret.txt",
    "/static/..",
    "/static/../",
    "/static/.",
    "/static/./hello.txt",
    "/static/sub/../hello.txt",
    "/static/sub/../../secret.txt",
    "/static/%2e%2e/secret.txt",
    "/static/%2E./secret.txt",
    "/static/sub/%2e%2e/%2e%2e/secret.txt",
    "/static/..%2fsecret.txt",
    "/static/%2e%2e%2fsecret.txt",
    "/static/out.txt",
    "/static/out/secret.txt",
    "/static/out/root/hello.txt",
    "/static/absolute.txt",
    "/static//etc/hostname",
    "/static/%2fetc/hostname",
    "/static/..%5csecret.txt",
    "/static/..\\secret.txt",
    "/static/%252e%252e/secret.txt", /* decoded once */
    /* read in two ways */
    "/static/sub%2fpage.html",
    "/static/sub%2Fpage.html",
    "/static/sub//page.html",
    "/static//hello.txt",
    "/static/hello.txt%00",
    "/static/hello.txt%00.html",
    "/static/%00",
    /* what is no file */
    "/static/fifo",
    "/static/socket",
};

START_TEST(never_served)
{
    for (int walk = 0; walk < 2; walk++) {
        files_walk_only(walk);
        ck_assert_msg(get(missing[_i]) == 404, "%s: %u", missing[_i], answer.status);
        ck_assert_int_eq(answer.fd, -1);
        ck_assert_ptr_nonnull(answer.why);
    }
}
END_TEST

START_TEST(very_long_paths_are_missing)
{
    char target[9000];

    files_walk_only(_i);
    for (size_t size = 200; size < sizeof target; size *= 3) {
        memset(target, 'a', sizeof target);
        memcpy(target, "/static/", 8);
        target[size] = '\0';
        ck_assert_uint_eq(get(target), 404);
        for (size_t i = 9; i < size - 1; i += 2)
            target[i] = '/';
        ck_assert_uint_eq(get(target), 404);
    }
}
END_TEST

START_TEST(links_within_are_followed_by_openat2)
{
    put_link("root/sub/up.txt", "../hello.txt");
    put_link("root/alias", "sub");
    files_walk_only(false);
    if (get("/static/sub/up.txt") == 404)
        return; /* the kernel has no openat2 */
    assert_content("hello");
    get("/static/alias/page.html");
    assert_content("<p>page");
    files_walk_only(true);
    ck_assert_uint_eq(get("/static/sub/up.txt"), 404);
    ck_assert_uint_eq(get("/static/alias/page.html"), 404);
}
END_TEST

/* The type is of the file's own name, whatever directories are called. */
START_TEST(types_are_told_by_the_last_name)
{
    files_walk_only(_i);
    get("/static/a.css/readme");
    assert_content("no css");
    ck_assert(has_line("Content-Type: application/octet-stream"));
}
END_TEST

START_TEST(what_may_not_be_read_is_forbidden)
{
    files_walk_only(_i);
    ck_assert_int_eq(chmod(below("root/hello.txt"), 0), 0);
    if (geteuid() == 0)
        ck_assert_int_eq(seteuid(65534), 0);
    ck_assert_uint_eq(get("/static/hello.txt"), 403);
    ck_assert_str_eq(answer.why, "no permission to read the file");
    if (getuid() == 0)
        ck_assert_int_eq(seteuid(0), 0);
}
END_TEST

START_TEST(files_may_change_while_served)
{
    files_walk_only(_i);
    put_file("root/hello.txt", "longer than it was");
    get("/static/hello.txt");
    assert_content("longer than it was");
    ck_assert_int_eq(unlink(below("root/hello.txt")), 0);
    ck_assert_uint_eq(get("/static/hello.txt"), 404);
}
END_TEST

/* ---- Conditions ---- */

#define MODIFIED 784111777 /* Sun, 06 Nov 1994 08:49:37 GMT */

static void set_modified(const char *name, time_t time)
{
    const struct timespec times[2] = {{.tv_sec = time}, {.tv_sec = time}};

    ck_assert_int_eq(utimensat(AT_FDCWD, below(name), times, 0), 0);
}

static const struct {
    const char *lines;
    unsigned status;
} conditions[] = {
    {"", 200},
    {"If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n", 304},
    {"if-modified-since:  Sun, 06 Nov 1994 08:49:38 GMT \r\n", 304},
    {"If-Modified-Since: Sun, 06 Nov 1994 08:49:36 GMT\r\n", 200},
    {"If-Modified-Since: Sunday, 06-Nov-94 08:49:37 GMT\r\n", 304},
    {"If-Modified-Since: Sunday, 06-Nov-94 08:49:36 GMT\r\n", 200},
    {"If-Modified-Since: Sun Nov  6 08:49:37 1994\r\n", 304},
    {"If-Modified-Since: Sun Nov  6 08:49:36 1994\r\n", 200},
    {"If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT\r\n", 304},
    {"If-Modified-Since: yesterday\r\n", 200},
    {"If-Modified-Since: \r\n", 200},
    {"If-Modified-Since: 784111777\r\n", 200},
    {"If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
     "If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n",
     200},
    {"If-None-Match: \"tag\"\r\nIf-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n", 200},
    {"If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\nIf-None-Match: \"tag\"\r\n", 200},
};

START_TEST(if_modified_since)
{
    set_modified("root/hello.txt", MODIFIED);
    ck_assert_uint_eq(ask("GET", "/static/hello.txt", conditions[_i].lines), conditions[_i].status);
    ck_assert(has_line("Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT"));
    ck_assert(has_line("Cache-Control: no-cache"));
    ck_assert_int_eq(answer.fd >= 0, conditions[_i].status == 200);
    ck_assert_int_eq(has_field("Content-Type"), conditions[_i].status == 200);
    ck_assert_uint_eq(ask("HEAD", "/static/hello.txt", conditions[_i].lines),
                      conditions[_i].status);
}
END_TEST

START_TEST(conditions_do_not_hide_what_is_missing)
{
    ck_assert_uint_eq(
        ask("GET", "/static/nothing", "If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT\r\n"), 404);
}
END_TEST

START_TEST(dates_ahead_are_told_as_now)
{
    char date[HTTP_DATE_SIZE], line[60];
    time_t now = time(NULL);

    set_modified("root/hello.txt", now + 100000);
    ck_assert_uint_eq(get("/static/hello.txt"), 200);
    http_date_write(date, now);
    snprintf(line, sizeof line, "Last-Modified: %s", date);
    if (!has_line(line)) { /* the second was over */
        http_date_write(date, now + 1);
        snprintf(line, sizeof line, "Last-Modified: %s", date);
        ck_assert(has_line(line));
    }
}
END_TEST

/* ---- Mounts ---- */

START_TEST(max_age_and_policy_are_told)
{
    files_close(files);
    files = files_open(below("root"), true, 3600, "default-src 'self'");
    ck_assert_uint_eq(get("/static/hello.txt"), 200);
    ck_assert(has_line("Cache-Control: max-age=3600"));
    ck_assert(has_line("Content-Security-Policy: default-src 'self'"));
    ck_assert_uint_eq(get("/static/nothing"), 404);
    ck_assert(!has_field("Cache-Control"));
}
END_TEST

START_TEST(a_single_file_is_served)
{
    files_close(files);
    files = files_open(below("root/sub/page.html"), false, 0, NULL);
    ck_assert_ptr_nonnull(files);
    ck_assert(ask_all("GET", "/chat", "/chat", ""));
    assert_content("<p>page");
    ck_assert(has_line("Content-Type: text/html; charset=utf-8"));
    ck_assert(ask_all("GET", "/chat", "/chat/more", ""));
    ck_assert_uint_eq(answer.status, 404);
}
END_TEST

START_TEST(a_single_file_may_be_replaced)
{
    char from[PATH_MAX], to[PATH_MAX];

    files_close(files);
    files = files_open(below("root/sub/page.html"), false, 0, NULL);
    put_file("new", "<p>new");
    strcpy(from, below("new"));
    strcpy(to, below("root/sub/page.html"));
    ck_assert_int_eq(rename(from, to), 0);
    ck_assert(ask_all("GET", "/chat", "/chat", ""));
    assert_content("<p>new");
    ck_assert_int_eq(unlink(to), 0);
    ck_assert(ask_all("GET", "/chat", "/chat", ""));
    ck_assert_uint_eq(answer.status, 404);
    ck_assert_int_eq(mkdir(to, 0755), 0);
    ck_assert(ask_all("GET", "/chat", "/chat", ""));
    ck_assert_uint_eq(answer.status, 404);
}
END_TEST

static void assert_not_opened(const char *path, bool directory, const char *csp, int error)
{
    errno = 0;
    ck_assert_ptr_null(files_open(path, directory, 0, csp));
    ck_assert_int_eq(errno, error);
}

START_TEST(mounts_say_why_they_cannot_be_opened)
{
    long before = mem_live();

    assert_not_opened(below("nothing"), true, NULL, ENOENT);
    assert_not_opened(below("nothing"), false, NULL, ENOENT);
    assert_not_opened(below("secret.txt"), true, NULL, ENOTDIR);
    assert_not_opened(below("root"), false, NULL, EISDIR);
    assert_not_opened(below("root/fifo"), false, NULL, EINVAL);
    assert_not_opened(below("root"), true, "default-src\r\nSet-Cookie: x=y", EINVAL);
    for (unsigned long nth = 1; nth <= 2; nth++) {
        mem_fail_at(nth);
        assert_not_opened(below("root"), true, NULL, ENOMEM);
        mem_fail_at(0);
    }
    mem_fail_at(3);
    assert_not_opened(below("secret.txt"), false, NULL, ENOMEM);
    ck_assert_int_eq(mem_live(), before);
}
END_TEST

START_TEST(failed_memory_leaves_nothing_open)
{
    const struct http_limits limits = {100000, 100000, 100};
    static const char head[] = "GET /static/sub/page.html HTTP/1.1\r\nHost: x\r\n\r\n";
    struct http_scan scan = {0};
    struct http_request request;
    long before = mem_live();
    bool done = false;
    int next = dup(0);

    close(next);
    ck_assert_int_eq(http_parse(head, strlen(head), &limits, &scan, &request), HTTP_DONE);
    for (unsigned long nth = 1; !done; nth++) {
        ck_assert_uint_lt(nth, 10);
        mem_fail_at(nth);
        done = files_answer(files, &request, SLICE("sub/page.html"), &answer);
        mem_fail_at(0);
        if (!done) {
            ck_assert_int_eq(mem_live(), before);
            int again = dup(0);
            ck_assert_int_eq(again, next); /* the lowest that is free */
            close(again);
        } else {
            ck_assert_uint_gt(nth, 2);
        }
    }
    assert_content("<p>page");
}
END_TEST

/* ---- Types ---- */

static const struct {
    const char *name, *type;
} types[] = {
    {"index.html", "text/html; charset=utf-8"},
    {"INDEX.HTML", "text/html; charset=utf-8"},
    {"a/b/app.js", "text/javascript; charset=utf-8"},
    {"app.mjs", "text/javascript; charset=utf-8"},
    {"style.css", "text/css; charset=utf-8"},
    {"app.min.css", "text/css; charset=utf-8"},
    {"data.json", "application/json"},
    {"app.js.map", "application/json"},
    {"logo.svg", "image/svg+xml"},
    {"logo.png", "image/png"},
    {"photo.jpg", "image/jpeg"},
    {"photo.jpeg", "image/jpeg"},
    {"photo.webp", "image/webp"},
    {"favicon.ico", "image/vnd.microsoft.icon"},
    {"font.woff2", "font/woff2"},
    {"module.wasm", "application/wasm"},
    {"site.webmanifest", "application/manifest+json"},
    {"notes.txt", "text/plain; charset=utf-8"},
    {"7.7z", "application/x-7z-compressed"},
    {"archive.zst", "application/zstd"},
    {"README", "application/octet-stream"},
    {"html", "application/octet-stream"},
    {"a.css/readme", "application/octet-stream"},
    {"ends.", "application/octet-stream"},
    {"", "application/octet-stream"},
    {"x.unknown", "application/octet-stream"},
    {"x.webmanifests", "application/octet-stream"},
    {"x.htmlhtmlhtmlhtml", "application/octet-stream"},
};

START_TEST(types_by_name)
{
    ck_assert_str_eq(files_type(slice_of(types[_i].name)), types[_i].type);
}
END_TEST

static TCase *add_case(Suite *suite, const char *name)
{
    TCase *tcase = tcase_create(name);

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 20); /* a FIFO would wait for ever */
    suite_add_tcase(suite, tcase);
    return tcase;
}

static void add_serving(Suite *suite)
{
    TCase *tcase = add_case(suite, "serving");

    tcase_add_loop_test(tcase, a_file_is_served, 0, 2);
    tcase_add_loop_test(tcase, names_are_decoded, 0, 2);
    tcase_add_loop_test(tcase, head_is_as_get_without_the_file, 0, 2);
    tcase_add_test(tcase, other_methods_are_refused);
    tcase_add_loop_test(tcase, directories_serve_their_index, 0, 2);
    tcase_add_loop_test(tcase, directories_without_slash_redirect, 0, 2);
    tcase_add_loop_test(tcase, redirects_stay_on_this_host, 0, 2);
    tcase_add_loop_test(tcase, never_served, 0, sizeof missing / sizeof *missing);
    tcase_add_loop_test(tcase, very_long_paths_are_missing, 0, 2);
    tcase_add_test(tcase, links_within_are_followed_by_openat2);
    tcase_add_loop_test(tcase, types_are_told_by_the_last_name, 0, 2);
    tcase_add_loop_test(tcase, what_may_not_be_read_is_forbidden, 0, 2);
    tcase_add_loop_test(tcase, files_may_change_while_served, 0, 2);
}

static void add_conditions_and_mounts(Suite *suite)
{
    TCase *tcase = add_case(suite, "conditions");

    tcase_add_loop_test(tcase, if_modified_since, 0, sizeof conditions / sizeof *conditions);
    tcase_add_test(tcase, conditions_do_not_hide_what_is_missing);
    tcase_add_test(tcase, dates_ahead_are_told_as_now);

    tcase = add_case(suite, "mounts");
    tcase_add_test(tcase, max_age_and_policy_are_told);
    tcase_add_test(tcase, a_single_file_is_served);
    tcase_add_test(tcase, a_single_file_may_be_replaced);
    tcase_add_test(tcase, mounts_say_why_they_cannot_be_opened);
    tcase_add_test(tcase, failed_memory_leaves_nothing_open);

    tcase = add_case(suite, "types");
    tcase_add_loop_test(tcase, types_by_name, 0, sizeof types / sizeof *types);
}

int main(void)
{
    Suite *suite = suite_create("server_files");

    add_serving(suite);
    add_conditions_and_mounts(suite);
    return suite_run(suite);
}
