/*
 * plugin_fixture: what the tests of the room plugin share.
 */
#include "plugin_fixture.h"

#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

static char scratch[64];
static long live_before;

/* One of sixteen buffers of the thread, in turn. */
static char *next_string(void)
{
    static _Thread_local char strings[16][PATH_MAX];
    static _Thread_local unsigned last;

    return strings[++last % 16];
}

void fixture_set_up(void)
{
    live_before = mem_live();
    strcpy(scratch, "/tmp/check-plugin-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(scratch));
    setenv("PLUGIN_TRACE", in_scratch("trace"), 1);
}

static int remove_entry(const char *path, const struct stat *stat, int type, struct FTW *walk)
{
    (void)stat, (void)type, (void)walk;
    return remove(path);
}

void fixture_tear_down(void)
{
    umount2(in_scratch("cache"), MNT_DETACH); /* where it is mounted */
    nftw(scratch, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    ck_assert_int_eq(mem_live(), live_before);
}

const char *in_scratch(const char *name)
{
    char *path = next_string();

    snprintf(path, PATH_MAX, "%s/%s", scratch, name);
    return path;
}

const char *built_plugin(const char *name)
{
    char *path = next_string();

    snprintf(path, PATH_MAX, "tests/plugins/%s.so", name);
    return path;
}

const char *trace_left(void)
{
    FILE *file = fopen(in_scratch("trace"), "r");
    char *trace = next_string(), line[256];

    trace[0] = '\0';
    if (file == NULL)
        return trace;
    while (fgets(line, sizeof(line), file) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        snprintf(trace + strlen(trace), PATH_MAX - strlen(trace), "%s; ", line);
    }
    fclose(file);
    return trace;
}

/* Counts, and gives the name of the last one. */
static unsigned list(const char *path, char name[NAME_MAX + 1])
{
    DIR *directory = opendir(path);
    struct dirent *entry;
    unsigned count = 0;

    if (directory == NULL)
        return 0;
    while ((entry = readdir(directory)) != NULL)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            strcpy(name, entry->d_name);
            count++;
        }
    closedir(directory);
    return count;
}

unsigned entries_in(const char *directory)
{
    char name[NAME_MAX + 1];

    return list(directory, name);
}

const char *only_entry_of(const char *parent)
{
    char name[NAME_MAX + 1], *path = next_string();

    ck_assert_uint_eq(list(parent, name), 1);
    ck_assert_int_lt(snprintf(path, PATH_MAX, "%s/%s", parent, name), PATH_MAX);
    return path;
}

bool is_there(const char *path)
{
    return access(path, F_OK) == 0;
}

struct text read_file(const char *path)
{
    FILE *file = fopen(path, "r");
    struct text text = {0};
    char part[65536];
    size_t size;

    ck_assert_msg(file != NULL, "cannot open %s", path);
    while ((size = fread(part, 1, sizeof(part), file)) > 0)
        text_add(&text, part, size);
    fclose(file);
    ck_assert(!text.failed);
    return text;
}

void write_file(const char *path, struct slice bytes)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, bytes.data, bytes.size), (ssize_t)bytes.size);
    ck_assert_int_eq(close(fd), 0);
}

void copy_file(const char *to, const char *from)
{
    struct text bytes = read_file(from);

    write_file(to, (struct slice){bytes.data, bytes.size});
    text_free(&bytes);
}

struct plugin_cache *open_cache(void)
{
    struct plugin_fault fault = {0};
    struct plugin_cache *cache = plugin_cache_open(in_scratch("cache"), &fault);

    ck_assert_msg(cache != NULL, "%s", fault.message);
    return cache;
}

struct generation *open_good(struct plugin_cache *cache, const char *file)
{
    struct plugin_fault fault = {0};
    struct generation *generation = generation_open(cache, file, NULL, &fault);

    ck_assert_msg(generation != NULL, "%s: %s", file, fault.message);
    return generation;
}

void end_generation(struct plugin_cache *cache, struct generation *generation)
{
    generation_unref(generation);
    ck_assert_uint_eq(generation_reap(cache), 1);
}

const char *copies_path(void)
{
    return only_entry_of(in_scratch("cache/sluice"));
}

/* Copies in it, beside the lock. */
unsigned copies_left(void)
{
    return entries_in(copies_path()) - 1;
}

/* Refuses with these words, and leaves nothing behind. */
void check_refused(struct plugin_cache *cache, const char *file, const char *message,
                   const char *hint)
{
    struct plugin_fault fault = {0};

    ck_assert_ptr_null(generation_open(cache, file, NULL, &fault));
    ck_assert_str_eq(fault.message, message);
    ck_assert_str_eq(fault.hint, hint);
    ck_assert_uint_eq(generation_count(cache), 0);
    ck_assert_uint_eq(generation_stuck(cache), 0);
    ck_assert_uint_eq(copies_left(), 0);
}

bool mount_scratch(const char *name, const char *options, unsigned long flags)
{
    mkdir(in_scratch(name), 0700);
    return unshare(CLONE_NEWNS) == 0 && mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount("none", in_scratch(name), "tmpfs", flags, options) == 0;
}

bool remount_noexec(const char *name)
{
    return mount("none", in_scratch(name), NULL, MS_REMOUNT | MS_NOEXEC, NULL) == 0;
}
