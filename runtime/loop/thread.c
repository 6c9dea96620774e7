/*
 * loop/thread: starts a thread of the runtime: named, passed by by signals, and with a stack for
 * the handlers of its own faults.
 *
 * Signals are for the main thread. A thread inherits the mask of its maker, so they are blocked
 * before it is made: there is no moment in which one could arrive.
 */
#include "loop/thread.h"

#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>

#include "base/mem.h"

#define NAME_SIZE  16           /* the kernel's, with the zero byte */
#define STACK_SIZE (128 * 1024) /* of a handler: a walk of the stack, and a line of the log */

/* ---- The stack for handlers ----------------------------------------------------------------- */

bool thread_signal_stack(stack_t *stack)
{
    stack_t now;

    /* A sanitizer's own, which it would miss, stays. */
    if (sigaltstack(NULL, &now) != 0 || (now.ss_flags & SS_DISABLE) == 0)
        return false;
    *stack = (stack_t){.ss_size = STACK_SIZE};
    stack->ss_sp = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    if (stack->ss_sp == MAP_FAILED)
        return false;
    if (sigaltstack(stack, NULL) == 0)
        return true;
    munmap(stack->ss_sp, STACK_SIZE);
    return false;
}

void thread_signal_stack_free(const stack_t *stack)
{
    sigaltstack(&(stack_t){.ss_flags = SS_DISABLE}, NULL);
    munmap(stack->ss_sp, stack->ss_size);
}

/* ---- Starting ------------------------------------------------------------------------------- */

/* Of who starts it, until the thread has taken it over. */
struct start {
    void *(*run)(void *argument);
    void *argument;
};

static void *thread_main(void *context)
{
    struct start start = *(struct start *)context;
    stack_t stack;
    bool made = thread_signal_stack(&stack); /* without one a fault is reported all the same,
                                                unless it is that the stack is full */

    mem_free(context);
    void *result = start.run(start.argument);
    if (made)
        thread_signal_stack_free(&stack);
    return result;
}

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
    struct start *start = mem_alloc(sizeof *start);
    char cut[NAME_SIZE];
    sigset_t block, before;

    if (start == NULL)
        return false;
    *start = (struct start){run, argument};
    signals_to_block(&block);
    pthread_sigmask(SIG_SETMASK, &block, &before);
    bool started = pthread_create(thread, NULL, thread_main, start) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!started) {
        mem_free(start);
        return false;
    }
    snprintf(cut, sizeof cut, "%.*s", NAME_SIZE - 1, name);
    pthread_setname_np(*thread, cut);
    return true;
}
