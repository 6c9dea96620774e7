/*
 * supervise/crash: a process that dies of its own fault says where, and then dies of it.
 *
 * The handler may be called in any state: with a lock held, with the heap in pieces, with a stack
 * that is full. So it runs on a stack of its own, and does nothing but system calls and sums. What
 * can go wrong in it comes last: the signals are blocked meanwhile, and a fault that is blocked
 * ends the process at once, so a crash in here is the end and not a loop; what waits for ever is
 * ended by an alarm.
 */
#include "supervise/crash.h"

#include <execinfo.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "base/log.h"
#include "loop/thread.h"
#include "plugin/symbol.h"
#include "server/dispatch.h"

enum {
    FRAMES_MAX = 64,   /* looked at... */
    FRAMES_TOLD = 40,  /* ...and told: of a recursion without end, the end */
    REPORT_SECONDS = 5 /* for all of it */
};

static const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};

static void (*tell)(const struct crash *crash);
static pid_t whole; /* the process that is told of: not one that a consumer has forked */
static atomic_flag crashing = ATOMIC_FLAG_INIT;

const char *crash_signal_name(int signal)
{
    static const char *const names[] = {
        [SIGHUP] = "SIGHUP",   [SIGINT] = "SIGINT",   [SIGQUIT] = "SIGQUIT", [SIGILL] = "SIGILL",
        [SIGTRAP] = "SIGTRAP", [SIGABRT] = "SIGABRT", [SIGBUS] = "SIGBUS",   [SIGFPE] = "SIGFPE",
        [SIGKILL] = "SIGKILL", [SIGUSR1] = "SIGUSR1", [SIGSEGV] = "SIGSEGV", [SIGUSR2] = "SIGUSR2",
        [SIGPIPE] = "SIGPIPE", [SIGALRM] = "SIGALRM", [SIGTERM] = "SIGTERM", [SIGXCPU] = "SIGXCPU",
        [SIGXFSZ] = "SIGXFSZ", [SIGSYS] = "SIGSYS",
    };
    bool known = signal > 0 && (size_t)signal < sizeof names / sizeof *names;

    return known && names[signal] != NULL ? names[signal] : "another signal";
}

/* ---- What it was about ---------------------------------------------------------------------- */

static struct crash crash_of(int signal, const siginfo_t *info)
{
    struct crash crash = {.signal = signal};
    const struct call *call = call_current();

    crash.has_address = info->si_code > 0; /* else somebody sent it */
    crash.address = crash.has_address ? (uintptr_t)info->si_addr : 0;
    crash.callback = generation_calling(&crash.generation);
    if (crash.callback == NULL && call != NULL) {
        crash.callback = call->callback;
        crash.type = call->type;
        crash.mount = call->mount->config->route;
        crash.generation = call->conn != NULL ? call->conn->generation : call->mount->generation;
    }
    return crash;
}

/* "0x7f3c", since addresses are compared with what debuggers and maps show. */
static const char *hexadecimal(uint64_t number, char out[24])
{
    char *at = out + 23;

    *at = '\0';
    do {
        *--at = "0123456789abcdef"[number % 16];
        number /= 16;
    } while (number > 0);
    *--at = 'x';
    *--at = '0';
    return at;
}

static void report_head(const struct crash *crash)
{
    const struct generation *generation = crash->generation;
    char thread[17] = "", address[24];

    prctl(PR_GET_NAME, thread);
    log_write(LOG_ERROR, "crash", LOG_STR("signal", crash_signal_name(crash->signal)),
              LOG_STR("address", crash->has_address ? hexadecimal(crash->address, address) : NULL),
              LOG_STR("mount", crash->mount),
              LOG_STR("consumer", generation != NULL ? generation_name(generation) : NULL),
              generation != NULL ? LOG_INT("generation", generation_number(generation))
                                 : LOG_STR("", ""),
              LOG_STR("callback", crash->callback),
              LOG_STRN("type", crash->type.data, crash->type.size), LOG_STR("thread", thread));
}

/* ---- The stack ------------------------------------------------------------------------------ */

/* Where the code was that crashed, and (of a call to an address where no code is) where it was
 * called from. */
struct origin {
    uintptr_t at, caller;
};

static struct origin origin_of(const ucontext_t *context)
{
#if defined(__x86_64__)
    const uintptr_t *stack = (const uintptr_t *)context->uc_mcontext.gregs[REG_RSP];
    uintptr_t at = (uintptr_t)context->uc_mcontext.gregs[REG_RIP];
    struct symbol symbol;

    /* Only then is the stack as the call left it: elsewhere this would be any number. */
    return (struct origin){at, symbol_find(at, &symbol) ? 0 : *stack};
#elif defined(__aarch64__)
    return (struct origin){context->uc_mcontext.pc, context->uc_mcontext.regs[30]};
#else
    (void)context;
    return (struct origin){0, 0};
#endif
}

/* `number`: from 0. Of a caller, the address is what comes after the call, which may be the next
 * function. */
static void report_frame(unsigned number, uintptr_t address)
{
    struct symbol symbol;
    char at[24];

    if (!symbol_find(number > 0 ? address - 1 : address, &symbol)) {
        log_write(LOG_ERROR, "crash.frame", LOG_INT("number", number),
                  LOG_STR("at", hexadecimal(address, at)));
        return;
    }
    log_write(LOG_ERROR, "crash.frame", LOG_INT("number", number),
              LOG_STR("function", symbol.function[0] != '\0' ? symbol.function : NULL),
              LOG_STR("object", symbol.object), LOG_STR("at", hexadecimal(symbol.address, at)));
}

static void report_frames(const ucontext_t *context)
{
    struct origin origin = origin_of(context);
    void *frames[FRAMES_MAX];
    int count = backtrace(frames, FRAMES_MAX), first = 0;

    /* The first ones are this handler's. */
    while (first < count && (uintptr_t)frames[first] != origin.at)
        first++;
    if (first == count) {
        report_frame(0, origin.at);
        if (origin.caller != 0)
            report_frame(1, origin.caller);
        return;
    }
    for (int i = first; i < count && i < first + FRAMES_TOLD; i++)
        report_frame((unsigned)(i - first), (uintptr_t)frames[i]);
}

/* ---- The handler ---------------------------------------------------------------------------- */

static void set_handler(int signal, void (*handler)(int signal))
{
    struct sigaction action = {.sa_handler = handler};

    sigaction(signal, &action, NULL);
}

/* As if it had not been caught. What the code itself has done wrong it does again, when this
 * returns to it; what somebody sent is sent again. */
static void die_of_it(int signal, const siginfo_t *info)
{
    alarm(0);
    set_handler(signal, SIG_DFL);
    if (info->si_code <= 0)
        syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), signal);
}

static void on_crash(int signal, siginfo_t *info, void *context)
{
    if (atomic_flag_test_and_set(&crashing)) {
        for (;;) /* another thread is at it, and ends this one too */
            pause();
    }
    set_handler(SIGALRM, SIG_DFL);
    alarm(REPORT_SECONDS);
    struct crash crash = crash_of(signal, info);
    report_head(&crash);
    if (tell != NULL && getpid() == whole)
        tell(&crash);
    report_frames(context);
    die_of_it(signal, info);
}

static bool is_free(int signal)
{
    struct sigaction now;

    return sigaction(signal, NULL, &now) == 0 && (now.sa_flags & SA_SIGINFO) == 0 &&
           now.sa_handler == SIG_DFL;
}

void crash_setup(void (*told)(const struct crash *crash))
{
    static stack_t stack; /* of the main thread, which ends with the process */
    struct sigaction action = {.sa_sigaction = on_crash, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    void *frames[1];

    tell = told;
    whole = getpid();
    backtrace(frames, 1); /* loads what it needs, which allocates */
    thread_signal_stack(&stack);
    sigfillset(&action.sa_mask);
    sigdelset(&action.sa_mask, SIGALRM);
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        if (is_free(signals[i]))
            sigaction(signals[i], &action, NULL);
    }
}
