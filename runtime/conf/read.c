/*
 * conf/read: a small file, whole.
 */
#include "conf/read.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIECE_SIZE 16384 /* bytes read at a time */

static enum read_result read_all(int fd, size_t most, struct text *out)
{
    for (;;) {
        char *end = text_reserve(out, PIECE_SIZE);
        ssize_t size = end != NULL ? read(fd, end, PIECE_SIZE) : 0;

        if (size < 0 && errno == EINTR)
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
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | (regular ? O_NONBLOCK : 0));
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
