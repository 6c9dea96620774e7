/*
 * tests/check_conf_messages: what routing.conf's mistakes look like, to the letter.
 *
 * Each tests/conf/NAME.expected is what is said about NAME.conf; where there is a NAME.next, what
 * is said when that is loaded while NAME.conf runs. A few inputs are too large to keep and are made
 * here. What is said of compression depends on the build. And every sentence in the room's sources
 * must have been said in one of these files.
 */
#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "conf/config.h"
#include "suite.h"

static char source_directory[4096];

/* Messages begin with a file's name as it was given: short ones, from within the directory. */
static void enter(void)
{
    const char *srcdir = getenv("srcdir");

    ck_assert_int_eq(chdir(srcdir != NULL ? srcdir : "."), 0);
    ck_assert_ptr_nonnull(getcwd(source_directory, sizeof source_directory));
    ck_assert_int_eq(chdir("tests/conf"), 0);
}

static struct text read_whole(const char *path)
{
    struct text text = {0};
    FILE *file = fopen(path, "rb");
    size_t size;

    ck_assert_msg(file != NULL, "cannot open %s", path);
    while ((size = fread(text_reserve(&text, 4096), 1, 4096, file)) > 0)
        text.size += size;
    text.data[text.size] = '\0';
    fclose(file);
    return text;
}

static void name_of(char *out, size_t size, const char *name, const char *suffix)
{
    ck_assert_int_lt(snprintf(out, size, "%s%s", name, suffix), (int)size);
}

static bool has_suffix(const char *text, const char *suffix)
{
    return strlen(text) > strlen(suffix) &&
           strcmp(text + strlen(text) - strlen(suffix), suffix) == 0;
}

/* ---- The inputs that are made ---- */

static void made_too_large(struct diag *diag)
{
    struct text text = {0};

    while (text.size <= 1 << 20)
        text_add_str(&text, "# a comment\n");
    ck_assert_ptr_null(
        config_parse("too-large.conf", ".", (struct slice){text.data, text.size}, diag));
    text_free(&text);
}

static void made_too_many_mounts(struct diag *diag)
{
    struct text text = {0};

    for (unsigned i = 0; i < 10001; i++)
        text_addf(&text, "ws /%u a.so\n", i);
    ck_assert_ptr_null(
        config_parse("too-many-mounts.conf", ".", (struct slice){text.data, text.size}, diag));
    text_free(&text);
}

static void made_crowded_line(struct diag *diag)
{
    struct text text = {0};

    for (unsigned i = 0; i < 1026; i++)
        text_add_str(&text, i == 0 ? "origins" : " a.example");
    ck_assert_ptr_null(
        config_parse("crowded-line.conf", ".", (struct slice){text.data, text.size}, diag));
    text_free(&text);
}

static void made_large_value(struct diag *diag)
{
    char directory[] = "/tmp/check_conf_XXXXXX", path[100];
    FILE *file;

    ck_assert_ptr_nonnull(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/large", directory);
    file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    for (unsigned i = 0; i < 65537; i++)
        putc('x', file);
    fclose(file);
    ck_assert_ptr_null(
        config_parse("large-value.conf", directory, SLICE("set a @large\nws /a/ a.so\n"), diag));
    remove(path);
    remove(directory);
}

static const struct {
    const char *name;
    void (*make)(struct diag *diag);
} made[] = {
    {"too-large", made_too_large},
    {"too-many-mounts", made_too_many_mounts},
    {"crowded-line", made_crowded_line},
    {"large-value", made_large_value},
};

/* ---- The golden files ---- */

static void say_made(const char *name, struct diag *diag)
{
    for (size_t i = 0; i < sizeof made / sizeof *made; i++)
        if (strcmp(made[i].name, name) == 0)
            made[i].make(diag);
}

static void say_loaded(const char *name, struct diag *diag)
{
    char path[300];
    struct config *now, *next;

    name_of(path, sizeof path, name, ".conf");
    now = config_load(path, diag);
    ck_assert_msg((now == NULL) == (diag->errors > 0), "%s", name);
    name_of(path, sizeof path, name, ".next");
    if (access(path, F_OK) == 0) {
        ck_assert_uint_eq(diag->errors, 0);
        diag_free(diag);
        next = config_load(path, diag);
        ck_assert_ptr_nonnull(next);
        config_compare(now, next, diag);
        config_unref(next);
    }
    config_unref(now);
}

static bool is_made(const char *name)
{
    for (size_t i = 0; i < sizeof made / sizeof *made; i++)
        if (strcmp(made[i].name, name) == 0)
            return true;
    return false;
}

/* A build without zlib refuses all compression, and says nothing else of it. */
static bool is_of_this_build(const char *name)
{
#ifdef HAVE_DEFLATE
    return strncmp(name, "without-deflate", 15) != 0;
#else
    return strncmp(name, "compress", 8) != 0;
#endif
}

static void check_golden(const char *name)
{
    struct diag diag = {0};
    struct text said = {0}, expected;
    long before = mem_live();
    char path[300];

    if (is_made(name))
        say_made(name, &diag);
    else
        say_loaded(name, &diag);
    diag_print(&diag, &said);
    diag_free(&diag);
    name_of(path, sizeof path, name, ".expected");
    expected = read_whole(path);
    ck_assert_msg(slice_equal((struct slice){said.data, said.size},
                              (struct slice){expected.data, expected.size}),
                  "%s: this is said\n%s\nthis should be\n%s", name, said.data, expected.data);
    text_free(&said);
    text_free(&expected);
    ck_assert_msg(mem_live() == before, "%s leaks", name);
}

START_TEST(mistakes_are_told_as_they_should_be)
{
    struct dirent **entries;
    unsigned golden = 0;
    int count;

    enter();
    count = scandir(".", &entries, NULL, alphasort);
    ck_assert_int_gt(count, 0);
    for (int i = 0; i < count; i++) {
        char *name = entries[i]->d_name, path[300];

        if (has_suffix(name, ".conf")) {
            name[strlen(name) - 5] = '\0';
            name_of(path, sizeof path, name, ".expected");
            ck_assert_msg(access(path, F_OK) == 0, "%s is missing", path);
        } else if (has_suffix(name, ".expected")) {
            name[strlen(name) - 9] = '\0';
            if (is_of_this_build(name))
                check_golden(name);
            golden++;
        }
        free(entries[i]);
    }
    free(entries);
    ck_assert_uint_gt(golden, 40);
}
END_TEST

/* ---- Every sentence is said somewhere ---- */

/* What stands in the files of this suffix, one behind the other. */
static struct text read_all(const char *directory, const char *suffix, const char *const *without)
{
    struct text all = {0};
    struct dirent **entries;
    int count = scandir(directory, &entries, NULL, alphasort);

    ck_assert_int_gt(count, 0);
    for (int i = 0; i < count; i++) {
        const char *const *other = without;
        char path[5000];

        while (*other != NULL && strcmp(*other, entries[i]->d_name) != 0)
            other++;
        if (has_suffix(entries[i]->d_name, suffix) && *other == NULL) {
            snprintf(path, sizeof path, "%s/%s", directory, entries[i]->d_name);

            struct text one = read_whole(path);
            text_add(&all, one.data, one.size);
            text_free(&one);
        }
        free(entries[i]);
    }
    free(entries);
    return all;
}

/* Behind a comment, a character or a #include; the same place where there is none. */
static const char *skip_other(const char *at)
{
    if (strncmp(at, "/*", 2) == 0)
        return strstr(at, "*/") + 2;
    if (strncmp(at, "#include", 8) == 0)
        return strchr(at, '\n');
    if (*at != '\'')
        return at;
    for (at++; *at != '\''; at++)
        at += *at == '\\';
    return at + 1;
}

/* A string literal, with those that follow it directly; gives the place behind. */
static const char *read_string(const char *at, struct text *out)
{
    const char *behind = at;

    text_clear(out);
    for (; *at == '"'; at = behind + strspn(behind, " \t\n")) {
        for (at++; *at != '"'; at++) {
            if (*at != '\\')
                text_add_byte(out, *at);
            else if (*++at == 'n' || strchr("trvfx", *at) == NULL)
                text_add_byte(out, *at == 'n' ? '\n' : *at);
        }
        behind = at + 1;
    }
    return behind;
}

/* Behind a conversion of printf. */
static const char *skip_conversion(const char *at)
{
    at += 1 + strspn(at + 1, "0123456789.*#lzh");
    return at + 1;
}

/* Do the words of a format, between its conversions, stand on one line of the text? */
static bool is_said(const char *format, const char *line)
{
    const char *end = strchr(line, '\n');

    while (*format != '\0') {
        size_t size = strcspn(format, "%\n");
        const char *found = memmem(line, (size_t)(end - line), format, size);

        if (found == NULL)
            return false;
        line = found + size;
        format += size;
        if (*format == '%')
            format = skip_conversion(format);
        else if (*format == '\n') /* a hint's next line */
            return is_said(format + 1, end + 1);
    }
    return true;
}

static bool is_said_anywhere(const char *format, const struct text *said)
{
    for (const char *line = said->data; *line != '\0'; line = strchr(line, '\n') + 1)
        if (is_said(format, line))
            return true;
    return false;
}

static bool is_sentence(const char *text)
{
    unsigned letters = 0;

    if (strchr(text, ' ') == NULL)
        return false;
    for (; *text != '\0'; text = *text == '%' ? skip_conversion(text) : text + 1)
        letters += (*text >= 'a' && *text <= 'z') || (*text >= 'A' && *text <= 'Z');
    return letters > 1;
}

START_TEST(every_sentence_has_been_said)
{
    static const char *const all[] = {NULL};
    /* Their texts are the frame of messages, and the table's columns and helps. */
    static const char *const others[] = {"diag.c", "directive.c", "describe.c", NULL};
    struct text said, code, sentence = {0};
    unsigned sentences = 0;
    char path[5000];

    enter();
    said = read_all(".", ".expected", all);
    snprintf(path, sizeof path, "%s/runtime/conf", source_directory);
    code = read_all(path, ".c", others);
    for (const char *at = code.data; *at != '\0';) {
        const char *next = skip_other(at);

        if (next == at && *at == '"') {
            next = read_string(at, &sentence);
            if (sentence.size > 0 && is_sentence(sentence.data)) {
                sentences++;
                ck_assert_msg(is_said_anywhere(sentence.data, &said), "no golden file says: %s",
                              sentence.data);
            }
        }
        at = next == at ? at + 1 : next;
    }
    ck_assert_uint_gt(sentences, 80);
    text_free(&said);
    text_free(&code);
    text_free(&sentence);
}
END_TEST

/* ---- The frame of messages ---- */

START_TEST(places_are_lines_and_characters)
{
    const struct source source = {"a", "é房x\n\ty\r\n", 11};
    static const unsigned expected[][3] = {
        /* offset, line, column */
        {0, 1, 1}, {2, 1, 2}, {5, 1, 3}, {6, 1, 4}, {7, 2, 1}, {8, 2, 2}, {10, 2, 4}, {11, 3, 1},
    };

    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        unsigned line, column;

        diag_locate(&source, expected[i][0], &line, &column);
        ck_assert_uint_eq(line, expected[i][1]);
        ck_assert_uint_eq(column, expected[i][2]);
    }
}
END_TEST

START_TEST(messages_stand_in_the_order_of_the_file)
{
    const struct source source = {"a", "one\ntwo\n", 8}, other = {"b", NULL, 0};
    struct diag diag = {0};
    struct text out = {0};

    diag_add(&diag, DIAG_WARNING, &source, (struct place){4, 3}, "x\ny", "second %d", 2);
    diag_add(&diag, DIAG_ERROR, &source, (struct place){0, 0}, NULL, "first");
    diag_add(&diag, DIAG_ERROR, &source, (struct place){4, 1}, NULL, "third");
    diag_add(&diag, DIAG_ERROR, &source, (struct place){8, 0}, NULL, "end");
    diag_add(&diag, DIAG_ERROR, &other, (struct place){5, 5}, "why", "nowhere");
    ck_assert_uint_eq(diag.errors, 4);
    ck_assert_uint_eq(diag.warnings, 1);
    diag_print(&diag, &out);
    ck_assert_str_eq(out.data, "a:1:1: error: first\n    1 | one\n      | ^\n"
                               "b: error: nowhere\n      = why\n"
                               "a:2:1: warning: second 2\n    2 | two\n      | ^~~\n"
                               "      = x\n      = y\n"
                               "a:2:1: error: third\n    2 | two\n      | ^\n"
                               "a:3:1: error: end\n    3 | \n      | ^\n");
    diag_free(&diag);
    ck_assert_uint_eq(diag.errors, 0);
    text_free(&out);
}
END_TEST

START_TEST(a_hundred_messages_are_kept)
{
    const struct source source = {"a", NULL, 0};
    struct diag diag = {0};
    struct text out = {0};
    unsigned lines = 0;

    for (unsigned i = 0; i < 120; i++)
        diag_add(&diag, DIAG_ERROR, &source, (struct place){0, 0}, NULL, "%u", i);
    diag_print(&diag, &out);
    for (size_t i = 0; i < out.size; i++)
        lines += out.data[i] == '\n';
    ck_assert_uint_eq(diag.errors, 120);
    ck_assert_uint_eq(lines, 101);
    ck_assert_ptr_nonnull(strstr(out.data, "a: error: 99\n... and 20 more\n"));
    diag_free(&diag);
    text_free(&out);
}
END_TEST

START_TEST(what_does_not_print_is_escaped)
{
    const struct source source = {"a\nb", "\x1b[2J\xff\u202e", 8};
    struct diag diag = {0};
    struct text out = {0};

    diag_add(&diag, DIAG_ERROR, &source, (struct place){5, 3}, "h\x07", "m\r\n\xc3");
    diag_print(&diag, &out);
    ck_assert_str_eq(out.data, "a\\x0ab:1:6: error: m\\x0d\\x0a\\xc3\n"
                               "    1 | \\x1b[2J\\xff\\u202e\n"
                               "      |            ^~~~~~\n"
                               "      = h\\x07\n");
    diag_free(&diag);
    text_free(&out);
}
END_TEST

START_TEST(without_memory_a_message_is_missing_and_said_to_be)
{
    const struct source source = {"a", "one", 3};
    long before = mem_live();
    unsigned long nth = 0;
    bool failed;

    do {
        struct diag diag = {0};
        struct text out = {0};

        mem_fail_at(++nth);
        diag_add(&diag, DIAG_WARNING, &source, (struct place){0, 3}, "hint", "message");
        mem_fail_at(0);
        failed = diag.failed;
        ck_assert_uint_eq(diag.errors, failed);
        diag_print(&diag, &out);
        ck_assert_int_eq(strstr(out.data, "message") == NULL, failed);
        ck_assert_int_eq(strstr(out.data, "out of memory") != NULL, failed);
        diag_free(&diag);
        text_free(&out);
        ck_assert_int_eq(mem_live(), before);
    } while (failed);
    ck_assert_uint_gt(nth, 3);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("conf/messages");
    TCase *tests = tcase_create("messages");

    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, mistakes_are_told_as_they_should_be);
    tcase_add_test(tests, every_sentence_has_been_said);
    tcase_add_test(tests, places_are_lines_and_characters);
    tcase_add_test(tests, messages_stand_in_the_order_of_the_file);
    tcase_add_test(tests, a_hundred_messages_are_kept);
    tcase_add_test(tests, what_does_not_print_is_escaped);
    tcase_add_test(tests, without_memory_a_message_is_missing_and_said_to_be);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
