/*
 * plugin/file: an author's file, read once and judged by what was read.
 */
#include "plugin/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

static bool cannot_open(const char *path, int error, struct plugin_fault *fault)
{
    char looked_for[PATH_MAX];

    if (error != ENOENT && error != ENOTDIR)
        return fault_set(fault, "cannot read it: %s", strerror(error));
    fault_set(fault, "no such file");
    /* realpath leaves the longest part that it understood, also where it fails. */
    if (path[0] == '/' || realpath(".", looked_for) == NULL)
        return fault_hint(fault, "it was looked for at %s", path);
    return fault_hint(fault, "it was looked for at %s/%s", looked_for, path);
}

static bool check_owner(const struct stat *stat, struct plugin_fault *fault)
{
    if (stat->st_uid != 0 && stat->st_uid != geteuid()) {
        fault_set(fault, "it belongs to user %lu, neither to root nor to the server's user %lu",
                  (unsigned long)stat->st_uid, (unsigned long)geteuid());
        return fault_hint(fault, "whoever can write it can run code in the server: chown it");
    }
    if ((stat->st_mode & S_IWOTH) != 0) {
        fault_set(fault, "it is world-writable (mode %04o)", (unsigned)stat->st_mode & 07777);
        return fault_hint(fault, "whoever can write it can run code in the server: chmod o-w");
    }
    return true;
}

static bool check_kind(const struct stat *stat, struct plugin_fault *fault)
{
    if (S_ISDIR(stat->st_mode))
        return fault_set(fault, "it is a directory");
    if (!S_ISREG(stat->st_mode))
        return fault_set(fault, "it is not a regular file");
    if ((uintmax_t)stat->st_size > FILE_SIZE_MAX)
        return fault_set(fault, "it is too big: %jd bytes, at most %zu are loaded",
                         (intmax_t)stat->st_size, FILE_SIZE_MAX);
    return check_owner(stat, fault);
}

/* Reads until `room` is full or the file ends; -1 with errno. */
static ssize_t read_all(int fd, char *data, size_t room)
{
    size_t size = 0;

    while (size < room) {
        ssize_t got = read(fd, data + size, room - size);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        size += (size_t)got;
    }
    return (ssize_t)size;
}

static bool same_moment(const struct stat *a, const struct stat *b)
{
    return a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
           a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static bool read_contents(int fd, const struct stat *before, struct slice *bytes,
                          struct plugin_fault *fault)
{
    size_t size = (size_t)before->st_size;
    char *data = mem_alloc(size + 1); /* one more, to see whether it grew */
    struct stat after;

    if (data == NULL)
        return fault_set(fault, "no memory for its %zu bytes", size);

    ssize_t got = read_all(fd, data, size + 1);
    if (got < 0 || fstat(fd, &after) != 0) {
        fault_set(fault, "cannot read it: %s", strerror(errno));
        goto fail;
    }
    if ((size_t)got != size || !same_moment(before, &after)) {
        fault_set(fault, "it changed while it was read");
        fault_hint(fault, "build it under another name, then rename it");
        goto fail;
    }
    *bytes = (struct slice){data, size};
    return true;

fail:
    mem_free(data);
    return false;
}

bool file_read(const char *path, struct slice *bytes, struct plugin_fault *fault)
{
    /* O_NONBLOCK: opening a FIFO would wait for somebody to write to it. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat stat;
    bool done;

    if (fd < 0)
        return cannot_open(path, errno, fault);
    if (fstat(fd, &stat) != 0)
        done = fault_set(fault, "cannot read it: %s", strerror(errno));
    else
        done = check_kind(&stat, fault) && read_contents(fd, &stat, bytes, fault);
    close(fd);
    return done;
}
