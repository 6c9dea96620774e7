/*
 * control/door: the name of a control socket in the file system: taken, given back, and taken over
 * from the dead.
 *
 * What a name is worth shows when one calls there: a server that has died leaves its own behind, at
 * which nobody answers.
 */
#include "control/door.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"

enum {
    BACKLOG = 16, /* callers that wait for their turn */
    FRESH_S = 60, /* how old a name is, at least, that is swept away */
};

static socklen_t name_of(const char *path, struct sockaddr_un *name)
{
    *name = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(name->sun_path, path, strlen(path));
    return sizeof *name;
}

/* What has a name that we want. */
enum holder { HOLDER_ALIVE, HOLDER_DEAD, HOLDER_OTHER };

/* A socket at which nobody listens is of a server that has died. */
static enum holder holder_of(const char *path)
{
    struct sockaddr_un name;
    socklen_t size = name_of(path, &name);
    struct stat stat;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (lstat(path, &stat) == 0 && !S_ISSOCK(stat.st_mode)) {
        close(fd);
        return HOLDER_OTHER;
    }
    bool refused = connect(fd, (struct sockaddr *)&name, size) != 0 && errno == ECONNREFUSED;
    close(fd);
    return refused ? HOLDER_DEAD : HOLDER_ALIVE;
}

/* A mode that is set before the name is there holds from its first moment on, and needs no umask,
 * which is all threads' own. */
static int bind_at(const char *path)
{
    struct sockaddr_un name;
    socklen_t size = name_of(path, &name);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -1;
    if (fchmod(fd, 0600) == 0 && bind(fd, (struct sockaddr *)&name, size) == 0)
        return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

bool control_door_open(struct control_door *door, const char *path)
{
    struct stat stat;

    strcpy(door->path, path);
    door->fd = bind_at(path);
    if (door->fd < 0 && errno == EADDRINUSE) {
        enum holder holder = holder_of(path);

        if (holder == HOLDER_DEAD && unlink(path) == 0)
            door->fd = bind_at(path);
        else if (holder != HOLDER_DEAD)
            errno = holder == HOLDER_ALIVE ? EADDRINUSE : EEXIST;
    }
    if (door->fd < 0)
        return false;
    if (lstat(path, &stat) == 0 && listen(door->fd, BACKLOG) == 0) {
        door->device = stat.st_dev;
        door->inode = stat.st_ino;
        return true;
    }
    int error = errno;
    close(door->fd);
    unlink(path);
    errno = error;
    return false;
}

bool control_door_is_lost(const struct control_door *door)
{
    struct stat stat;

    return lstat(door->path, &stat) != 0 && errno == ENOENT;
}

void control_door_close(struct control_door *door)
{
    struct stat stat;

    if (lstat(door->path, &stat) == 0 && stat.st_dev == door->device && stat.st_ino == door->inode)
        unlink(door->path);
    close(door->fd);
}

void control_door_sweep(const char *path)
{
    char directory_path[CONTROL_PATH_SIZE];
    const char *slash = strrchr(path, '/');
    struct stat stat;

    snprintf(directory_path, sizeof directory_path, "%.*s", (int)(slash - path), path);
    DIR *directory = opendir(directory_path);
    struct dirent *entry;
    while (directory != NULL && (entry = readdir(directory)) != NULL) {
        char old[CONTROL_PATH_SIZE];
        int size = snprintf(old, sizeof old, "%s/%s", directory_path, entry->d_name);

        if (!control_path_is_name(entry->d_name) || size >= (int)sizeof old ||
            lstat(old, &stat) != 0 || (uint64_t)stat.st_ctime + FRESH_S > clock_wall() / 1000)
            continue;
        if (holder_of(old) == HOLDER_DEAD)
            unlink(old);
    }
    if (directory != NULL)
        closedir(directory);
}
