/*
 * crashes: crashes in the way that a message names.
 *
 * Must be seen: a report of each, with the signal, the mount, the callback, and the name of the
 * function that did it, which is a static one; whatever else is said comes back.
 */
#include <sluice/sluice.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int *volatile nowhere;
static void (*volatile no_function)(void);
static volatile int zero;

static void __attribute__((noinline)) write_to_nowhere(void)
{
    *nowhere = 1;
}

static int __attribute__((noinline)) fill_the_stack(volatile char *outer, int depth)
{
    volatile char bytes[4096];

    if (zero != 0) /* or the compiler says that this has no end */
        return depth;
    bytes[depth % 4096] = outer != NULL ? outer[0] : 0;
    return fill_the_stack(bytes, depth + 1) + bytes[0];
}

static void __attribute__((noinline)) call_nothing(void)
{
    no_function();
    zero++; /* so that it is a call and no jump */
}

SLUICE_HANDLER(crash_event, ws, event)
{
    (void)ws, (void)event;
    write_to_nowhere();
    zero++;
}

static void on_receive(sluice_conn *ws, const sluice_message *message)
{
    if (strcmp(message->data, "write") == 0) {
        write_to_nowhere();
        zero++;
    } else if (strcmp(message->data, "stack") == 0) {
        zero += fill_the_stack(NULL, 0);
    } else if (strcmp(message->data, "call") == 0) {
        call_nothing();
    } else if (strcmp(message->data, "abort") == 0) {
        abort();
    } else if (strcmp(message->data, "divide") == 0) {
        zero = 100 / zero;
    } else if (strcmp(message->data, "exit") == 0) {
        _exit(3);
    } else if (strcmp(message->data, "event") == 0) {
        sluice_channel_send(sluice_channel(ws), "{type: 'crash.event'}");
    } else {
        sluice_send(ws, message);
    }
}

#ifndef BLOCKING
#define BLOCKING false
#endif

SLUICE_CONSUMER(.receive = on_receive, .blocking = BLOCKING);
