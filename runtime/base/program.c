/*
 * base/program: what a template is compiled to.
 *
 * One pass, a function for each kind of thing that may stand in a template. No step and no word is
 * longer than the text it comes from, so room for both is made once, and the words never move.
 */
#include "base/program.h"

#include <string.h>

#include "base/escape.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/number.h"
#include "base/utf8.h"

struct compiler {
    const char *text, *at, *end;
    struct step *step; /* the next one */
    char *word;        /* where the next word goes */
    unsigned depth;
    const char *why; /* what is wrong at `at` */
};

static bool compile_value(struct compiler *compiler);

static bool broken(struct compiler *compiler, const char *why)
{
    compiler->why = why;
    return false;
}

static struct step *add_step(struct compiler *compiler, enum step_kind kind)
{
    struct step *step = compiler->step++;

    step->kind = kind;
    return step;
}

static void skip_blanks(struct compiler *compiler)
{
    compiler->at += strspn(compiler->at, " \t\r\n");
}

static bool take(struct compiler *compiler, char byte)
{
    skip_blanks(compiler);
    if (*compiler->at != byte)
        return false;
    compiler->at++;
    return true;
}

/* ---- Conversions ---- */

static bool allowed(const struct conversion *conversion)
{
    switch (conversion->letter) {
    case 's':
    case 'p':
    case 'g':
        return conversion->length == LENGTH_NONE;
    case 'd':
    case 'i':
    case 'u':
        return conversion->length != LENGTH_LONG_DOUBLE;
    default:
        return false;
    }
}

static bool compile_conversion(struct compiler *compiler, enum step_kind kind)
{
    struct conversion conversion;
    const char *behind = conversion_read(compiler->at, &conversion);

    if (conversion.decorated)
        return broken(compiler, "a conversion takes no flags, width or precision here");
    if (!allowed(&conversion))
        return broken(compiler, "no such conversion; there are %s, %p, %g, %hhd for a bool, and "
                                "%d, %i, %u with h, hh, l, ll, z, j or t");
    if (kind == STEP_TEXT_ARGUMENT && conversion.letter == 'p')
        return broken(compiler, "%p can't stand inside quotes");
    add_step(compiler, kind)->conversion = conversion;
    compiler->at = behind;
    return true;
}

/* ---- Strings ---- */

static bool compile_escape(struct compiler *compiler)
{
    size_t written, length;

    if (compiler->at[1] == '\'') { /* which JSON, having no single quotes, does not know */
        *compiler->word++ = '\'';
        compiler->at += 2;
        return true;
    }
    length =
        escape_read(compiler->at, (size_t)(compiler->end - compiler->at), compiler->word, &written);
    if (length == 0)
        return broken(compiler, "no such escape, or half a surrogate pair");
    compiler->word += written;
    compiler->at += length;
    return true;
}

/* Words up to the closing quote or a conversion, into the pool. */
static bool compile_words(struct compiler *compiler, char quote, struct slice *words)
{
    words->data = compiler->word;
    for (;;) {
        char c = *compiler->at;

        if (c == quote || (c == '%' && compiler->at[1] != '%'))
            break;
        if (c == '\0')
            return broken(compiler, "a quote is missing: the text ends within a string");
        if ((unsigned char)c < 0x20)
            return broken(compiler, "a control byte inside quotes must be escaped, as \\n is");
        if (c == '\\') {
            if (!compile_escape(compiler))
                return false;
            continue;
        }
        *compiler->word++ = c;
        compiler->at += c == '%' ? 2 : 1;
    }
    words->size = (size_t)(compiler->word - words->data);
    return true;
}

static bool compile_string(struct compiler *compiler)
{
    char quote = *compiler->at++;
    struct step *first = add_step(compiler, STEP_STRING);

    if (!compile_words(compiler, quote, &first->words))
        return false;
    if (*compiler->at == quote) {
        compiler->at++;
        return true;
    }

    /* It is put together: what was said so far is its first part. */
    struct slice words = first->words;

    first->kind = STEP_TEXT_BEGIN;
    for (;;) {
        if (words.size > 0)
            add_step(compiler, STEP_TEXT_WORDS)->words = words;
        if (*compiler->at == quote)
            break;
        if (!compile_conversion(compiler, STEP_TEXT_ARGUMENT) ||
            !compile_words(compiler, quote, &words))
            return false;
    }
    compiler->at++;
    add_step(compiler, STEP_TEXT_END);
    return true;
}

/* ---- Containers ---- */

static bool is_bare(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '$';
}

static bool compile_bare_key(struct compiler *compiler, struct slice *words)
{
    if (!is_bare(*compiler->at) || (*compiler->at >= '0' && *compiler->at <= '9'))
        return broken(compiler, "a key must stand here");
    words->data = compiler->word;
    while (is_bare(*compiler->at))
        *compiler->word++ = *compiler->at++;
    words->size = (size_t)(compiler->word - words->data);
    return true;
}

static bool compile_key(struct compiler *compiler)
{
    struct step *key = add_step(compiler, STEP_KEY);
    char quote;

    skip_blanks(compiler);
    quote = *compiler->at;
    if (quote == '"' || quote == '\'') {
        compiler->at++;
        if (!compile_words(compiler, quote, &key->words))
            return false;
        if (*compiler->at != quote)
            return broken(compiler, "a conversion can't be in a key");
        compiler->at++;
    } else if (quote == '%') {
        return broken(compiler, "a conversion can't be a key");
    } else if (!compile_bare_key(compiler, &key->words)) {
        return false;
    }
    if (memchr(key->words.data, '\0', key->words.size) != NULL)
        return broken(compiler, "a key can't hold a zero byte");
    return take(compiler, ':') || broken(compiler, "a colon must stand here, behind the key");
}

static bool compile_member(struct compiler *compiler)
{
    return compile_key(compiler) && compile_value(compiler);
}

static bool compile_container(struct compiler *compiler, enum step_kind begin, enum step_kind end,
                              char bracket, bool (*compile_one)(struct compiler *))
{
    struct step *first = add_step(compiler, begin);
    size_t count = 0;

    if (compiler->depth == VALUE_DEPTH_MAX)
        return broken(compiler, "arrays and objects stand too deep within each other");
    compiler->depth++;
    compiler->at++;
    if (!take(compiler, bracket)) {
        do {
            if (!compile_one(compiler))
                return false;
            count++;
        } while (take(compiler, ','));
        if (!take(compiler, bracket))
            return broken(compiler, bracket == ']' ? "a comma or ] must stand here"
                                                   : "a comma or } must stand here");
    }
    compiler->depth--;
    first->count = count;
    add_step(compiler, end);
    return true;
}

/* ---- Values ---- */

static bool compile_number(struct compiler *compiler)
{
    struct number number;
    size_t size = number_read(compiler->at, (size_t)(compiler->end - compiler->at), &number);

    if (size == 0)
        return broken(compiler, "this is no number, or too large for one");
    compiler->at += size;
    switch (number.kind) {
    case NUMBER_INTEGER:
        add_step(compiler, STEP_INTEGER)->integer = number.integer;
        break;
    case NUMBER_NATURAL:
        add_step(compiler, STEP_NATURAL)->natural = number.natural;
        break;
    case NUMBER_REAL:
        add_step(compiler, STEP_REAL)->real = number.real;
        break;
    }
    return true;
}

static bool compile_word(struct compiler *compiler)
{
    const char *at = compiler->at;
    size_t size = 0;

    while (is_bare(at[size]))
        size++;
    compiler->at += size;
    if (slice_equal((struct slice){at, size}, SLICE("null"))) {
        add_step(compiler, STEP_NULL);
        return true;
    }
    if (slice_equal((struct slice){at, size}, SLICE("true")) ||
        slice_equal((struct slice){at, size}, SLICE("false"))) {
        add_step(compiler, STEP_BOOLEAN)->boolean = size == 4;
        return true;
    }
    compiler->at = at;
    return broken(compiler,
                  size > 0 ? "a word that is a value must be quoted" : "a value must stand here");
}

static bool compile_value(struct compiler *compiler)
{
    skip_blanks(compiler);
    switch (*compiler->at) {
    case '{':
        return compile_container(compiler, STEP_MAP_BEGIN, STEP_MAP_END, '}', compile_member);
    case '[':
        return compile_container(compiler, STEP_ARRAY_BEGIN, STEP_ARRAY_END, ']', compile_value);
    case '"':
    case '\'':
        return compile_string(compiler);
    case '%':
        return compile_conversion(compiler, STEP_ARGUMENT);
    case '-':
    case '0' ... '9':
        return compile_number(compiler);
    default:
        return compile_word(compiler);
    }
}

static bool compile(struct compiler *compiler)
{
    if (!utf8_valid(compiler->text, (size_t)(compiler->end - compiler->text)))
        return broken(compiler, "the text is not UTF-8");
    if (!compile_value(compiler))
        return false;
    skip_blanks(compiler);
    return *compiler->at == '\0' || broken(compiler, "nothing more can stand behind the value");
}

/* ---- Linking ---- */

bool step_tell(const struct step *step, struct value_sink *sink)
{
    switch (step->kind) {
    case STEP_NULL:
        return sink->null(sink);
    case STEP_BOOLEAN:
        return sink->boolean(sink, step->boolean);
    case STEP_INTEGER:
        return sink->integer(sink, step->integer);
    case STEP_NATURAL:
        return sink->natural(sink, step->natural);
    case STEP_REAL:
        return sink->real(sink, step->real);
    case STEP_STRING:
        return sink->string(sink, step->words.data, step->words.size);
    case STEP_ARRAY_BEGIN:
        return sink->array_begin(sink, step->count);
    case STEP_ARRAY_END:
        return sink->array_end(sink);
    case STEP_MAP_BEGIN:
        return sink->map_begin(sink, step->count);
    case STEP_KEY:
        return sink->key(sink, step->words.data, step->words.size);
    case STEP_MAP_END:
        return sink->map_end(sink);
    default:
        return false;
    }
}

/* Puts steps into a program, with a STEP_JSON before those that need no argument. */
struct linker {
    struct program *program;
    struct json_writer writer; /* into the program's json */
    struct step *open;         /* the STEP_JSON under way, or NULL */
    size_t begun;              /* where its text begins */
};

static struct step *link_step(struct linker *linker, const struct step *step)
{
    struct step *linked = &linker->program->steps[linker->program->count++];

    *linked = *step;
    return linked;
}

static void open_json(struct linker *linker)
{
    if (linker->open == NULL)
        linker->open = link_step(linker, &(struct step){.kind = STEP_JSON});
}

static void close_json(struct linker *linker)
{
    struct program *program = linker->program;

    if (linker->open == NULL)
        return;
    linker->open->json.text.size = program->json.size - linker->begun;
    linker->open->json.depth = linker->writer.depth;
    linker->open->json.steps = (uint32_t)(program->steps + program->count - linker->open - 1);
    linker->begun = program->json.size;
    linker->open = NULL;
}

/* A value of some kind will come here: the writer is told one, of which its comma stays. */
static bool expect_argument(struct linker *linker)
{
    struct text *json = &linker->program->json;

    if (!linker->writer.sink.null(&linker->writer.sink))
        return false;
    json->size -= strlen("null");
    if (json->size > linker->begun)
        open_json(linker);
    close_json(linker);
    return true;
}

static bool link_one(struct linker *linker, const struct step *step)
{
    switch (step->kind) {
    case STEP_ARGUMENT:
    case STEP_TEXT_BEGIN:
        if (!expect_argument(linker))
            return false;
        break;
    case STEP_TEXT_WORDS:
    case STEP_TEXT_ARGUMENT:
    case STEP_TEXT_END:
        break;
    default:
        open_json(linker);
        if (!step_tell(step, &linker->writer.sink))
            return false;
    }
    link_step(linker, step);
    return true;
}

/* False: no memory. */
static bool link_program(struct program *program, const struct step *steps, size_t count)
{
    struct linker linker = {.program = program};
    const char *text;

    /* No two STEP_JSONs follow each other. */
    program->steps = mem_alloc((2 * count + 1) * sizeof *steps);
    if (program->steps == NULL)
        return false;
    json_writer_init(&linker.writer, &program->json);
    for (size_t i = 0; i < count; i++)
        if (!link_one(&linker, &steps[i]))
            return false;
    close_json(&linker);

    text = program->json.data; /* which will not move any more */
    for (size_t i = 0; i < program->count; i++)
        if (program->steps[i].kind == STEP_JSON) {
            program->steps[i].json.text.data = text;
            text += program->steps[i].json.text.size;
        }
    return true;
}

static bool compile_and_link(struct program *program, struct compiler *compiler)
{
    struct step *steps = mem_alloc((size_t)(compiler->end - compiler->text + 1) * sizeof *steps);
    bool ok;

    if (steps == NULL)
        return false;
    compiler->step = steps;
    ok = compile(compiler) && link_program(program, steps, (size_t)(compiler->step - steps));
    mem_free(steps);
    return ok;
}

struct program *program_new(const char *text, const char **why, size_t *at)
{
    struct program *program = mem_zalloc(sizeof *program);
    size_t size = strlen(text);
    struct compiler compiler;

    *why = NULL;
    if (program == NULL)
        return NULL;
    program->text = mem_alloc(2 * size + 1);
    if (program->text == NULL)
        goto fail;
    memcpy(program->text, text, size + 1);
    compiler = (struct compiler){.text = program->text,
                                 .at = program->text,
                                 .end = program->text + size,
                                 .word = program->text + size + 1};
    if (!compile_and_link(program, &compiler)) {
        *why = compiler.why;
        *at = (size_t)(compiler.at - compiler.text);
        goto fail;
    }
    return program;

fail:
    program_free(program);
    return NULL;
}

void program_free(struct program *program)
{
    if (program == NULL)
        return;
    mem_free(program->text);
    mem_free(program->steps);
    text_free(&program->json);
    mem_free(program);
}
