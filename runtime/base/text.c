/*
 * base/text: bytes with a length, a buffer that grows, and what is done with words.
 */
#include "base/text.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"

#define TEXT_FIRST_ROOM 64 /* bytes */

struct slice slice_of(const char *text)
{
    return (struct slice){text, text != NULL ? strlen(text) : 0};
}

bool slice_equal(struct slice a, struct slice b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

/* libc's tolower and strncasecmp depend on the locale, and strncasecmp stops at a zero byte. */
static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool slice_equal_nocase(struct slice a, struct slice b)
{
    if (a.size != b.size)
        return false;
    for (size_t i = 0; i < a.size; i++)
        if (lower(a.data[i]) != lower(b.data[i]))
            return false;
    return true;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

struct slice slice_trim(struct slice text)
{
    while (text.size > 0 && is_blank(text.data[0])) {
        text.data++;
        text.size--;
    }
    while (text.size > 0 && is_blank(text.data[text.size - 1]))
        text.size--;
    return text;
}

bool slice_take_byte(struct slice *text, char byte)
{
    if (text->size == 0 || text->data[0] != byte)
        return false;
    text->data++;
    text->size--;
    return true;
}

char *text_reserve(struct text *text, size_t size)
{
    size_t room = text->room > 0 ? text->room : TEXT_FIRST_ROOM;

    if (text->failed)
        return NULL;
    if (size >= SIZE_MAX / 2 - text->size) {
        text->failed = true;
        return NULL;
    }
    while (room <= text->size + size) /* one more, for the zero byte */
        room *= 2;
    if (room != text->room) {
        char *data = mem_realloc(text->data, room);

        if (data == NULL) {
            text->failed = true;
            return NULL;
        }
        text->data = data;
        text->room = room;
    }
    return text->data + text->size;
}

void text_add(struct text *text, const void *data, size_t size)
{
    if (size == 0)
        return;

    char *end = text_reserve(text, size);
    if (end == NULL)
        return;
    memcpy(end, data, size);
    end[size] = '\0';
    text->size += size;
}

void text_add_str(struct text *text, const char *string)
{
    text_add(text, string, strlen(string));
}

void text_add_byte(struct text *text, char byte)
{
    text_add(text, &byte, 1);
}

void text_addf(struct text *text, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    text_vaddf(text, format, args);
    va_end(args);
}

void text_vaddf(struct text *text, const char *format, va_list args)
{
    va_list again;
    char *end = text_reserve(text, 0);

    if (end == NULL)
        return;
    va_copy(again, args);

    size_t room = text->room - text->size;
    int size = vsnprintf(end, room, format, args);

    if (size >= 0 && (size_t)size >= room) {
        *end = '\0'; /* in case it can't be had whole */
        end = text_reserve(text, (size_t)size);
        if (end != NULL)
            vsnprintf(end, (size_t)size + 1, format, again);
    }
    va_end(again);
    if (size < 0)
        text->failed = true;
    if (!text->failed)
        text->size += (size_t)size;
}

void text_clear(struct text *text)
{
    text->size = 0;
    text->failed = false;
    if (text->data != NULL)
        text->data[0] = '\0';
}

void text_free(struct text *text)
{
    mem_free(text->data);
    *text = (struct text){0};
}

char *text_take(struct text *text)
{
    char *end = text_reserve(text, 0); /* so that nothing at all is "" */
    char *data = text->data;

    if (end == NULL) {
        text_free(text);
        return NULL;
    }
    *end = '\0';
    *text = (struct text){0};
    return data;
}

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* Takes off what both begin and end with, which changes no distance. */
static void strip_common(struct slice *a, struct slice *b)
{
    while (a->size > 0 && b->size > 0 && a->data[0] == b->data[0]) {
        a->data++, a->size--;
        b->data++, b->size--;
    }
    while (a->size > 0 && b->size > 0 && a->data[a->size - 1] == b->data[b->size - 1]) {
        a->size--;
        b->size--;
    }
}

/* Row i of the table holds the edits from the first i bytes of a to each beginning of b. Three
 * rows are enough: a swap looks back two. */
static unsigned edits(struct slice a, struct slice b)
{
    unsigned rows[3][TEXT_WORD_MAX + 1];
    unsigned *above2 = rows[0], *above = rows[1], *row = rows[2];

    for (unsigned j = 0; j <= b.size; j++)
        row[j] = j;
    for (unsigned i = 1; i <= a.size; i++) {
        unsigned *free_row = above2;

        above2 = above;
        above = row;
        row = free_row;
        row[0] = i;
        for (unsigned j = 1; j <= b.size; j++) {
            bool same = a.data[i - 1] == b.data[j - 1];

            row[j] = least(least(above[j], row[j - 1]) + 1, above[j - 1] + !same);
            if (i > 1 && j > 1 && a.data[i - 1] == b.data[j - 2] && a.data[i - 2] == b.data[j - 1])
                row[j] = least(row[j], above2[j - 2] + 1);
        }
    }
    return row[b.size];
}

unsigned text_distance(struct slice a, struct slice b, unsigned most)
{
    size_t apart = a.size > b.size ? a.size - b.size : b.size - a.size;

    if (apart > most)
        return most + 1;
    strip_common(&a, &b);
    if (a.size > TEXT_WORD_MAX || b.size > TEXT_WORD_MAX)
        return most + 1;
    return least(edits(a, b), most + 1);
}

const char *text_suggest(struct slice word, const char *const *choices)
{
    const char *nearest = NULL;
    unsigned fewest = 3;

    for (; *choices != NULL; choices++) {
        unsigned distance = text_distance(word, slice_of(*choices), 2);

        if (distance < fewest && distance * 2 < word.size) {
            nearest = *choices;
            fewest = distance;
        }
    }
    return nearest;
}

void text_hex(char *out, const void *data, size_t size)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t *bytes = data;

    for (size_t i = 0; i < size; i++) {
        *out++ = digits[bytes[i] >> 4];
        *out++ = digits[bytes[i] & 15];
    }
    *out = '\0';
}

static int digit_of(char letter)
{
    if (letter >= '0' && letter <= '9')
        return letter - '0';
    return letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : -1;
}

bool text_unhex(void *out, const char *text, size_t size)
{
    uint8_t *bytes = out;

    for (size_t i = 0; i < size; i++, text += 2) {
        int high = digit_of(text[0]), low = high < 0 ? -1 : digit_of(text[1]);

        if (low < 0)
            return false;
        bytes[i] = (uint8_t)(high << 4 | low);
    }
    return *text == '\0';
}
