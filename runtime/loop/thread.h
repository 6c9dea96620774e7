/*
 * loop/thread: starts a thread of the runtime: named, passed by by signals, and with a stack for
 * the handlers of its own faults.
 */
#ifndef LOOP_THREAD_H
#define LOOP_THREAD_H

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>

/* `name` is cut at 15 bytes. False: the system has no thread to give, or no memory. */
bool thread_start(pthread_t *thread, const char *name, void *(*run)(void *argument),
                  void *argument);

/* Gives the calling thread, if it has none, a stack for signal handlers that ask for it
 * (SA_ONSTACK): one whose own stack is full has nowhere else to say so. Threads that are started
 * here have one. False: it has one already, or there is no memory. */
bool thread_signal_stack(stack_t *stack);
void thread_signal_stack_free(const stack_t *stack);

#endif
