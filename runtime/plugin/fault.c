/*
 * plugin/fault: why a consumer could not be loaded, in words for its author.
 *
 * File names and the loader's messages come in here as they are, so this is where they are made
 * fit to print.
 */
#include "plugin/fault.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

static void write_line(char *line, size_t room, const char *format, va_list args)
    __attribute__((format(printf, 3, 0)));

static void write_line(char *line, size_t room, const char *format, va_list args)
{
    int size = vsnprintf(line, room, format, args);

    if (size >= 0 && (size_t)size >= room)
        line[utf8_cut(line, room - 1, room - 2)] = '\0';
    for (; *line != '\0'; line++)
        if ((unsigned char)*line < ' ' || *line == 0x7f)
            *line = '?';
}

bool fault_set(struct plugin_fault *fault, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    write_line(fault->message, sizeof(fault->message), format, args);
    va_end(args);
    fault->hint[0] = '\0';
    return false;
}

bool fault_hint(struct plugin_fault *fault, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    write_line(fault->hint, sizeof(fault->hint), format, args);
    va_end(args);
    return false;
}
