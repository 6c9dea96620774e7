/*
 * plugin/probe: does loading this object end a process, and what does its check() say? Tried in one
 * that nobody will miss.
 *
 * The child says how far it came in a page of memory that both have, and is not believed otherwise:
 * a constructor that calls exit(0), or closes every descriptor there is, is told from one that came
 * back. It leads a group of processes, which is ended with it: what a constructor starts does not
 * outlive the probe. What it prints goes where the server's log goes.
 */
#include "plugin/probe.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "plugin/file.h"
#include "plugin/record.h"

extern char **environ;

enum {
    PAGE_FD = 3, /* of the page, in the child */
    NAP_LEAST_US = 200,
    NAP_MOST_US = 5000,
};

/* How far the child has come. */
enum step {
    STEP_LOADING,
    STEP_CHECKING,
    STEP_PASSED,
    STEP_SAID_NO,
};

struct page {
    atomic_int step;
};

/* ---- The child ------------------------------------------------------------------------------ */

/* False: check() says no. True also where the object is not as it should be, which the server will
 * find as well. */
static bool load_and_check(struct page *page, const char *path)
{
    struct plugin_fault ignored;
    struct slice bytes;
    struct elf elf;
    struct elf_symbol symbol;
    struct object object;
    struct sluice_consumer record;

    if (!file_read(path, &bytes, &ignored) || !elf_parse(&elf, bytes, &ignored) ||
        !record_check(&elf, &symbol, &ignored) ||
        !object_map(&object, path, path, &elf, &ignored) ||
        !record_copy(&object, &elf, &symbol, &record, &ignored))
        return true;
    atomic_store(&page->step, STEP_CHECKING);
    return record.check == NULL || record.check();
}

void probe_run(const char *path)
{
    struct page *page = mmap(NULL, sizeof *page, PROT_READ | PROT_WRITE, MAP_SHARED, PAGE_FD, 0);

    if (page == MAP_FAILED)
        _exit(1);
    close(PAGE_FD);
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* nobody would wait for it */
    bool passed = load_and_check(page, path);
    atomic_store(&page->step, passed ? STEP_PASSED : STEP_SAID_NO);
    _exit(0); /* no destructor has its turn: they are the server's to call */
}

/* ---- The server ----------------------------------------------------------------------------- */

static int prepare_actions(posix_spawn_file_actions_t *actions, int page)
{
    int error = posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);

    if (error == 0)
        error = posix_spawn_file_actions_adddup2(actions, STDERR_FILENO, STDOUT_FILENO);
    return error != 0 ? error : posix_spawn_file_actions_adddup2(actions, page, PAGE_FD);
}

/* A group of its own, and no signal blocked, whatever this thread does. */
static int prepare_attributes(posix_spawnattr_t *attributes)
{
    short flags = POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
    sigset_t none, own;
    int error;

    sigemptyset(&none);
    sigemptyset(&own);
    sigaddset(&own, SIGPIPE); /* which the server ignores, and... */
    sigaddset(&own, SIGXFSZ); /* ...this one */
    error = posix_spawnattr_setflags(attributes, flags);
    if (error == 0)
        error = posix_spawnattr_setsigmask(attributes, &none);
    return error != 0 ? error : posix_spawnattr_setsigdefault(attributes, &own);
}

static int spawn(pid_t *child, const char *program, const char *path, int page)
{
    char *const arguments[] = {(char *)"sluice", (char *)"probe", (char *)path, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int error = posix_spawn_file_actions_init(&actions);

    if (error != 0)
        return error;
    error = posix_spawnattr_init(&attributes);
    if (error == 0) {
        error = prepare_actions(&actions, page);
        if (error == 0)
            error = prepare_attributes(&attributes);
        if (error == 0)
            error = posix_spawn(child, program, &actions, &attributes, arguments, environ);
        posix_spawnattr_destroy(&attributes);
    }
    posix_spawn_file_actions_destroy(&actions);
    return error;
}

/* Waits for its end, until its step has lasted for too long. False: it did not come to an end. */
static bool await(struct probe *probe, struct page *page, pid_t child, int *status)
{
    struct timespec nap = {.tv_nsec = NAP_LEAST_US * 1000L};
    uint64_t since = clock_coarse();
    int step = STEP_LOADING;
    pid_t ended;

    while ((ended = waitpid(child, status, WNOHANG)) != child) {
        int now = atomic_load(&page->step);

        if (ended < 0 && errno != EINTR)
            return true; /* somebody else waits for children: its last words count */
        if (now != step)
            since = clock_coarse();
        step = now;
        if (clock_coarse() - since >= probe->deadline_ms || atomic_load(&probe->give_up))
            return false;
        nanosleep(&nap, NULL);
        if (nap.tv_nsec < NAP_MOST_US * 1000L)
            nap.tv_nsec *= 2;
    }
    return true;
}

static const char *what_of(int step)
{
    return step == STEP_LOADING ? "loading it" : "its check()";
}

static bool say_hint(int step, struct plugin_fault *fault)
{
    if (step == STEP_LOADING)
        return fault_hint(fault, "look at what runs before it is used: its constructors, and those "
                                 "of the libraries it links to");
    return fault_hint(fault, "what it printed or logged may say why");
}

static enum probe_result judge(const struct probe *probe, int step, bool ended, int status,
                               struct plugin_fault *fault)
{
    if (step == STEP_PASSED)
        return PROBE_PASSED;
    if (!ended && atomic_load(&probe->give_up)) {
        fault_set(fault, "the server stops");
        return PROBE_REFUSED;
    }
    if (step == STEP_SAID_NO)
        fault_set(fault, "its check() returned false");
    else if (!ended)
        fault_set(fault, "%s does not end within %u ms", what_of(step), probe->deadline_ms);
    else if (WIFSIGNALED(status))
        fault_set(fault, "%s ends the process: %s", what_of(step), strsignal(WTERMSIG(status)));
    else
        fault_set(fault, "%s ends the process with status %d", what_of(step), WEXITSTATUS(status));
    say_hint(step, fault);
    return PROBE_REFUSED;
}

static enum probe_result skip(int error)
{
    log_write(LOG_WARN, "probe.skipped", LOG_STR("why", strerror(error)));
    return PROBE_SKIPPED;
}

static enum probe_result try_with(struct probe *probe, struct page *page, int fd, const char *path,
                                  struct plugin_fault *fault)
{
    int status = 0;
    pid_t child;
    int error = spawn(&child, probe->program, path, fd);

    if (error != 0)
        return skip(error);
    bool ended = await(probe, page, child, &status);
    kill(-child, SIGKILL); /* and all that it has started */
    if (!ended) {
        while (waitpid(child, &status, 0) < 0 && errno == EINTR)
            continue;
    }
    return judge(probe, atomic_load(&page->step), ended, status, fault);
}

enum probe_result probe_try(struct probe *probe, const char *path, struct plugin_fault *fault)
{
    int fd = memfd_create("probe", MFD_CLOEXEC);
    enum probe_result result;
    struct page *page;

    if (fd < 0)
        return skip(errno);
    page = ftruncate(fd, sizeof *page) == 0
               ? mmap(NULL, sizeof *page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)
               : MAP_FAILED;
    if (page == MAP_FAILED) {
        result = skip(errno);
    } else {
        result = try_with(probe, page, fd, path, fault);
        munmap(page, sizeof *page);
    }
    close(fd);
    return result;
}
