/*
 * base/template: a template and its arguments, told as a value.
 *
 * Whatever goes wrong, each argument is taken, in order and once, for a reference behind a %p is
 * ours from the moment of the call. So a step that fails doesn't end the walk: the steps that are
 * left still take their arguments.
 */
#include "base/template.h"

#include <math.h>
#include <string.h>
#include <json-c/json.h>

#include "base/mem.h"
#include "base/number.h"
#include "base/program.h"
#include "base/utf8.h"

/* What each thread keeps. A program lives in one of two places of the table: the one that its
 * address hashes to, or that one's neighbour, to which it moves when another comes. */
#define KEPT_BITS    8
#define KEPT         (1u << KEPT_BITS)
#define KEPT_TEXT    1024 /* bytes of a template that is kept; a longer one is compiled anew */
#define KEPT_SCRATCH (64 * 1024) /* bytes */

static _Thread_local struct {
    const char *address;
    struct program *program;
} kept[KEPT];

static _Thread_local struct text scratch; /* a string that is put together or mended */

/* ---- Telling ---- */

/* One template on its way into one sink. */
struct teller {
    struct arguments *args;
    struct value_sink *sink;
    bool no_memory; /* for the scratch text */
};

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

/* Adds the text, with U+FFFD for each longest run of bytes that could have begun a character, as
 * browsers and Python do. */
static void add_mended(struct text *out, const char *data, size_t size)
{
    struct utf8_state state = {0};
    const char *begin = data, *end = data + size; /* the character under way */

    if (utf8_valid(data, size)) {
        text_add(out, data, size);
        return;
    }
    for (const char *at = data; at < end; at++) {
        bool open = !utf8_complete(&state);

        if (utf8_feed(&state, at, 1)) {
            if (utf8_complete(&state)) {
                text_add(out, begin, (size_t)(at + 1 - begin));
                begin = at + 1;
            }
            continue;
        }
        text_add_str(out, REPLACEMENT);
        state = (struct utf8_state){0};
        if (open)
            at--; /* it may begin a character of its own */
        begin = at + 1;
    }
    if (!utf8_complete(&state))
        text_add_str(out, REPLACEMENT);
}

static bool scratch_ready(struct teller *teller)
{
    teller->no_memory = scratch.failed;
    return !scratch.failed;
}

static bool tell_string(struct teller *teller)
{
    const char *string = va_arg(teller->args->list, const char *);
    size_t size;

    if (string == NULL)
        return teller->sink->null(teller->sink);
    size = strlen(string);
    if (utf8_valid(string, size))
        return teller->sink->string(teller->sink, string, size);
    text_clear(&scratch);
    add_mended(&scratch, string, size);
    return scratch_ready(teller) && teller->sink->string(teller->sink, scratch.data, scratch.size);
}

static bool tell_tree(struct teller *teller)
{
    struct json_object *value = va_arg(teller->args->list, struct json_object *);
    struct value_sink *sink = teller->sink;
    bool ok;

    if (sink->tree != NULL && sink->tree(sink, value))
        return true;
    ok = sink->tree == NULL && value_tell(value, sink);
    json_object_put(value);
    return ok;
}

static bool is_boolean(const struct conversion *conversion)
{
    return conversion->length == LENGTH_HH && conversion->letter != 'u';
}

static bool tell_argument(struct teller *teller, const struct conversion *conversion)
{
    struct value_sink *sink = teller->sink;
    uint64_t natural;
    double real;

    switch (conversion->letter) {
    case 's':
        return tell_string(teller);
    case 'p':
        return tell_tree(teller);
    case 'g':
        real = va_arg(teller->args->list, double);
        return isfinite(real) ? sink->real(sink, real) : sink->null(sink);
    case 'u':
        natural = conversion_unsigned(conversion, teller->args);
        return natural > INT64_MAX ? sink->natural(sink, natural)
                                   : sink->integer(sink, (int64_t)natural);
    default:
        if (is_boolean(conversion))
            return sink->boolean(sink, va_arg(teller->args->list, int) != 0);
        return sink->integer(sink, conversion_signed(conversion, teller->args));
    }
}

/* Inside quotes: what would stand outside, as text; nothing for NULL. */
static void add_argument(struct teller *teller, const struct conversion *conversion)
{
    char number[NUMBER_ROOM];
    const char *string;

    switch (conversion->letter) {
    case 's':
        string = va_arg(teller->args->list, const char *);
        if (string != NULL)
            add_mended(&scratch, string, strlen(string));
        return;
    case 'g':
        text_add(&scratch, number, number_write_real(number, va_arg(teller->args->list, double)));
        return;
    case 'u':
        text_add(&scratch, number,
                 number_write_natural(number, conversion_unsigned(conversion, teller->args)));
        return;
    default:
        if (is_boolean(conversion))
            text_add_str(&scratch, va_arg(teller->args->list, int) != 0 ? "true" : "false");
        else
            text_add(&scratch, number,
                     number_write_integer(number, conversion_signed(conversion, teller->args)));
    }
}

static bool tell_step(struct teller *teller, const struct step *step)
{
    struct value_sink *sink = teller->sink;

    switch (step->kind) {
    case STEP_ARGUMENT:
        return tell_argument(teller, &step->conversion);
    case STEP_TEXT_BEGIN:
        text_clear(&scratch);
        return true;
    case STEP_TEXT_WORDS:
        text_add(&scratch, step->words.data, step->words.size);
        return true;
    case STEP_TEXT_ARGUMENT:
        add_argument(teller, &step->conversion);
        return true;
    case STEP_TEXT_END:
        return scratch_ready(teller) &&
               sink->string(sink, scratch.size > 0 ? scratch.data : "", scratch.size);
    default:
        return step_tell(step, sink);
    }
}

/* Tells what needs no argument in one piece, if the sink takes that; gives the next step. */
static const struct step *tell_json(const struct step *step, struct value_sink *sink, bool *ok)
{
    if (sink->json == NULL)
        return step + 1;
    *ok = sink->json(sink, step->json.text.data, step->json.text.size, step->json.depth);
    return step + 1 + step->json.steps;
}

static enum template_result run(const struct program *program, struct arguments *args,
                                struct value_sink *sink)
{
    const struct step *step = program->steps, *end = step + program->count;
    struct teller teller = {.args = args, .sink = sink};
    bool ok = true;

    while (ok && step < end) {
        if (step->kind == STEP_JSON)
            step = tell_json(step, sink, &ok);
        else
            ok = tell_step(&teller, step++);
    }
    for (; step < end; step++)
        if (step->kind == STEP_ARGUMENT || step->kind == STEP_TEXT_ARGUMENT)
            conversion_drop(&step->conversion, args);
    if (scratch.room > KEPT_SCRATCH)
        text_free(&scratch);
    if (teller.no_memory)
        return TEMPLATE_NO_MEMORY;
    return ok ? TEMPLATE_DONE : TEMPLATE_REFUSED;
}

/* ---- Keeping ---- */

static unsigned place_of(const char *address)
{
    return (unsigned)((uint64_t)(uintptr_t)address * UINT64_C(0x9e3779b97f4a7c15) >>
                      (64 - KEPT_BITS));
}

static struct program *find(const char *text)
{
    unsigned place = place_of(text);

    for (unsigned i = 0; i < 2; i++, place ^= 1)
        if (kept[place].address == text && strcmp(kept[place].program->text, text) == 0)
            return kept[place].program;
    return NULL;
}

static void keep(const char *text, struct program *program)
{
    unsigned place = place_of(text);

    program_free(kept[place ^ 1].program);
    kept[place ^ 1] = kept[place];
    kept[place].address = text;
    kept[place].program = program;
}

void template_forget(void)
{
    for (unsigned i = 0; i < KEPT; i++) {
        program_free(kept[i].program);
        kept[i].address = NULL;
        kept[i].program = NULL;
    }
    text_free(&scratch);
}

/* For a text that didn't compile. */
static void drop_all(struct arguments *args, const char *text)
{
    struct conversion conversion;

    for (text = strchr(text, '%'); text != NULL; text = strchr(text, '%')) {
        text = conversion_read(text, &conversion);
        if (!conversion_drop(&conversion, args))
            return;
    }
}

static enum template_result tell_new(const char *text, struct arguments *args,
                                     struct value_sink *sink, const char **why, size_t *at)
{
    const char *wrong;
    struct program *program = program_new(text, &wrong, at);
    enum template_result result;

    if (program == NULL) {
        drop_all(args, text);
        if (why != NULL)
            *why = wrong;
        return wrong != NULL ? TEMPLATE_BROKEN : TEMPLATE_NO_MEMORY;
    }
    result = run(program, args, sink);
    if (strlen(text) <= KEPT_TEXT)
        keep(text, program);
    else
        program_free(program);
    return result;
}

enum template_result template_tell(const char *text, va_list args, struct value_sink *sink,
                                   const char **why, size_t *at)
{
    struct program *program;
    struct arguments arguments;
    enum template_result result;
    size_t unwanted;

    if (text == NULL)
        text = ""; /* which is as broken, and can be read */
    program = find(text);
    va_copy(arguments.list, args);
    if (program != NULL)
        result = run(program, &arguments, sink);
    else
        result = tell_new(text, &arguments, sink, why, at != NULL ? at : &unwanted);
    va_end(arguments.list);
    return result;
}
