/*
 * base/conversion: printf's conversions: how they are written, and how their arguments are taken.
 */
#include "base/conversion.h"

#include <stddef.h>
#include <string.h>
#include <sys/types.h>
#include <json-c/json.h>

static const char *read_stars(const char *at, struct conversion *conversion)
{
    if (*at == '*') {
        conversion->stars++;
        return at + 1;
    }
    return at + strspn(at, "0123456789");
}

static const char *read_length(const char *at, struct conversion *conversion)
{
    static const struct {
        char text[3];
        uint8_t length;
    } lengths[] = {
        {"hh", LENGTH_HH}, {"h", LENGTH_H}, {"ll", LENGTH_LL}, {"l", LENGTH_L},
        {"z", LENGTH_Z},   {"j", LENGTH_J}, {"t", LENGTH_T},   {"L", LENGTH_LONG_DOUBLE},
    };

    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        size_t size = strlen(lengths[i].text);

        if (strncmp(at, lengths[i].text, size) == 0) {
            conversion->length = lengths[i].length;
            return at + size;
        }
    }
    return at;
}

const char *conversion_read(const char *at, struct conversion *conversion)
{
    const char *begin = at + 1;

    *conversion = (struct conversion){.length = LENGTH_NONE};
    at = begin + strspn(begin, "-+ #0'I");
    at = read_stars(at, conversion);
    if (*at == '.')
        at = read_stars(at + 1, conversion);
    conversion->decorated = at > begin;
    at = read_length(at, conversion);
    conversion->letter = *at;
    return *at != '\0' ? at + 1 : at;
}

int64_t conversion_signed(const struct conversion *conversion, struct arguments *args)
{
    switch (conversion->length) {
    case LENGTH_HH:
        return (signed char)va_arg(args->list, int);
    case LENGTH_H:
        return (short)va_arg(args->list, int);
    case LENGTH_L:
        return va_arg(args->list, long);
    case LENGTH_LL:
        return va_arg(args->list, long long);
    case LENGTH_Z:
        return va_arg(args->list, ssize_t);
    case LENGTH_J:
        return va_arg(args->list, intmax_t);
    case LENGTH_T:
        return va_arg(args->list, ptrdiff_t);
    default:
        return va_arg(args->list, int);
    }
}

uint64_t conversion_unsigned(const struct conversion *conversion, struct arguments *args)
{
    switch (conversion->length) {
    case LENGTH_HH:
        return (unsigned char)va_arg(args->list, unsigned);
    case LENGTH_H:
        return (unsigned short)va_arg(args->list, unsigned);
    case LENGTH_L:
        return va_arg(args->list, unsigned long);
    case LENGTH_LL:
        return va_arg(args->list, unsigned long long);
    case LENGTH_Z:
        return va_arg(args->list, size_t);
    case LENGTH_J:
        return va_arg(args->list, uintmax_t);
    case LENGTH_T:
        return (uint64_t)va_arg(args->list, ptrdiff_t);
    default:
        return va_arg(args->list, unsigned);
    }
}

bool conversion_drop(const struct conversion *conversion, struct arguments *args)
{
    for (uint8_t i = 0; i < conversion->stars; i++)
        (void)va_arg(args->list, int);
    switch (conversion->letter) {
    case 'd':
    case 'i':
        conversion_signed(conversion, args);
        return true;
    case 'c':
        (void)va_arg(args->list, int);
        return true;
    case 'u':
    case 'o':
    case 'x':
    case 'X':
        conversion_unsigned(conversion, args);
        return true;
    case 'e':
    case 'E':
    case 'f':
    case 'F':
    case 'g':
    case 'G':
    case 'a':
    case 'A':
        if (conversion->length == LENGTH_LONG_DOUBLE)
            (void)va_arg(args->list, long double);
        else
            (void)va_arg(args->list, double);
        return true;
    case 'p':
        json_object_put(va_arg(args->list, struct json_object *));
        return true;
    case 's':
    case 'n':
        (void)va_arg(args->list, void *);
        return true;
    case '%':
    case 'm':
        return true;
    default:
        return false;
    }
}
