/*
 * plugin/probe: does loading this object end a process? Tried in one that nobody will miss.
 *
 * The child says that dlopen came back by one byte through a pipe, and is not believed otherwise:
 * a constructor that calls exit(0) ends it just as well.
 */
#include "plugin/probe.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

extern char **environ;

enum { PROBE_FD = 3 }; /* of the pipe, in the child */

void probe_run(const char *path)
{
    fcntl(PROBE_FD, F_SETFD, FD_CLOEXEC); /* what a constructor starts does not keep it open */
    if (dlopen(path, RTLD_NOW | RTLD_LOCAL) == NULL)
        dlerror(); /* the server will find the same, and say it */
    ssize_t told = write(PROBE_FD, "1", 1);
    _exit(told == 1 ? 0 : 1); /* no destructor has its turn: they are the server's to call */
}

static bool spawn(pid_t *child, const char *program, const char *path, int end)
{
    char *const arguments[] = {(char *)"sluice", (char *)"probe", (char *)path, NULL};
    posix_spawn_file_actions_t actions;
    int error;

    if (posix_spawn_file_actions_init(&actions) != 0)
        return false;
    error = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (error == 0)
        error = posix_spawn_file_actions_adddup2(&actions, end, PROBE_FD);
    if (error == 0)
        error = posix_spawn(child, program, &actions, NULL, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (error != 0)
        log_write(LOG_WARN, "probe.skipped", LOG_STR("why", strerror(error)));
    return error == 0;
}

enum verdict { VERDICT_LOADED, VERDICT_ENDED, VERDICT_HANGS };

static enum verdict await(int end)
{
    uint64_t began = clock_coarse(), passed = 0;
    struct pollfd ready = {.fd = end, .events = POLLIN};
    char byte;

    for (; passed < PROBE_DEADLINE_MS; passed = clock_coarse() - began) {
        if (poll(&ready, 1, PROBE_DEADLINE_MS - (int)passed) > 0)
            return read(end, &byte, 1) == 1 ? VERDICT_LOADED : VERDICT_ENDED;
    }
    return VERDICT_HANGS;
}

static bool tell(enum verdict verdict, int status, struct plugin_fault *fault)
{
    fault_set(fault, "loading it does not end within %d seconds", PROBE_DEADLINE_MS / 1000);
    if (verdict == VERDICT_ENDED && WIFSIGNALED(status))
        fault_set(fault, "loading it ends the process: %s", strsignal(WTERMSIG(status)));
    else if (verdict == VERDICT_ENDED)
        fault_set(fault, "loading it ends the process with status %d", WEXITSTATUS(status));
    return fault_hint(fault, "look at what runs before it is used: its constructors, and those of "
                             "the libraries it links to");
}

bool probe_try(const char *program, const char *path, struct plugin_fault *fault)
{
    enum verdict verdict;
    int ends[2], status = 0;
    pid_t child;
    bool spawned;

    if (pipe2(ends, O_CLOEXEC) != 0) {
        log_write(LOG_WARN, "probe.skipped", LOG_STR("why", strerror(errno)));
        return true;
    }
    spawned = spawn(&child, program, path, ends[1]);
    close(ends[1]);
    if (!spawned) {
        close(ends[0]);
        return true;
    }
    verdict = await(ends[0]);
    close(ends[0]);
    if (verdict != VERDICT_ENDED)
        kill(child, SIGKILL); /* it has said what it was asked, or never will */
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    return verdict == VERDICT_LOADED || tell(verdict, status, fault);
}
