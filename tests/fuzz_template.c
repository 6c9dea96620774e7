/*
 * tests/fuzz_template: any text as a template, with arguments that fit its conversions. Each
 * reference given is put exactly once, and JSON text, a tree and msgpack of it all say the same.
 *
 * The first bytes of the input, up to the first zero byte, are the template; from the rest come the
 * arguments.
 */
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <json-c/json.h>

#include "base/json.h"
#include "base/template.h"
#include "base/text.h"
#include "base/value.h"
#include "layer/msgpack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ARGUMENTS_MAX 64

static void must(bool fact)
{
    if (!fact)
        abort();
}

/* ---- A va_list made by hand ---- */

/* C can't make one of arguments whose types are known only now. In the ABIs below all that did not
 * fit into registers lies in slots of eight bytes, and a va_list can say: no registers were used.
 * Elsewhere templates with conversions are left out. */
struct slots {
    _Alignas(16) uint64_t slot[ARGUMENTS_MAX];
    size_t count;
};

#if defined(__x86_64__) && defined(__LP64__)
#define VA_LIST_BY_HAND 1
static void point(va_list *list, struct slots *slots)
{
    struct {
        unsigned gp_offset, fp_offset;
        void *overflow_arg_area, *reg_save_area;
    } by_hand = {48, 304, slots->slot, NULL};

    _Static_assert(sizeof by_hand == sizeof *list, "the System V ABI");
    memcpy(list, &by_hand, sizeof by_hand);
}
#elif defined(__aarch64__) && defined(__linux__)
#define VA_LIST_BY_HAND 1
static void point(va_list *list, struct slots *slots)
{
    struct {
        void *stack, *gr_top, *vr_top;
        int gr_offset, vr_offset;
    } by_hand = {slots->slot, NULL, NULL, 0, 0};

    _Static_assert(sizeof by_hand == sizeof *list, "the AArch64 procedure call standard");
    memcpy(list, &by_hand, sizeof by_hand);
}
#else
#define VA_LIST_BY_HAND 0
static void point(va_list *list, struct slots *slots)
{
    (void)slots;
    memset(list, 0, sizeof *list);
}
#endif

/* ---- Arguments for a template ---- */

struct input {
    const uint8_t *at, *end;
};

static uint8_t next_byte(struct input *input)
{
    return input->at < input->end ? *input->at++ : 0;
}

static uint64_t next_word(struct input *input)
{
    uint64_t word = 0;

    for (int i = 0; i < 8; i++)
        word = word << 8 | next_byte(input);
    return word;
}

static char strings[ARGUMENTS_MAX][16];

static const char *next_string(struct input *input, size_t index)
{
    size_t size = next_byte(input) % 17;

    if (size == 16)
        return NULL;
    for (size_t i = 0; i < size; i++)
        strings[index][i] = (char)next_byte(input);
    strings[index][size] = '\0';
    return strings[index];
}

static struct json_object *trees[ARGUMENTS_MAX];
static unsigned given, put; /* references to them */

static void count_put(struct json_object *value, void *userdata)
{
    (void)value;
    (void)userdata;
    put++;
}

static struct json_object *next_tree(struct input *input)
{
    struct json_object *tree;
    uint8_t depth = next_byte(input);

    if (depth == 255)
        return NULL;
    tree = json_object_new_array();
    json_object_set_userdata(tree, strings, count_put);
    trees[given++] = tree;
    if (depth % 4 == 1)
        json_object_array_add(tree, value_bytes_new("\xff", 1));
    if (depth % 4 == 2)
        json_object_array_add(tree, json_object_new_string(depth == 2 ? "\xff" : "text"));
    return tree;
}

static void add_slot(struct slots *slots, const void *data, size_t size)
{
    memcpy(&slots->slot[slots->count++], data, size);
}

/* One argument, by the letter of its conversion. */
static void add_argument(struct slots *slots, char letter, struct input *input)
{
    uint64_t word;
    const void *pointer;

    if (letter == 's')
        pointer = next_string(input, slots->count);
    else if (letter == 'p')
        pointer = next_tree(input);
    else
        pointer = NULL;
    if (strchr("spn", letter) != NULL) {
        add_slot(slots, &pointer, sizeof pointer);
    } else {
        word = next_word(input);
        add_slot(slots, &word, sizeof word);
    }
}

/* A width or a precision: digits, or a star, which is an argument. */
static const char *add_star(struct slots *slots, const char *at)
{
    uint64_t one = 1;

    if (*at != '*')
        return at + strspn(at, "0123456789");
    add_slot(slots, &one, sizeof one);
    return at + 1;
}

/* printf's grammar once more, so that it is not the one under test. False: the text can't be
 * tried, for want of arguments that fit. */
static bool add_arguments(struct slots *slots, const char *text, struct input *input)
{
    for (const char *at = strchr(text, '%'); at != NULL; at = strchr(at, '%')) {
        bool long_double;

        if (slots->count + 3 > ARGUMENTS_MAX)
            return false;
        at += 1 + strspn(at + 1, "-+ #0'I");
        at = add_star(slots, at);
        if (*at == '.')
            at = add_star(slots, at + 1);
        long_double = *at == 'L';
        if (strncmp(at, "hh", 2) == 0 || strncmp(at, "ll", 2) == 0)
            at += 2;
        else
            at += *at != '\0' && strchr("hlzjtL", *at) != NULL;
        if (*at == '\0' || strchr("%mdiucoxXaAeEfFgGspn", *at) == NULL)
            return true; /* nobody knows what comes behind it: the last argument was the last */
        if (long_double && strchr("aAeEfFgG", *at) != NULL)
            return false;
        if (*at != '%' && *at != 'm')
            add_argument(slots, *at, input);
        at++;
    }
    return true;
}

/* ---- The three sinks ---- */

static enum template_result tell(const char *text, const struct input *rest,
                                 struct value_sink *sink, bool *tried)
{
    struct slots slots = {.count = 0};
    struct input input = *rest;
    const char *why = NULL;
    size_t at = 0;
    enum template_result result = TEMPLATE_BROKEN;
    va_list args;

    given = put = 0;
    *tried = add_arguments(&slots, text, &input) && (VA_LIST_BY_HAND || slots.count == 0);
    if (!*tried) {
        while (put < given)
            json_object_put(trees[put]);
        return result;
    }
    point(&args, &slots);
    result = template_tell(text, args, sink, &why, &at);
    must(result != TEMPLATE_NO_MEMORY);
    must((result == TEMPLATE_BROKEN) == (why != NULL));
    must(at <= strlen(text));
    return result;
}

static struct json_object *through_json(const struct text *out)
{
    struct json_object *value;

    must(json_parse(out->data, out->size, &value));
    return value;
}

static struct json_object *through_msgpack(const char *text, const struct input *rest)
{
    struct text out = {0};
    struct msgpack_writer writer;
    struct json_object *value;
    bool tried;

    msgpack_writer_init(&writer, &out);
    must(tell(text, rest, &writer.sink, &tried) == TEMPLATE_DONE);
    must(given == put);
    must(msgpack_decode(out.data, out.size, &value));
    text_free(&out);
    return value;
}

static void try_template(const char *text, const struct input *rest)
{
    struct text out = {0};
    struct json_writer writer;
    struct value_builder builder;
    struct json_object *tree, *json, *msgpack;
    enum template_result result;
    bool tried;

    json_writer_init(&writer, &out);
    result = tell(text, rest, &writer.sink, &tried);
    must(given == put);
    if (tried && result == TEMPLATE_DONE) {
        json = through_json(&out);
        msgpack = through_msgpack(text, rest);
        value_builder_init(&builder);
        result = tell(text, rest, &builder.sink, &tried);
        must(result == TEMPLATE_DONE);
        tree = value_builder_take(&builder, true);
        must(json_object_equal(tree, json) && json_object_equal(tree, msgpack));
        json_object_put(tree);
        must(given == put);
        json_object_put(json);
        json_object_put(msgpack);
    }
    text_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = strndup((const char *)data, size);
    size_t used = strlen(text);
    struct input rest = {data + used, data + size};

    try_template(text, &rest);
    try_template(text, &rest); /* once more, kept this time */
    free(text);
    template_forget();
    return 0;
}
