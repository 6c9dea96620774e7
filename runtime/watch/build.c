/*
 * watch/build: a command that makes consumers of sources, as somebody at the terminal would run it.
 */
#include "watch/build.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"

enum { LINE_MAX_SIZE = 4096 }; /* bytes of a line that are kept until its end comes */

extern char **environ;

/* ---- What it says --------------------------------------------------------------------------- */

static void tell_line(struct build *build)
{
    if (build->line.size > 0)
        log_write(LOG_INFO, "build.said", LOG_STRN("text", build->line.data, build->line.size));
    text_clear(&build->line);
}

static void take_output(struct build *build, const char *data, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (data[i] != '\n')
            text_add_byte(&build->line, data[i]);
        if (data[i] == '\n' || build->line.size >= LINE_MAX_SIZE)
            tell_line(build);
    }
}

static void read_output(evutil_socket_t fd, short what, void *context)
{
    (void)what;
    struct build *build = context;
    char data[4096];
    ssize_t size;

    while ((size = read(fd, data, sizeof data)) > 0)
        take_output(build, data, (size_t)size);
    if (size == 0) /* all who could write to it have closed it */
        event_del(build->output);
}

static void close_output(struct build *build)
{
    if (build->output != NULL) {
        read_output(build->pipe, 0, build);
        tell_line(build);
        event_free(build->output);
        close(build->pipe);
        build->output = NULL;
    }
    text_free(&build->line);
}

/* The end that it writes to; -1: see errno. */
static int open_output(struct build *build, struct event_base *base)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) != 0)
        return -1;
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    build->pipe = ends[0];
    build->output = event_new(base, ends[0], EV_READ | EV_PERSIST, read_output, build);
    if (build->output != NULL && event_add(build->output, NULL) == 0)
        return ends[1];
    if (build->output != NULL)
        event_free(build->output);
    build->output = NULL;
    close(ends[0]);
    close(ends[1]);
    errno = ENOMEM;
    return -1;
}

/* ---- Its life ------------------------------------------------------------------------------- */

/* An error's number, of each of these. */
static int set_files(posix_spawn_file_actions_t *actions, const char *directory, int output)
{
    int error = posix_spawn_file_actions_addchdir_np(actions, directory);

    if (error == 0)
        error = posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (error == 0)
        error = posix_spawn_file_actions_adddup2(actions, output, STDOUT_FILENO);
    if (error == 0 && output != STDERR_FILENO)
        error = posix_spawn_file_actions_adddup2(actions, output, STDERR_FILENO);
    return error;
}

/* What this process ignores or blocks is no concern of a compiler. */
static int set_attributes(posix_spawnattr_t *attributes)
{
    sigset_t signals;
    int error = posix_spawnattr_setpgroup(attributes, 0);

    sigfillset(&signals);
    if (error == 0)
        error = posix_spawnattr_setsigdefault(attributes, &signals);
    sigemptyset(&signals);
    if (error == 0)
        error = posix_spawnattr_setsigmask(attributes, &signals);
    if (error == 0)
        error = posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF |
                                                         POSIX_SPAWN_SETSIGMASK);
    return error;
}

static int spawn(struct build *build, const char *directory, const char *command, int output)
{
    char *const arguments[] = {(char *)"sh", (char *)"-c", (char *)command, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int error;

    if (posix_spawn_file_actions_init(&actions) != 0)
        return ENOMEM;
    if (posix_spawnattr_init(&attributes) != 0) {
        posix_spawn_file_actions_destroy(&actions);
        return ENOMEM;
    }
    error = set_files(&actions, directory, output);
    if (error == 0)
        error = set_attributes(&attributes);
    if (error == 0)
        error = posix_spawn(&build->pid, "/bin/sh", &actions, &attributes, arguments, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return error;
}

bool build_start(struct build *build, struct event_base *base, const char *directory,
                 const char *command, bool wrapped)
{
    int output = wrapped ? open_output(build, base) : STDERR_FILENO;

    if (output < 0)
        return false;
    int error = spawn(build, directory, command, output);
    if (wrapped)
        close(output);
    if (error == 0)
        return true;
    build->pid = 0;
    close_output(build);
    errno = error;
    return false;
}

bool build_ended(struct build *build, int *status)
{
    if (build->pid == 0 || waitpid(build->pid, status, WNOHANG) != build->pid)
        return false;
    build->pid = 0;
    close_output(build);
    return true;
}

void build_stop(struct build *build)
{
    if (build->pid != 0)
        kill(-build->pid, SIGTERM);
}

void build_kill(struct build *build)
{
    if (build->pid == 0)
        return;
    kill(-build->pid, SIGKILL);
    while (waitpid(build->pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    build->pid = 0;
    close_output(build);
}
