/*
 * base/utf8: is it UTF-8 (RFC 3629), asked of text that comes in pieces, and failing at the first
 * wrong byte.
 *
 * Three speeds: ASCII goes 16 bytes at a time, characters that are whole in one piece go one at a
 * time, and only a character cut by the end of a piece goes byte by byte, through the state.
 */
#include "base/utf8.h"

#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* The first byte of a character says how many follow, and the range of the second: the narrower
 * ranges keep out overlong forms, surrogates, and what is above U+10FFFF. */
static bool begin(struct utf8_state *state, uint8_t first)
{
    *state = (struct utf8_state){.least = 0x80, .most = 0xbf};
    if (first >= 0xc2 && first <= 0xdf) {
        state->need = 1;
    } else if (first >= 0xe0 && first <= 0xef) {
        state->need = 2;
        if (first == 0xe0)
            state->least = 0xa0;
        if (first == 0xed)
            state->most = 0x9f;
    } else if (first >= 0xf0 && first <= 0xf4) {
        state->need = 3;
        if (first == 0xf0)
            state->least = 0x90;
        if (first == 0xf4)
            state->most = 0x8f;
    }
    return state->need > 0;
}

static bool step(struct utf8_state *state, uint8_t byte)
{
    if (state->need == 0)
        return byte < 0x80 || begin(state, byte);
    if (byte < state->least || byte > state->most)
        return false;
    state->need--;
    state->least = 0x80;
    state->most = 0xbf;
    return true;
}

/* Blocks of 16 from `at` on that are ASCII, and then the ASCII bytes of a last one. */
static const uint8_t *skip_ascii(const uint8_t *at, const uint8_t *end)
{
#ifdef __SSE2__
    for (; end - at >= 16; at += 16) {
        int high = _mm_movemask_epi8(_mm_loadu_si128((const __m128i *)(const void *)at));

        if (high != 0)
            return at + __builtin_ctz((unsigned)high);
    }
#else
    for (; end - at >= 16; at += 16) {
        uint64_t words[2];

        memcpy(words, at, sizeof words);
        if (((words[0] | words[1]) & 0x8080808080808080u) != 0)
            break;
    }
#endif
    while (at < end && *at < 0x80)
        at++;
    return at;
}

static bool is_tail(uint8_t byte)
{
    return (byte & 0xc0) == 0x80;
}

/* The length of the character at `at`, which is not ASCII and has four bytes to look at; 0: it is
 * wrong. */
static unsigned whole_character(const uint8_t *at)
{
    uint8_t first = at[0], second = at[1];

    if (first < 0xe0)
        return first >= 0xc2 && is_tail(second) ? 2 : 0;
    if (!is_tail(second) || !is_tail(at[2]))
        return 0;
    if (first < 0xf0) {
        if ((first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f))
            return 0;
        return 3;
    }
    if (!is_tail(at[3]) || first > 0xf4)
        return 0;
    if ((first == 0xf0 && second < 0x90) || (first == 0xf4 && second > 0x8f))
        return 0;
    return 4;
}

bool utf8_feed(struct utf8_state *state, const void *data, size_t size)
{
    if (size == 0)
        return true;

    const uint8_t *at = data, *end = at + size;

    while (at < end && state->need > 0)
        if (!step(state, *at++))
            return false;
    while (at < end) {
        if (*at < 0x80)
            at = skip_ascii(at, end);
        if (end - at < 4)
            break;

        unsigned length = whole_character(at);
        if (length == 0)
            return false;
        at += length;
    }
    while (at < end)
        if (!step(state, *at++))
            return false;
    return true;
}

bool utf8_complete(const struct utf8_state *state)
{
    return state->need == 0;
}

bool utf8_valid(const void *data, size_t size)
{
    struct utf8_state state = {0};

    return utf8_feed(&state, data, size) && utf8_complete(&state);
}

size_t utf8_character(const char *data, size_t size, uint32_t *code)
{
    static const uint8_t payload[] = {0, 0x7f, 0x1f, 0x0f, 0x07}; /* of a first byte, by length */
    struct utf8_state state = {0};
    size_t length = 0;

    do {
        if (length == size || !step(&state, (uint8_t)data[length++]))
            return 0;
    } while (state.need > 0);
    *code = (uint8_t)data[0] & payload[length];
    for (size_t i = 1; i < length; i++)
        *code = *code << 6 | ((uint8_t)data[i] & 0x3f);
    return length;
}

size_t utf8_cut(const char *data, size_t size, size_t most)
{
    size_t cut = most;

    if (size <= most)
        return size;
    while (cut > 0 && most - cut < 3 && is_tail((uint8_t)data[cut]))
        cut--;
    return cut;
}
