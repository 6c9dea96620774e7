/*
 * conf/lex: routing.conf as lines of words.
 *
 *     line      = [ directive ] [ comment ] newline
 *     directive = word { word } [ "{" [ comment ] newline { line } "}" ]
 *     word      = 1*( plain | quoted )
 */
#include "conf/lex.h"

#include <stdarg.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"

void lex_init(struct lexer *lexer, const struct source *source, struct config_memory *memory,
              struct diag *diag)
{
    *lexer = (struct lexer){.source = source, .memory = memory, .diag = diag};
}

void lex_free(struct lexer *lexer)
{
    mem_free(lexer->words);
    lexer->words = NULL;
}

/* One complaint a line: what follows is mostly a consequence of the first. */
#define complain(lexer, offset, size, hint, ...)                                                   \
    do {                                                                                           \
        if (!(lexer)->complained)                                                                  \
            diag_add((lexer)->diag, DIAG_ERROR, (lexer)->source, (struct place){(offset), (size)}, \
                     (hint), __VA_ARGS__);                                                         \
        (lexer)->complained = true;                                                                \
    } while (0)

/* The byte at the reader's place; a zero byte at the end, where no other can be. */
static char here(const struct lexer *lexer)
{
    return lexer->at < lexer->source->size ? lexer->source->data[lexer->at] : '\0';
}

static bool at_end(const struct lexer *lexer)
{
    return lexer->at >= lexer->source->size;
}

static bool at_line_end(const struct lexer *lexer)
{
    return at_end(lexer) || here(lexer) == '\n';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_key(char c)
{
    return is_letter(c) || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

/* The length of a character that ends words as a blank does; `strange` if it isn't one that may
 * stand here. Wide blanks and those that don't break look like blanks, so somebody typed or pasted
 * them as such. */
static size_t blank_size(const struct lexer *lexer, uint32_t *strange)
{
    const char *data = lexer->source->data + lexer->at;
    size_t size = lexer->source->size - lexer->at;

    *strange = 0;
    if (size == 0 || *data == '\n')
        return 0;
    if (*data == ' ' || *data == '\t' || (*data == '\r' && (size == 1 || data[1] == '\n')))
        return 1;

    size_t length = utf8_character(data, size, strange);
    uint32_t c = *strange;
    bool control = c < 0x20 || (c >= 0x7f && c <= 0x9f);
    bool wide = c == 0xa0 || (c >= 0x2000 && c <= 0x200b) || c == 0x202f || c == 0x205f ||
                c == 0x3000 || c == 0xfeff;

    return control || wide ? length : 0;
}

static void skip_blanks(struct lexer *lexer)
{
    uint32_t strange;

    for (size_t size; (size = blank_size(lexer, &strange)) > 0; lexer->at += size) {
        if (strange > 0x9f)
            complain(lexer, lexer->at, size, "write a plain space",
                     "U+%04X looks like a space, but is none", strange);
        else if (strange != 0)
            complain(lexer, lexer->at, size, NULL, "a control character can't stand here");
    }
}

static void skip_line(struct lexer *lexer)
{
    while (!at_line_end(lexer))
        lexer->at++;
}

/* Behind a quote: to the closing one. False: the line ends before it. */
static bool skip_quoted(struct lexer *lexer)
{
    while (!at_line_end(lexer)) {
        char c = here(lexer);

        lexer->at++;
        if (c == '"')
            return true;
        if (c == '\\' && (here(lexer) == '"' || here(lexer) == '\\'))
            lexer->at++;
    }
    return false;
}

/* To the end of the word that begins here. */
static void skip_word(struct lexer *lexer)
{
    uint32_t strange;

    while (!at_line_end(lexer) && strchr("{}#", here(lexer)) == NULL &&
           blank_size(lexer, &strange) == 0) {
        size_t start = lexer->at++;

        if (lexer->source->data[start] == '"' && !skip_quoted(lexer))
            complain(lexer, start, lexer->at - start, "a quoted word ends on the line it begins on",
                     "this quote is never closed");
    }
}

/* What the quotes of a word hold. The result is never longer than the word. */
static bool unquote(struct lexer *lexer, struct slice raw, struct slice *text)
{
    char *out = config_memory_get(lexer->memory, raw.size + 1);
    bool quoted = false;

    if (out == NULL)
        return false;
    *text = (struct slice){out, 0};
    for (size_t i = 0; i < raw.size; i++) {
        char next = i + 1 < raw.size ? raw.data[i + 1] : '\0';

        if (raw.data[i] == '"') {
            quoted = !quoted;
            continue;
        }
        if (quoted && raw.data[i] == '\\' && (next == '"' || next == '\\'))
            i++;
        out[text->size++] = raw.data[i];
    }
    return true;
}

/* `key=`, where a word begins with that: the length of the key. */
static size_t key_size(struct slice raw)
{
    size_t size = 0;

    if (raw.size == 0 || !is_letter(raw.data[0]))
        return 0;
    while (size < raw.size && is_key(raw.data[size]))
        size++;
    return size < raw.size && raw.data[size] == '=' ? size : 0;
}

static bool read_word(struct lexer *lexer, struct word *word)
{
    size_t start = lexer->at;

    skip_word(lexer);

    struct slice raw = {lexer->source->data + start, lexer->at - start};
    size_t key = key_size(raw);

    *word = (struct word){.place = {start, raw.size}, .text = raw, .quoted = raw.data[0] == '"'};
    if (memchr(raw.data, '"', raw.size) != NULL && !unquote(lexer, raw, &word->text))
        return false;
    if (key == 0)
        return true;
    word->key = (struct slice){raw.data, key};
    word->key_place = (struct place){start, key};
    word->value = (struct slice){word->text.data + key + 1, word->text.size - key - 1};
    word->value_place = (struct place){start + key + 1, raw.size - key - 1};
    word->value_quoted = key + 1 < raw.size && raw.data[key + 1] == '"';
    return true;
}

/* Room for one more word; NULL without memory. */
static struct word *next_word(struct lexer *lexer)
{
    if (lexer->count == lexer->room) {
        unsigned room = lexer->room > 0 ? 2 * lexer->room : 16;
        struct word *words = mem_realloc(lexer->words, room * sizeof *words);

        if (words == NULL)
            return NULL;
        lexer->words = words;
        lexer->room = room;
    }
    return &lexer->words[lexer->count];
}

static bool read_words(struct lexer *lexer)
{
    for (skip_blanks(lexer); !at_line_end(lexer) && strchr("{}#", here(lexer)) == NULL;
         skip_blanks(lexer)) {
        struct word *word = next_word(lexer);

        if (word == NULL || !read_word(lexer, word))
            return false;
        if (lexer->count < LEX_WORDS_MAX)
            lexer->count++;
        else
            complain(lexer, word->place.offset, word->place.size, NULL,
                     "a line has at most %d words", LEX_WORDS_MAX);
    }
    return true;
}

/* What stands behind a brace is skipped. A "}" in it closes the block that "{" has opened. */
static void end_line_behind(struct lexer *lexer, const char *format, const char *hint)
{
    skip_blanks(lexer);
    if (at_line_end(lexer) || here(lexer) == '#')
        return;

    size_t start = lexer->at;
    skip_line(lexer);

    size_t size = lexer->at - start;
    while (size > 1 && strchr(" \t\r", lexer->source->data[start + size - 1]) != NULL)
        size--;
    complain(lexer, start, size, hint, "%s", format);
    lexer->close = lexer->source->data[start + size - 1] == '}';
}

static void open_block(struct lexer *lexer)
{
    size_t start = lexer->at++;

    if (lexer->depth < LEX_DEPTH_MAX)
        lexer->open[lexer->depth] = (struct place){start, 1};
    else
        complain(lexer, start, 1, NULL, "blocks are more than %d deep", LEX_DEPTH_MAX);
    lexer->depth++;
    lexer->block = true;
    lexer->block_place = (struct place){start, 1};
    end_line_behind(lexer, "a block begins on the line behind its \"{\"",
                    "put each directive of a block on a line of its own");
}

/* False: there is nothing to close. */
static bool close_block(struct lexer *lexer)
{
    size_t start = lexer->at++;
    bool closes = lexer->depth > 0;

    if (!closes)
        complain(lexer, start, 1, NULL, "this \"}\" closes nothing");
    else if (lexer->begun)
        complain(lexer, start, 1, NULL, "\"}\" stands on a line of its own");
    else
        end_line_behind(lexer, "nothing may stand behind a \"}\"", "begin a new line");
    skip_line(lexer);
    lexer->close = false;
    if (closes)
        lexer->depth--;
    return closes;
}

static enum lex_result read_line(struct lexer *lexer)
{
    lexer->begun = true;
    if (!read_words(lexer))
        return LEX_NO_MEMORY;
    if (here(lexer) != '{')
        return LEX_LINE;
    if (lexer->count == 0)
        complain(lexer, lexer->at, 1, "put it at the end of the line of its directive",
                 "a \"{\" can't begin a line");
    open_block(lexer);
    return LEX_LINE;
}

static enum lex_result read_end(struct lexer *lexer)
{
    if (lexer->depth > 0) {
        unsigned innermost = lexer->depth < LEX_DEPTH_MAX ? lexer->depth : LEX_DEPTH_MAX;

        lexer->complained = false;
        complain(lexer, lexer->open[innermost - 1].offset, 1, "end it with a \"}\" on its own line",
                 "this block is never closed");
    }
    lexer->depth = 0;
    return LEX_END;
}

enum lex_result lex_next(struct lexer *lexer)
{
    lexer->count = 0;
    lexer->block = false;
    if (lexer->close) {
        lexer->close = false;
        lexer->depth--;
        return LEX_CLOSE;
    }
    for (;;) {
        skip_blanks(lexer);
        if (at_end(lexer))
            return read_end(lexer);
        if (here(lexer) == '\n') {
            lexer->at++;
            lexer->begun = lexer->complained = false;
        } else if (here(lexer) == '#') {
            skip_line(lexer);
        } else if (here(lexer) != '}') {
            return read_line(lexer);
        } else if (close_block(lexer)) {
            return LEX_CLOSE;
        }
    }
}

struct place word_part(const struct word *word, size_t offset, size_t size)
{
    if (word->text.size != word->place.size)
        return word->place;
    return (struct place){word->place.offset + offset, size};
}
