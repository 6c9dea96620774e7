/*
 * base/self: this process: the program that it runs, and what the system lets it have.
 */
#include "base/self.h"

#include <limits.h>
#include <sys/resource.h>
#include <unistd.h>

/* By its name, since under valgrind "self" is another program; by what runs, where the name is gone
 * or is another file's by now: the kernel then says "... (deleted)". */
const char *self_program(void)
{
    static const char self[] = "/proc/self/exe";
    static char name[PATH_MAX];
    ssize_t size = readlink(self, name, sizeof name - 1);

    if (size <= 0)
        return self;
    name[size] = '\0';
    return access(name, X_OK) == 0 ? name : self;
}

void self_raise_file_limit(void)
{
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files) != 0)
        return;
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
}
