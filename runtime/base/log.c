/*
 * base/log: one event, one line, key=value.
 *
 * A line is made on the stack and is no longer than PIPE_BUF, so that its one write(2) is atomic
 * even where the log is a pipe that several processes share. A field that no longer fits is left
 * out as a whole, and the line says how many were.
 */
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/utf8.h"

#define LINE_MAX_SIZE 4096 /* PIPE_BUF on Linux */
#define TAIL_MAX_SIZE 40   /* kept free for "fields_left_out", a brace and the newline */

enum log_level log_threshold = LOG_INFO;

static enum log_format log_format = LOG_PLAIN;
static int log_output = STDERR_FILENO;

static const char *const level_names[] = {"debug", "info", "warn", "error"};

struct line {
    size_t size;
    size_t most; /* bytes that may be used */
    bool full;   /* something was not added, or only in part */
    char data[LINE_MAX_SIZE];
};

static void add(struct line *line, const char *data, size_t size)
{
    if (size > line->most - line->size) {
        line->full = true;
        return;
    }
    memcpy(line->data + line->size, data, size);
    line->size += size;
}

__attribute__((format(printf, 2, 3))) static void addf(struct line *line, const char *format, ...)
{
    char piece[128];
    va_list args;

    va_start(args, format);
    int size = vsnprintf(piece, sizeof piece, format, args);
    va_end(args);
    if (size < 0 || (size_t)size >= sizeof piece)
        line->full = true;
    else
        add(line, piece, (size_t)size);
}

/* Characters that change how a line looks without being seen: control characters (a terminal obeys
 * the upper ones too), line ends that only Unicode knows, and what turns the direction of text. */
static bool is_hidden(uint32_t code)
{
    return code < 0x20 || (code >= 0x7f && code <= 0x9f) || (code >= 0x200b && code <= 0x200f) ||
           (code >= 0x2028 && code <= 0x202e) || (code >= 0x2060 && code <= 0x206f) ||
           code == 0xfeff;
}

static void add_escaped(struct line *line, uint32_t code)
{
    if (code == '\n')
        add(line, "\\n", 2);
    else if (code == '\r')
        add(line, "\\r", 2);
    else if (code == '\t')
        add(line, "\\t", 2);
    else if (code < 0x80 && log_format == LOG_PLAIN)
        addf(line, "\\x%02x", (unsigned)code);
    else
        addf(line, "\\u%04x", (unsigned)code);
}

static void add_quoted(struct line *line, const char *data, size_t size, const char *behind)
{
    add(line, "\"", 1);
    while (size > 0) {
        uint32_t code;
        size_t length = utf8_character(data, size, &code);

        if (length == 0 && log_format == LOG_JSON)
            add(line, "\\ufffd", 6);
        else if (length == 0)
            addf(line, "\\x%02x", (unsigned)(unsigned char)*data);
        else if (code == '"' || code == '\\')
            addf(line, "\\%c", (char)code);
        else if (is_hidden(code))
            add_escaped(line, code);
        else
            add(line, data, length);
        length = length > 0 ? length : 1;
        data += length;
        size -= length;
    }
    addf(line, "%s\"", behind);
}

/* May it stand in a plain line as it is? */
static bool is_bare(const char *data, size_t size)
{
    if (size == 0)
        return false;
    while (size > 0) {
        uint32_t code;
        size_t length = utf8_character(data, size, &code);

        if (length == 0 || is_hidden(code) || code == ' ' || code == '"' || code == '=' ||
            code == '\\')
            return false;
        data += length;
        size -= length;
    }
    return true;
}

static void add_text(struct line *line, const char *data, size_t size)
{
    size_t cut = utf8_cut(data, size, LOG_VALUE_MAX);
    const char *behind = cut < size ? "..." : "";

    if (log_format == LOG_JSON || !is_bare(data, cut)) {
        add_quoted(line, data, cut, behind);
    } else {
        add(line, data, cut);
        add(line, behind, strlen(behind));
    }
}

static void add_field(struct line *line, const struct log_field *field)
{
    addf(line, log_format == LOG_JSON ? ",\"%s\":" : " %s=", field->key);
    if (field->kind == LOG_FIELD_INTEGER)
        addf(line, "%lld", field->integer);
    else
        add_text(line, field->text, field->size);
}

static void add_head(struct line *line, enum log_level level, const char *event)
{
    uint64_t now = clock_wall();
    time_t seconds = (time_t)(now / 1000);
    struct tm tm;
    char time[32];

    gmtime_r(&seconds, &tm);
    strftime(time, sizeof time, "%Y-%m-%dT%H:%M:%S", &tm);
    if (log_format == LOG_JSON)
        addf(line, "{\"time\":\"%s.%03uZ\",\"level\":\"%s\",\"event\":\"%s\"", time,
             (unsigned)(now % 1000), level_names[level], event);
    else
        addf(line, "%s.%03uZ %s %s", time, (unsigned)(now % 1000), level_names[level], event);
}

static void write_line(const struct line *line)
{
    int kept = errno;

    while (write(log_output, line->data, line->size) < 0 && errno == EINTR)
        continue;
    errno = kept; /* so that a caller may log before it looks */
}

void log_fields(enum log_level level, const char *event, const struct log_field *fields)
{
    struct line line = {.most = LINE_MAX_SIZE - TAIL_MAX_SIZE};
    int left_out = 0;

    add_head(&line, level, event);
    for (const struct log_field *field = fields; field->key != NULL; field++) {
        size_t before = line.size;

        if (*field->key == '\0' || (field->kind == LOG_FIELD_TEXT && field->text == NULL))
            continue;
        line.full = false;
        add_field(&line, field);
        if (line.full) {
            line.size = before;
            left_out++;
        }
    }
    line.most = LINE_MAX_SIZE;
    if (left_out > 0)
        add_field(&line, &LOG_INT("fields_left_out", left_out));
    addf(&line, log_format == LOG_JSON ? "}\n" : "\n");
    write_line(&line);
}

struct log_field log_field_text(const char *key, const char *text)
{
    return (struct log_field){
        .key = key, .kind = LOG_FIELD_TEXT, .text = text, .size = text != NULL ? strlen(text) : 0};
}

void log_set_format(enum log_format format)
{
    log_format = format;
}

void log_set_output(int fd)
{
    log_output = fd;
}
