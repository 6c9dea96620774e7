/*
 * conf/diag: what is wrong with routing.conf, where, and what to write instead.
 *
 * A message is written out when it is added, since the text it points into may be gone when it is
 * printed. Only the offset is kept beside it, to print messages in the order of the file.
 */
#include "conf/diag.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"

#define MESSAGE_MAX   600 /* bytes of a message or hint; words from the file may be long */
#define EXCERPT_MAX   200 /* bytes of the source line that are shown... */
#define EXCERPT_AHEAD 120 /* ...and at most so many of them before the place */

struct diag_message {
    struct diag_message *next;
    enum diag_level level;
    size_t offset; /* 0 where there is no place */
    char *text;    /* all lines of it */
};

struct range {
    uint32_t first, last;
};

/* Characters that take two columns of a terminal (East Asian wide, and emoji)... */
static const struct range wide[] = {
    {0x1100, 0x115f},   {0x231a, 0x231b},   {0x23e9, 0x23ec},   {0x25fd, 0x25fe},
    {0x2614, 0x2615},   {0x2648, 0x2653},   {0x26aa, 0x26ab},   {0x26bd, 0x26be},
    {0x26c4, 0x26c5},   {0x2705, 0x2705},   {0x270a, 0x270b},   {0x274c, 0x274c},
    {0x2753, 0x2755},   {0x2795, 0x2797},   {0x2b1b, 0x2b1c},   {0x2e80, 0x303e},
    {0x3041, 0x4dbf},   {0x4e00, 0xa4cf},   {0xa960, 0xa97f},   {0xac00, 0xd7a3},
    {0xf900, 0xfaff},   {0xfe30, 0xfe6f},   {0xff00, 0xff60},   {0xffe0, 0xffe6},
    {0x1f004, 0x1f004}, {0x1f0cf, 0x1f0cf}, {0x1f18e, 0x1f18e}, {0x1f191, 0x1f19a},
    {0x1f200, 0x1f320}, {0x1f32d, 0x1f64f}, {0x1f680, 0x1f6ff}, {0x1f7e0, 0x1f7eb},
    {0x1f90c, 0x1f9ff}, {0x1fa70, 0x1faff}, {0x20000, 0x3fffd},
};

/* ...that take none... */
static const struct range narrow[] = {
    {0x0300, 0x036f}, {0x0483, 0x0489}, {0x0591, 0x05bd}, {0x0610, 0x061a},   {0x064b, 0x065f},
    {0x0e34, 0x0e3a}, {0x1ab0, 0x1aff}, {0x1dc0, 0x1dff}, {0x20d0, 0x20ff},   {0x3099, 0x309a},
    {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f}, {0x200c, 0x200d}, {0xe0100, 0xe01ef},
};

/* ...and that would move the cursor, hide text or turn it round: these are never printed. */
static const struct range unprintable[] = {
    {0x0000, 0x001f}, {0x007f, 0x009f}, {0x00ad, 0x00ad}, {0x200b, 0x200b},
    {0x200e, 0x200f}, {0x2028, 0x202e}, {0x2060, 0x206f}, {0xd800, 0xdfff},
    {0xfeff, 0xfeff}, {0xfff9, 0xfffb}, {0xfffe, 0xffff}, {0xe0000, 0xe007f},
};

static bool is_in(uint32_t code, const struct range *ranges, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (code >= ranges[i].first && code <= ranges[i].last)
            return true;
    return false;
}

#define IS_IN(code, ranges) is_in((code), (ranges), sizeof(ranges) / sizeof(ranges)[0])

/* Appends one character of text as it can be shown, and gives the columns that it takes. */
static unsigned add_character(struct text *out, struct slice *text)
{
    uint32_t code = 0;
    size_t size = utf8_character(text->data, text->size, &code);
    size_t before = out->size;
    unsigned columns = 1;

    if (size == 0) {
        text_addf(out, "\\x%02x", (unsigned)(unsigned char)text->data[0]);
        columns = (unsigned)(out->size - before);
        size = 1;
    } else if (IS_IN(code, unprintable)) {
        text_addf(out, code < 0x80 ? "\\x%02x" : "\\u%04x", (unsigned)code);
        columns = (unsigned)(out->size - before);
    } else {
        text_add(out, text->data, size);
        if (code >= 0x300)
            columns = IS_IN(code, narrow) ? 0 : IS_IN(code, wide) ? 2 : 1;
    }
    text->data += size;
    text->size -= size;
    return columns;
}

/* A message or a hint; only a hint has several lines. */
static void add_sentence(struct text *out, struct slice text, const char *newline)
{
    size_t size = utf8_cut(text.data, text.size, MESSAGE_MAX);
    bool cut = size < text.size;

    text.size = size;
    while (text.size > 0) {
        if (newline != NULL && text.data[0] == '\n') {
            text_add_str(out, newline);
            text.data++;
            text.size--;
        } else {
            add_character(out, &text);
        }
    }
    if (cut)
        text_add_str(out, "...");
}

static bool is_tail(char byte)
{
    return ((unsigned char)byte & 0xc0) == 0x80;
}

static size_t line_start(const struct source *source, size_t offset)
{
    while (offset > 0 && source->data[offset - 1] != '\n')
        offset--;
    return offset;
}

static size_t line_end(const struct source *source, size_t offset)
{
    while (offset < source->size && source->data[offset] != '\n')
        offset++;
    if (offset > 0 && source->data[offset - 1] == '\r')
        offset--;
    return offset;
}

void diag_locate(const struct source *source, size_t offset, unsigned *line, unsigned *column)
{
    *line = 1;
    *column = 1;
    for (size_t i = 0; i < offset && i < source->size; i++) {
        if (source->data[i] == '\n') {
            ++*line;
            *column = 1;
        } else if (i + 1 >= source->size || !is_tail(source->data[i + 1])) {
            ++*column;
        }
    }
}

/* The part of the line that is shown: all of it, or what lies around the place. */
static struct slice excerpt(const struct source *source, size_t offset)
{
    size_t start = line_start(source, offset);
    size_t end = line_end(source, offset);

    if (offset - start > EXCERPT_AHEAD) {
        start = offset - EXCERPT_AHEAD / 2;
        while (start < offset && is_tail(source->data[start]))
            start++;
    }
    if (end < start) /* the place is the line's end, behind a carriage return */
        end = start;
    return (struct slice){source->data + start,
                          utf8_cut(source->data + start, end - start, EXCERPT_MAX)};
}

/* Blanks under what stands before the place, tabs under tabs, then ^ and ~ under the place. */
static void add_lines(struct text *out, const struct source *source, struct place place,
                      unsigned line)
{
    struct slice shown = excerpt(source, place.offset);
    size_t from = (size_t)(shown.data - source->data), to = from + shown.size;
    bool cut = from > line_start(source, place.offset);
    struct text under = {0};
    unsigned length = 0;
    int gutter = snprintf(NULL, 0, "%5u", line);

    text_addf(out, "%*u | %s", gutter, line, cut ? "..." : "");
    text_addf(&under, "%*s | %s", gutter, "", cut ? "   " : "");
    while (shown.size > 0) {
        size_t at = to - shown.size;

        if (shown.data[0] == '\t') {
            text_add_byte(out, '\t');
            if (at < place.offset)
                text_add_byte(&under, '\t');
            shown.data++;
            shown.size--;
            continue;
        }

        unsigned columns = add_character(out, &shown);
        if (at < place.offset)
            text_addf(&under, "%*s", (int)columns, "");
        else if (at < place.offset + place.size)
            length += columns;
    }
    text_add_str(out, to < line_end(source, to) ? "...\n" : "\n");
    text_add_byte(&under, '^');
    for (unsigned i = 1; i < length; i++)
        text_add_byte(&under, '~');
    text_add(out, under.data, under.size);
    text_add_byte(out, '\n');
    out->failed |= under.failed;
    text_free(&under);
}

static void add_message(struct text *out, enum diag_level level, const struct source *source,
                        struct place place, const char *hint, struct slice sentence)
{
    unsigned line = 0, column = 0;
    bool placed = source->data != NULL;

    add_sentence(out, slice_of(source->name), NULL);
    if (placed) {
        diag_locate(source, place.offset, &line, &column);
        text_addf(out, ":%u:%u", line, column);
    }
    text_add_str(out, level == DIAG_ERROR ? ": error: " : ": warning: ");
    add_sentence(out, sentence, NULL);
    text_add_byte(out, '\n');
    if (placed)
        add_lines(out, source, place, line);
    if (hint != NULL) {
        text_add_str(out, "      = ");
        add_sentence(out, slice_of(hint), "\n      = ");
        text_add_byte(out, '\n');
    }
}

/* Behind those that stand before it in the file, or at the same place. */
static void insert(struct diag *diag, struct diag_message *message)
{
    struct diag_message **at = &diag->first;

    while (*at != NULL && (*at)->offset <= message->offset)
        at = &(*at)->next;
    message->next = *at;
    *at = message;
}

void diag_add(struct diag *diag, enum diag_level level, const struct source *source,
              struct place place, const char *hint, const char *format, ...)
{
    bool keep = diag->errors + diag->warnings < DIAG_KEPT_MAX;
    struct text sentence = {0}, out = {0};
    struct diag_message *message;
    va_list args;

    if (level == DIAG_ERROR)
        diag->errors++;
    else
        diag->warnings++;
    if (!keep)
        return;
    va_start(args, format);
    text_vaddf(&sentence, format, args);
    va_end(args);
    add_message(&out, level, source, place, hint, (struct slice){sentence.data, sentence.size});
    out.failed |= sentence.failed;
    text_free(&sentence);

    char *text = text_take(&out);
    message = text != NULL ? mem_zalloc(sizeof *message) : NULL;
    if (message == NULL) {
        mem_free(text);
        diag_fail(diag);
        return;
    }
    message->level = level;
    message->text = text;
    message->offset = source->data != NULL ? place.offset : 0;
    insert(diag, message);
}

void diag_fail(struct diag *diag)
{
    diag->failed = true;
    if (diag->errors == 0)
        diag->errors = 1;
}

void diag_each(const struct diag *diag, diag_say *say, void *context)
{
    char more[64];

    for (const struct diag_message *message = diag->first; message != NULL; message = message->next)
        say(context, message->level, message->text);
    if (diag->errors + diag->warnings > DIAG_KEPT_MAX) {
        snprintf(more, sizeof more, "... and %u more\n",
                 diag->errors + diag->warnings - DIAG_KEPT_MAX);
        say(context, diag->errors > 0 ? DIAG_ERROR : DIAG_WARNING, more);
    }
    if (diag->failed)
        say(context, DIAG_ERROR, "error: out of memory\n");
}

static void print(void *out, enum diag_level level, const char *text)
{
    (void)level;
    text_add_str(out, text);
}

void diag_print(const struct diag *diag, struct text *out)
{
    diag_each(diag, print, out);
}

void diag_free(struct diag *diag)
{
    while (diag->first != NULL) {
        struct diag_message *message = diag->first;

        diag->first = message->next;
        mem_free(message->text);
        mem_free(message);
    }
    *diag = (struct diag){0};
}
