/*
 * loop/thread: starts a thread of the runtime: named, and passed by by signals.
 */
#ifndef LOOP_THREAD_H
#define LOOP_THREAD_H

#include <pthread.h>
#include <stdbool.h>

/* `name` is cut at 15 bytes. False: the system has no thread to give. */
bool thread_start(pthread_t *thread, const char *name, void *(*run)(void *argument),
                  void *argument);

#endif
