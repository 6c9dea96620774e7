/*
 * base/self: the program that runs, for who executes it anew.
 */
#include "base/self.h"

#include <limits.h>
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
