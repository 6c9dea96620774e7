/*
 * base/log: one event, one line, key=value.
 *
 *     log_write(LOG_WARN, "origin.refused", LOG_STR("origin", origin), LOG_INT("line", 12));
 *
 * prints
 *
 *     2026-03-01T18:26:04.123Z warn origin.refused origin=https://evil.example line=12
 *
 * or, with log_format(LOG_JSON), an object of the same fields. A value with a blank, a quote, an
 * equals sign or a byte that does not print is quoted and escaped, so nobody from outside can
 * forge a line. Each line is one write(2). Any thread, and any signal handler.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
enum log_format { LOG_PLAIN, LOG_JSON };

/* One key=value. A key is a literal of lower-case letters, digits, dots and underscores. */
struct log_field {
    const char *key; /* NULL ends a list of fields, and "" is a field left out */
    enum { LOG_FIELD_TEXT, LOG_FIELD_INTEGER } kind;
    const char *text; /* NULL is left out */
    size_t size;      /* of text; cut at LOG_VALUE_MAX */
    long long integer;
};

#define LOG_VALUE_MAX 512 /* bytes of a value that are printed; more are cut, with "..." */

#define LOG_STR(k, string) log_field_text((k), (string))
#define LOG_STRN(k, data, length)                                                                  \
    ((struct log_field){.key = (k), .kind = LOG_FIELD_TEXT, .text = (data), .size = (length)})
#define LOG_INT(k, number)                                                                         \
    ((struct log_field){.key = (k), .kind = LOG_FIELD_INTEGER, .integer = (long long)(number)})

/* The first field is one that is left out, so that an event may have none. */
#define log_write(level, event, ...)                                                               \
    do {                                                                                           \
        if ((level) >= log_threshold)                                                              \
            log_fields((level), (event),                                                           \
                       (const struct log_field[]){{.key = ""}, ##__VA_ARGS__, {.key = NULL}});     \
    } while (0)

extern enum log_level log_threshold; /* lines below it are not written; LOG_INFO at start */

struct log_field log_field_text(const char *key, const char *text);
void log_fields(enum log_level level, const char *event, const struct log_field *fields);

/* Set at start, before threads: how lines read, and where they go (stderr at first). */
void log_set_format(enum log_format format);
void log_set_output(int fd);

#endif
