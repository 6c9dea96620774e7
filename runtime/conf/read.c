/*
 * conf/read: a small file, whole.
 *
 * What is no regular file may be a pipe, to which nobody may ever write: it is waited for, but not
 * for ever.
 */
#include "conf/read.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    PIECE_SIZE = 16384, /* bytes read at a time */
    PATIENCE_MS = 3000, /* for the next of them */
};

/* A regular file always has them. False, with errno: none have come. */
static bool await_piece(int fd)
{
    struct pollfd waiting = {.fd = fd, .events = POLLIN};
    int ready;

    while ((ready = poll(&waiting, 1, PATIENCE_MS)) < 0 && errno == EINTR)
        continue;
    if (ready == 0)
        errno = ETIMEDOUT;
    return ready > 0;
}

static enum read_result read_all(int fd, size_t most, struct text *out)
{
    for (;;) {
        if (!await_piece(fd))
            return READ_FAILED;

        char *end = text_reserve(out, PIECE_SIZE);
        ssize_t size = end != NULL ? read(fd, end, PIECE_SIZE) : 0;

        if (size < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (size < 0)
            return READ_FAILED;
        if (size == 0)
            return READ_DONE;
        out->size += (size_t)size;
        end[size] = '\0';
        if (out->size > most)
            return READ_LARGE;
    }
}

enum read_result read_file(const char *path, size_t most, bool regular, struct text *out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    enum read_result result = READ_SPECIAL;
    struct stat status;

    if (fd < 0)
        return READ_FAILED;
    if (!regular || (fstat(fd, &status) == 0 && S_ISREG(status.st_mode)))
        result = read_all(fd, most, out);

    int error = errno; /* close may change it */
    close(fd);
    errno = error;
    return result;
}
