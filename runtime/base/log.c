/*
 * base/log: one event, one line, key=value.
 *
 * A line is made on the stack and is no longer than PIPE_BUF, so that its one write(2) is atomic
 * even where the log is a pipe that several processes share. A field that no longer fits is left
 * out as a whole, and the line says how many were. Nothing here allocates, locks, or asks libc for
 * more than a signal handler may: a crash is reported in the same words as everything else.
 */
#include "base/log.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
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

static void add_str(struct line *line, const char *text)
{
    add(line, text, strlen(text));
}

/* As "%0*llu" or "%0*llx": at least `width` digits. */
static void add_number(struct line *line, unsigned long long number, unsigned base, unsigned width)
{
    char digits[24];
    size_t at = sizeof digits;

    for (; number > 0 || sizeof digits - at < width; number /= base)
        digits[--at] = "0123456789abcdef"[number % base];
    add(line, digits + at, sizeof digits - at);
}

static void add_integer(struct line *line, long long number)
{
    if (number < 0)
        add(line, "-", 1);
    add_number(line, number < 0 ? 0 - (unsigned long long)number : (unsigned long long)number, 10,
               1);
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
    else {
        bool byte = code < 0x80 && log_format == LOG_PLAIN;

        add(line, byte ? "\\x" : "\\u", 2);
        add_number(line, code, 16, byte ? 2 : 4);
    }
}

/* One that is no part of a character. */
static void add_byte(struct line *line, unsigned char byte)
{
    add(line, "\\x", 2);
    add_number(line, byte, 16, 2);
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
            add_byte(line, (unsigned char)*data);
        else if (is_hidden(code))
            add_escaped(line, code);
        else if (code == '"' || code == '\\')
            add(line, code == '"' ? "\\\"" : "\\\\", 2);
        else
            add(line, data, length);
        length = length > 0 ? length : 1;
        data += length;
        size -= length;
    }
    add_str(line, behind);
    add(line, "\"", 1);
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
        add_str(line, behind);
    }
}

static void add_field(struct line *line, const struct log_field *field)
{
    add_str(line, log_format == LOG_JSON ? ",\"" : " ");
    add_str(line, field->key);
    add_str(line, log_format == LOG_JSON ? "\":" : "=");
    if (field->kind == LOG_FIELD_INTEGER)
        add_integer(line, field->integer);
    else
        add_text(line, field->text, field->size);
}

/* The day as people count it, from the days since 1970. Years begin in March here, so that the day
 * that some have more comes last, and 400 years are always 146097 days. */
static void add_date(struct line *line, uint64_t days)
{
    uint64_t shifted = days + 719468; /* since the first of March of the year 0 */
    uint64_t era = shifted / 146097, day = shifted % 146097;
    uint64_t year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
    uint64_t of_year = day - (365 * year + year / 4 - year / 100);
    uint64_t month = (5 * of_year + 2) / 153; /* from March */

    add_number(line, era * 400 + year + (month >= 10), 10, 4);
    add(line, "-", 1);
    add_number(line, month < 10 ? month + 3 : month - 9, 10, 2);
    add(line, "-", 1);
    add_number(line, of_year - (153 * month + 2) / 5 + 1, 10, 2);
}

/* "2026-03-01T18:26:04.123Z" */
static void add_time(struct line *line, uint64_t now)
{
    static const struct {
        const char *before;
        unsigned divisor, modulus, width;
    } parts[] = {{"T", 3600000, 24, 2}, {":", 60000, 60, 2}, {":", 1000, 60, 2}, {".", 1, 1000, 3}};

    add_date(line, now / 86400000);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        add_str(line, parts[i].before);
        add_number(line, now / parts[i].divisor % parts[i].modulus, 10, parts[i].width);
    }
    add(line, "Z", 1);
}

static void add_head(struct line *line, enum log_level level, const char *event)
{
    bool json = log_format == LOG_JSON;

    add_str(line, json ? "{\"time\":\"" : "");
    add_time(line, clock_wall());
    add_str(line, json ? "\",\"level\":\"" : " ");
    add_str(line, level_names[level]);
    add_str(line, json ? "\",\"event\":\"" : " ");
    add_str(line, event);
    add_str(line, json ? "\"" : "");
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
    add_str(&line, log_format == LOG_JSON ? "}\n" : "\n");
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
