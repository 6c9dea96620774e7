/*
 * plugin/copies: the private copies that consumers are loaded from, in a directory of this
 * process.
 */
#include "plugin/copies.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/random.h"

#define LOCK_NAME   "lock"
#define RANDOM_SIZE 4    /* bytes, in hexadecimal behind the process id */
#define UNFINISHED  3600 /* seconds after which a directory that is not locked yet never will be */
#define STEM_MAX    64   /* bytes of a consumer's name that its copies bear */

#define SET_CACHE "set `cache DIR` in routing.conf to a directory that allows execution"

/* ---- What the dead left -------------------------------------------------- */

/* Is it "1234-0a1b2c3d", or, while it is being made, the same behind a dot? */
static bool is_process_name(const char *name)
{
    const char *rest = name + (*name == '.');
    size_t digits = strspn(rest, "0123456789");

    rest += digits;
    return digits > 0 && *rest == '-' && strlen(rest + 1) == 2 * RANDOM_SIZE &&
           strspn(rest + 1, "0123456789abcdef") == 2 * RANDOM_SIZE;
}

static bool is_dot(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* Removes a directory of this room's, which has no directories in it. Takes `fd` over. */
static void remove_directory(int parent, const char *name, int fd)
{
    DIR *directory = fdopendir(fd);
    struct dirent *entry;

    if (directory == NULL) {
        close(fd);
        return;
    }
    while ((entry = readdir(directory)) != NULL)
        if (!is_dot(entry->d_name))
            unlinkat(fd, entry->d_name, 0);
    closedir(directory);
    unlinkat(parent, name, AT_REMOVEDIR);
}

static bool is_old(int fd)
{
    struct stat stat;

    return fstat(fd, &stat) == 0 && (uint64_t)stat.st_mtime + UNFINISHED < clock_wall() / 1000;
}

/* Nobody holds its lock. A directory without one is half removed already, or (with the dot) is
 * being made, unless that was long ago. */
static bool is_dead(int fd, const char *name, int lock)
{
    if (name[0] == '.')
        return is_old(fd);
    if (lock < 0)
        return errno == ENOENT;
    return flock(lock, LOCK_EX | LOCK_NB) == 0;
}

static void remove_if_dead(int parent, const char *name)
{
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0)
        return;

    int lock = openat(fd, LOCK_NAME, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    if (is_dead(fd, name, lock))
        remove_directory(parent, name, fd);
    else
        close(fd);
    if (lock >= 0)
        close(lock);
}

static void remove_dead(int parent)
{
    int fd = openat(parent, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;
    struct dirent *entry;

    if (directory == NULL) {
        if (fd >= 0)
            close(fd);
        return;
    }
    while ((entry = readdir(directory)) != NULL)
        if (is_process_name(entry->d_name))
            remove_if_dead(parent, entry->d_name);
    closedir(directory);
}

/* ---- A directory of our own ---------------------------------------------- */

static int make_lock(int directory)
{
    int lock = openat(directory, LOCK_NAME, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    if (lock >= 0 && flock(lock, LOCK_EX | LOCK_NB) != 0) {
        close(lock);
        return -1;
    }
    return lock;
}

/* Makes it under the name with the dot, and renames it once it is locked: a process that starts
 * meanwhile never sees it without its lock. */
static int make_directory(int parent, const char *hidden)
{
    int lock = -1;

    if (mkdirat(parent, hidden, 0700) != 0)
        return -1;

    int fd = openat(parent, hidden, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0)
        lock = make_lock(fd);
    if (lock >= 0 && renameat(parent, hidden, parent, hidden + 1) == 0) {
        close(fd);
        return lock;
    }

    int error = errno;
    if (fd >= 0)
        remove_directory(parent, hidden, fd);
    if (lock >= 0)
        close(lock);
    errno = error;
    return -1;
}

static bool make_own(struct copies *copies, const char *root, int parent,
                     struct plugin_fault *fault)
{
    unsigned char bytes[RANDOM_SIZE];
    char hex[2 * RANDOM_SIZE + 1], hidden[64];
    struct text path = {0};

    if (!random_bytes(bytes, sizeof(bytes)))
        return fault_set(fault, "the kernel gives no random bytes");
    text_hex(hex, bytes, sizeof(bytes));
    snprintf(hidden, sizeof(hidden), ".%ld-%s", (long)getpid(), hex);
    text_addf(&path, "%s/%s", root, hidden + 1);
    copies->path = text_take(&path);
    if (copies->path == NULL)
        return fault_set(fault, "no memory");
    copies->lock = make_directory(parent, hidden);
    if (copies->lock >= 0)
        return true;
    fault_set(fault, "cannot make %s: %s", copies->path, strerror(errno));
    mem_free(copies->path);
    return false;
}

/* Who can rename what is in the directory could put code of their own there. */
static bool check_private(const char *path, const struct stat *stat, struct plugin_fault *fault)
{
    if (stat->st_uid != geteuid()) {
        fault_set(fault, "%s belongs to user %lu, not to the server's user %lu", path,
                  (unsigned long)stat->st_uid, (unsigned long)geteuid());
        return fault_hint(fault, SET_CACHE);
    }
    if ((stat->st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        fault_set(fault, "others can write to %s (mode %04o)", path,
                  (unsigned)stat->st_mode & 07777);
        return fault_hint(fault, "chmod 700 %s", path);
    }
    return true;
}

static bool check_base(const char *path, struct plugin_fault *fault)
{
    struct stat base;

    if (stat(path, &base) != 0)
        return fault_set(fault, "cannot use %s: %s", path, strerror(errno));
    if ((base.st_mode & S_IWOTH) == 0 || (base.st_mode & S_ISVTX) != 0)
        return true;
    fault_set(fault, "%s is world-writable without the sticky bit", path);
    return fault_hint(fault, SET_CACHE);
}

static bool is_executable(const char *path)
{
    struct statvfs mount;

    return statvfs(path, &mount) != 0 || (mount.f_flag & ST_NOEXEC) == 0;
}

/* `root` is there and ours: takes a place in it. */
static bool settle(struct copies *copies, const char *root, struct plugin_fault *fault)
{
    int fd = open(root, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct stat stat;
    bool done = false;

    if (fd < 0)
        return fault_set(fault, "cannot use %s: %s", root, strerror(errno));
    if (fstat(fd, &stat) != 0) {
        fault_set(fault, "cannot use %s: %s", root, strerror(errno));
    } else if (!is_executable(root)) {
        fault_set(fault, "%s is mounted noexec", root);
        fault_hint(fault, SET_CACHE);
    } else if (check_private(root, &stat, fault)) {
        remove_dead(fd);
        done = make_own(copies, root, fd, fault);
    }
    close(fd);
    return done;
}

static bool make_if_missing(const char *path, struct plugin_fault *fault)
{
    if (mkdir(path, 0700) == 0 || errno == EEXIST)
        return true;
    fault_set(fault, "cannot make the directory %s: %s", path, strerror(errno));
    return fault_hint(fault, SET_CACHE);
}

static bool open_in(struct copies *copies, const char *base, const char *name,
                    struct plugin_fault *fault)
{
    char resolved[PATH_MAX];
    struct text root = {0};
    bool done;

    if (!make_if_missing(base, fault))
        return false;
    if (realpath(base, resolved) == NULL)
        return fault_set(fault, "cannot use %s: %s", base, strerror(errno));
    if (!check_base(resolved, fault))
        return false;
    text_addf(&root, "%s/%s", strcmp(resolved, "/") == 0 ? "" : resolved, name);
    if (root.failed)
        done = fault_set(fault, "no memory");
    else
        done = make_if_missing(root.data, fault) && settle(copies, root.data, fault);
    text_free(&root);
    return done;
}

/* A directory that the environment names, if it does so with an absolute path; systemd separates
 * several by colons. */
static bool open_in_environment(struct copies *copies, const char *variable, const char *below,
                                struct plugin_fault *fault)
{
    const char *value = getenv(variable);
    struct text base = {0};
    bool done = false;

    if (value == NULL || value[0] != '/')
        return false;
    text_add(&base, value, strcspn(value, ":"));
    text_add_str(&base, below);
    if (!base.failed)
        done = open_in(copies, base.data, "sluice", fault);
    text_free(&base);
    return done;
}

/* Shared by all users, so the name has to tell them apart. */
static bool open_in_temporary(struct copies *copies, struct plugin_fault *fault)
{
    const char *base = getenv("TMPDIR");
    char name[32];

    snprintf(name, sizeof(name), "sluice-%lu", (unsigned long)geteuid());
    return open_in(copies, base != NULL && base[0] == '/' ? base : "/tmp", name, fault);
}

bool copies_open(struct copies *copies, const char *directory, struct plugin_fault *fault)
{
    if (directory != NULL)
        return open_in(copies, directory, "sluice", fault);
    return open_in_environment(copies, "CACHE_DIRECTORY", "", fault) ||
           open_in_environment(copies, "XDG_CACHE_HOME", "", fault) ||
           open_in_environment(copies, "HOME", "/.cache", fault) ||
           open_in_temporary(copies, fault);
}

static char *root_of(const struct copies *copies)
{
    return mem_strndup(copies->path, (size_t)(strrchr(copies->path, '/') - copies->path));
}

bool copies_open_beside(struct copies *copies, const struct copies *known,
                        struct plugin_fault *fault)
{
    char *root = root_of(known);
    int fd = root != NULL ? open(root, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
    bool done = false;

    if (root == NULL)
        fault_set(fault, "no memory");
    else if (fd < 0)
        fault_set(fault, "cannot use %s: %s", root, strerror(errno));
    else
        done = make_own(copies, root, fd, fault);
    if (fd >= 0)
        close(fd);
    mem_free(root);
    return done;
}

void copies_clean(const struct copies *copies)
{
    char *root = root_of(copies);
    int fd = root != NULL ? open(root, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;

    if (fd >= 0) {
        remove_dead(fd);
        close(fd);
    }
    mem_free(root);
}

void copies_remove(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (fd >= 0)
        remove_directory(AT_FDCWD, path, fd);
}

void copies_close(struct copies *copies)
{
    copies_remove(copies->path);
    close(copies->lock);
    mem_free(copies->path);
}

bool copies_executable(const struct copies *copies)
{
    return is_executable(copies->path);
}

/* ---- Copies -------------------------------------------------------------- */

/* "chat.so" gives "chat". The loader expands "$ORIGIN" and its like in a path, so only what is
 * plain stays as it is. */
static void stem_of(char stem[STEM_MAX + 1], const char *name)
{
    size_t size = strlen(name);

    if (size > 3 && strcmp(name + size - 3, ".so") == 0)
        size -= 3;
    if (size > STEM_MAX)
        size = STEM_MAX;
    for (size_t i = 0; i < size; i++) {
        bool plain = strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.+",
                            name[i]) != NULL;

        stem[i] = name[i];
        if (!plain)
            stem[i] = '_';
    }
    stem[size] = '\0';
}

static bool write_all(int fd, struct slice bytes)
{
    while (bytes.size > 0) {
        ssize_t put = write(fd, bytes.data, bytes.size);

        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return false;
        bytes.data += put;
        bytes.size -= (size_t)put;
    }
    return true;
}

static bool write_file(const char *path, struct slice bytes)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0500);

    if (fd < 0)
        return false;

    bool done = write_all(fd, bytes);
    int error = errno;
    if (close(fd) != 0 && done) { /* a full quota of a network's file system shows here */
        done = false;
        error = errno;
    }
    if (!done)
        unlink(path);
    errno = error;
    return done;
}

static void explain_write(const struct copies *copies, int error, struct plugin_fault *fault)
{
    fault_set(fault, "cannot write its private copy in %s: %s", copies->path, strerror(error));
    if (error == ENOSPC || error == EDQUOT)
        fault_hint(fault, "make room there, or set `cache DIR` in routing.conf and restart");
    else if (error == ENOENT)
        fault_hint(fault, "somebody removed it: make it again (mkdir -p -m 700), or restart");
}

char *copies_add(struct copies *copies, const char *name, uint64_t number, struct slice bytes,
                 struct plugin_fault *fault)
{
    char stem[STEM_MAX + 1];
    struct text path = {0};

    stem_of(stem, name);
    text_addf(&path, "%s/%s.%llu.so", copies->path, stem, (unsigned long long)number);
    if (path.failed) {
        text_free(&path);
        fault_set(fault, "no memory");
        return NULL;
    }
    if (!write_file(path.data, bytes)) {
        explain_write(copies, errno, fault);
        text_free(&path);
        return NULL;
    }
    return text_take(&path);
}
