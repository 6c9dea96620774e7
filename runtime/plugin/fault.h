/*
 * plugin/fault: why a consumer could not be loaded, in words for its author.
 */
#ifndef PLUGIN_FAULT_H
#define PLUGIN_FAULT_H

#include <stdbool.h>
#include <stddef.h>

/* Stands behind a place in routing.conf: cannot load "x.so": MESSAGE; and what to do about it (""
 * where there is nothing to say). One line each, without control characters. */
struct plugin_fault {
    char message[512];
    char hint[256];
};

/* Both give false, so that they can be returned. What does not fit is cut. */
bool fault_set(struct plugin_fault *fault, const char *format, ...)
    __attribute__((format(printf, 2, 3))); /* the hint becomes "" */
bool fault_hint(struct plugin_fault *fault, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
