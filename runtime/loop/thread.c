/*
 * loop/thread: starts a thread of the runtime: named, and passed by by signals.
 *
 * Signals are for the main thread. A thread inherits the mask of its maker, so they are blocked
 * before it is made: there is no moment in which one could arrive.
 */
#include "loop/thread.h"

#include <signal.h>
#include <stdio.h>

#define NAME_SIZE 16 /* the kernel's, with the zero byte */

/* All but those that report what the thread itself did wrong: the kernel kills, without asking a
 * handler, where such a one is blocked, and a crash could not be reported. */
static void signals_to_block(sigset_t *set)
{
    static const int own[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS};

    sigfillset(set);
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
        sigdelset(set, own[i]);
}

bool thread_start(pthread_t *thread, const char *name, void *(*run)(void *argument), void *argument)
{
    char cut[NAME_SIZE];
    sigset_t block, before;

    signals_to_block(&block);
    pthread_sigmask(SIG_SETMASK, &block, &before);
    bool started = pthread_create(thread, NULL, run, argument) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!started)
        return false;
    snprintf(cut, sizeof cut, "%.*s", NAME_SIZE - 1, name);
    pthread_setname_np(*thread, cut);
    return true;
}
