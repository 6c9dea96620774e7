/*
 * supervise/crash: a process that dies of its own fault says where, and then dies of it.
 *
 * Whatever thread crashes, the log gets a line with the signal, and with the mount, the consumer
 * and the callback that the thread was in; then a line for each frame of the stack. Nothing is
 * caught: the signal takes effect, so that core files and the exit status are as they would have
 * been.
 */
#ifndef SUPERVISE_CRASH_H
#define SUPERVISE_CRASH_H

#include "base/text.h"
#include "plugin/consumer.h"

/* Where it happened, as far as that is known. Of the thread that crashes. */
struct crash {
    int signal;
    bool has_address;
    uintptr_t address;                   /* that could not be used; of one that was not sent */
    const char *mount;                   /* its pattern; NULL: outside of a consumer's code */
    const struct generation *generation; /* NULL: likewise */
    const char *callback;                /* "receive", "load", a handler's name; NULL: likewise */
    struct slice type;                   /* of the event that is handled; data NULL: none is */
};

/* From now on; main thread, before the others. A signal that somebody else handles already, a
 * sanitizer say, is left to them. `tell` is called in the handler, before the frames are looked at;
 * NULL: nobody is to be told. */
void crash_setup(void (*tell)(const struct crash *crash));

/* "SIGSEGV"; of one that has no name, "signal 42". Any thread, any signal handler. */
const char *crash_signal_name(int signal);

#endif
