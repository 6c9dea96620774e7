/*
 * conf/parser: lines of words become a config, as the table of directives says.
 */
#include "conf/parser.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "conf/read.h"

#define TEXT_FILE_MAX 65536 /* bytes of an @file */
#define HINT_MAX      400

void *parser_get(struct parser *parser, size_t size)
{
    void *memory = config_memory_get(parser->config->memory, size);

    if (memory == NULL)
        diag_fail(parser->diag);
    return memory;
}

void *parser_grow(struct parser *parser, void *array, unsigned count, size_t size)
{
    void *larger = config_memory_grow(parser->config->memory, array, count, size);

    if (larger == NULL)
        diag_fail(parser->diag);
    return larger;
}

const char *parser_copy(struct parser *parser, struct slice text)
{
    char *copy = config_memory_copy(parser->config->memory, text);

    if (copy == NULL)
        diag_fail(parser->diag);
    return copy;
}

const char *parser_join(struct parser *parser, const char *directory, const char *name)
{
    struct text path = {0};
    const char *copy;

    if (name[0] != '/' && strcmp(directory, ".") != 0) {
        text_add_str(&path, directory);
        if (path.size > 0 && path.data[path.size - 1] != '/')
            text_add_byte(&path, '/');
    }
    text_add_str(&path, name);
    if (path.failed)
        diag_fail(parser->diag);
    copy = path.failed ? NULL : parser_copy(parser, (struct slice){path.data, path.size});
    text_free(&path);
    return copy;
}

unsigned parser_line(const struct parser *parser, struct place place)
{
    unsigned line = 0, column;

    if (parser->diag->errors + parser->diag->warnings < DIAG_KEPT_MAX)
        diag_locate(&parser->config->source, place.offset, &line, &column);
    return line;
}

/* Whoever looks for changes looks at it, too. */
static void note_text(struct parser *parser, const char *path)
{
    struct config *config = parser->config;
    const char **texts =
        parser_grow(parser, config->texts, config->text_count, sizeof *config->texts);

    if (texts == NULL)
        return;
    config->texts = texts;
    texts[config->text_count++] = path;
}

/* What the file holds, less the newline that editors put at its end. */
static const char *text_of_file(struct parser *parser, const char *name, struct place place,
                                struct text *text)
{
    const char *path = parser_join(parser, parser->directory, name);
    enum read_result result;

    if (path == NULL)
        return NULL;
    note_text(parser, path);
    result = read_file(path, TEXT_FILE_MAX, true, text);
    if (result == READ_FAILED)
        parser_error(parser, place, NULL, "cannot read \"%s\": %s", name, strerror(errno));
    else if (result == READ_SPECIAL)
        parser_error(parser, place, NULL, "cannot read \"%s\": it is no regular file", name);
    else if (result == READ_LARGE)
        parser_error(parser, place, NULL, "cannot read \"%s\": it is larger than 64k", name);
    else if (text->failed)
        diag_fail(parser->diag);
    else if (text->size > 0 && memchr(text->data, '\0', text->size) != NULL)
        parser_error(parser, place, NULL, "cannot use \"%s\": it holds a zero byte", name);
    else {
        if (text->size > 0 && text->data[text->size - 1] == '\n')
            text->size--;
        if (text->size > 0 && text->data[text->size - 1] == '\r')
            text->size--;
        return parser_copy(parser, (struct slice){text->data, text->size});
    }
    return NULL;
}

const char *parser_text(struct parser *parser, struct slice value, struct place place, bool quoted)
{
    struct text text = {0};
    const char *name, *result;

    if (quoted || value.size == 0 || value.data[0] != '@')
        return parser_copy(parser, value);
    if (value.size == 1) {
        parser_error(parser, place, "write @FILE, or \"@\" in quotes for the character itself",
                     "a file's name must follow the \"@\"");
        return NULL;
    }
    name = parser_copy(parser, (struct slice){value.data + 1, value.size - 1});
    result = name != NULL ? text_of_file(parser, name, place, &text) : NULL;
    text_free(&text);
    return result;
}

const struct given *line_given(const struct line *line, const char *name)
{
    const struct setting *setting = directive_setting(line->directive, slice_of(name));
    const struct given *given = &line->given[setting - line->directive->settings];

    return given->place.size > 0 ? given : NULL;
}

void line_store(const struct line *line, void *base)
{
    const struct setting *settings = line->directive->settings;

    for (size_t i = 0; settings != NULL && settings[i].name != NULL; i++) {
        const struct given *given = &line->given[i];

        if (given->place.size > 0 && setting_is_number(&settings[i]))
            setting_store(&settings[i], base, given->number);
        else if (given->place.size > 0)
            setting_store_text(&settings[i], base, given->text);
    }
}

/* "did you mean "x"?", or else what there is to choose from. */
static void hint_choices(char *out, struct slice word, const char *const *names, const char *what)
{
    const char *meant = text_suggest(word, names);
    size_t size;

    if (meant != NULL) {
        snprintf(out, HINT_MAX, "did you mean \"%s\"?", meant);
        return;
    }
    size = (size_t)snprintf(out, HINT_MAX, "%s are ", what);
    for (; *names != NULL && size < HINT_MAX; names++)
        size += (size_t)snprintf(out + size, HINT_MAX - size, "%s%s", *names,
                                 names[1] != NULL ? ", " : "");
}

static void hint_settings(char *out, struct slice word, const struct directive *directive)
{
    const char *names[DIRECTIVE_SETTINGS_MAX + 1];
    char what[40];

    directive_setting_names(directive, names);
    snprintf(what, sizeof what, "%ss", directive->noun);
    hint_choices(out, word, names, what);
}

static void report_unknown(struct parser *parser, const struct word *name)
{
    const char *names[DIRECTIVES_MAX + 1];
    const struct directive *meant = NULL;
    char hint[HINT_MAX];

    if (name->key.data != NULL)
        meant = directive_find(name->key);
    directive_names(parser->mount != NULL ? IN_MOUNT : IN_FILE, names);
    if (meant != NULL)
        snprintf(hint, sizeof hint, "write: %s", meant->usage);
    else
        hint_choices(hint, name->text, names,
                     parser->mount != NULL ? "directives in a mount's block" : "directives");
    parser_error(parser, name->place, hint, "unknown directive \"%.*s\"", (int)name->text.size,
                 name->text.data);
}

/* May the directive stand here, and does it for the first time? */
static bool check_place(struct parser *parser, const struct line *line)
{
    const struct directive *directive = line->directive;
    unsigned here = parser->mount != NULL ? IN_MOUNT : IN_FILE;
    struct place *seen = parser->mount != NULL ? parser->seen : parser->config->places;
    struct place *first = &seen[directive - directives];
    char hint[80];

    if ((directive->where & here) == 0 && here == IN_MOUNT) {
        snprintf(hint, sizeof hint, "the block of line %u is still open: is its \"}\" missing?",
                 parser_line(parser, parser->mount->place));
        parser_error(parser, line->name->place, hint, "\"%s\" can't stand in a mount's block",
                     directive->name);
        return false;
    }
    if ((directive->where & here) == 0) {
        parser_error(parser, line->name->place, "it belongs in the block of a ws line",
                     "\"%s\" can't stand outside a mount's block", directive->name);
        return false;
    }
    if (first->size > 0 && (directive->once & here) != 0) {
        snprintf(hint, sizeof hint, "the first is on line %u", parser_line(parser, *first));
        parser_error(parser, line->name->place, hint, "\"%s\" is given twice", directive->name);
    } else {
        *first = line->name->place;
    }
    return true;
}

static bool is_field_text(const char *text)
{
    for (; *text != '\0'; text++)
        if ((*text < ' ' && *text != '\t') || *text > '~')
            return false;
    return true;
}

static void read_text_setting(struct parser *parser, const struct setting *setting,
                              const struct word *word, struct given *given)
{
    if (setting->kind == SETTING_NAME) {
        given->text = parser_copy(parser, word->value);
        return;
    }
    given->text = parser_text(parser, word->value, word->value_place, word->value_quoted);
    if (given->text == NULL || is_field_text(given->text))
        return;
    parser_error(parser, word->value_place, NULL,
                 "\"%s\" goes into an HTTP field: it must be one line of printable ASCII",
                 setting->name);
    given->text = NULL;
}

static void read_value(struct parser *parser, const struct setting *setting,
                       const struct word *word, struct given *given)
{
    struct setting_fault fault;
    char range[80];

    given->place = word->place;
    given->value_place = word->value_place;
    setting_range(setting, range, sizeof range);
    if (word->value.size == 0)
        parser_error(parser, word->place, NULL, "\"%s\" must be %s, but has no value",
                     setting->name, range);
    else if (!setting_is_number(setting))
        read_text_setting(parser, setting, word, given);
    else if (!setting_parse(setting, word->value, &given->number, &fault)) {
        given->number = 0; /* no reason to complain of it once more */
        parser_error(parser, word->value_place, fault.hint[0] != '\0' ? fault.hint : NULL, "%s",
                     fault.message);
    }
}

static void read_setting(struct parser *parser, struct line *line, const struct word *word)
{
    const struct directive *directive = line->directive;
    const struct setting *setting = directive_setting(directive, word->key);
    char hint[HINT_MAX];

    if (directive->settings == NULL) {
        snprintf(hint, sizeof hint, "write: %s\nwhat is no setting stands in quotes",
                 directive->usage);
        parser_error(parser, word->place, hint, "\"%s\" takes no settings, but here is \"%.*s\"",
                     directive->name, (int)word->text.size, word->text.data);
    } else if (setting == NULL) {
        hint_settings(hint, word->key, directive);
        parser_error(parser, word->key_place, hint, "unknown %s \"%.*s\"", directive->noun,
                     (int)word->key.size, word->key.data);
    } else if (line->given[setting - directive->settings].place.size > 0) {
        parser_error(parser, word->key_place, NULL, "\"%s\" is given twice on this line",
                     setting->name);
    } else {
        read_value(parser, setting, word, &line->given[setting - directive->settings]);
    }
}

/* Reads the settings, and moves the other words together. Gives how many settings there are. */
static unsigned sort_words(struct parser *parser, struct line *line)
{
    struct lexer *lexer = &parser->lexer;
    struct word *words = lexer->words + 1;
    unsigned settings = 0;

    for (unsigned i = 0; i + 1 < lexer->count; i++) {
        if (words[i].key.data == NULL || line->directive->text) {
            words[line->count++] = words[i];
        } else {
            read_setting(parser, line, &words[i]);
            settings++;
        }
    }
    line->words = words;
    return settings;
}

/* Neither a word nor a setting, where either would do. */
static bool says_nothing(const struct line *line, unsigned settings)
{
    return line->directive->wants_setting && settings == 0 && line->count == 0;
}

static bool check_count(struct parser *parser, const struct line *line, unsigned settings)
{
    const struct directive *directive = line->directive;
    char hint[HINT_MAX];

    snprintf(hint, sizeof hint, "write: %s", directive->usage);
    if (line->count < directive->least && settings > 0 && directive->settings == NULL)
        return false; /* one of the settings was meant as a word, and is reported */
    if (line->count < directive->least ||
        (directive->words != NULL && says_nothing(line, settings))) {
        parser_error(parser, line->name->place, hint, "\"%s\" wants %s", directive->name,
                     directive->words);
        return false;
    }
    if (line->count > directive->most)
        parser_error(parser, line->words[directive->most].place, hint, "too many words for \"%s\"",
                     directive->name);
    else if (says_nothing(line, settings)) {
        hint_settings(hint, (struct slice){NULL, 0}, directive);
        parser_error(parser, line->name->place, hint, "\"%s\" wants at least one setting",
                     directive->name);
    }
    return true;
}

static bool check_value(struct parser *parser, struct line *line)
{
    const struct setting *setting = line->directive->value;
    struct setting_fault fault;

    if (setting == NULL || line->count == 0 ||
        setting_parse(setting, line->words[0].text, &line->number, &fault))
        return true;
    parser_error(parser, line->words[0].place, fault.hint[0] != '\0' ? fault.hint : NULL, "%s",
                 fault.message);
    return false;
}

static void skip_block(struct parser *parser)
{
    if (parser->lexer.block)
        parser->skip = parser->lexer.depth;
}

static void read_line(struct parser *parser)
{
    struct lexer *lexer = &parser->lexer;
    struct line line = {.name = lexer->words, .block = lexer->block};
    unsigned settings;

    if (lexer->count == 0) {
        skip_block(parser);
        return;
    }
    if (lexer->complained && !lexer->block)
        return; /* its words are not what they were meant to be */
    line.directive = directive_find(line.name->text);
    if (line.directive == NULL)
        report_unknown(parser, line.name);
    if (line.directive == NULL || !check_place(parser, &line)) {
        skip_block(parser);
        return;
    }
    settings = sort_words(parser, &line);
    if (!line.directive->block) {
        if (line.block)
            parser_error(parser, lexer->block_place, NULL, "\"%s\" takes no block",
                         line.directive->name);
        skip_block(parser);
    }
    if ((!line.directive->pattern || mount_check_pattern(parser, &line)) &&
        check_count(parser, &line, settings) && check_value(parser, &line))
        line.directive->apply(parser, &line);
    if (line.directive->block && parser->mount == NULL)
        skip_block(parser); /* there is no mount that it could be of */
}

static void close_block(struct parser *parser)
{
    if (parser->skip > 0) {
        if (parser->lexer.depth < parser->skip)
            parser->skip = 0;
        return;
    }
    mount_end(parser);
    memset(parser->seen, 0, sizeof parser->seen);
}

static void read_lines(struct parser *parser)
{
    for (;;) {
        switch (lex_next(&parser->lexer)) {
        case LEX_LINE:
            if (parser->skip == 0)
                read_line(parser);
            break;
        case LEX_CLOSE:
            close_block(parser);
            break;
        case LEX_NO_MEMORY:
            diag_fail(parser->diag);
            return;
        case LEX_END:
            return;
        }
    }
}

static void set_standards(struct parser *parser)
{
    struct config *config = parser->config;

    for (const struct directive *d = directives; d->name != NULL; d++)
        if (d->whole && d->settings != NULL)
            settings_standard(d->settings, config);
    settings_standard(directive_find(SLICE("limits"))->settings, &parser->limits);
    settings_standard(directive_find(SLICE("compress"))->settings, &parser->compress);
    settings_standard(directive_find(SLICE("reload"))->settings, &parser->reload);
}

bool parser_run(struct config *config, const char *directory, struct diag *diag)
{
    struct parser parser = {
        .config = config, .diag = diag, .directory = directory, .consumers = directory};
    unsigned errors = diag->errors;

    set_standards(&parser);
    lex_init(&parser.lexer, &config->source, config->memory, diag);
    read_lines(&parser);
    lex_free(&parser.lexer);
    if (!diag->failed && config->listen_count == 0)
        listen_standard(&parser);
    if (!diag->failed)
        mounts_finish(&parser);
    return diag->errors == errors && !diag->failed;
}

void parser_apply_config(struct parser *parser, const struct line *line)
{
    line_store(line, parser->config);
    if (line->directive->value != NULL)
        setting_store(line->directive->value, parser->config, line->number);
}

/* Those that are closed last need time to answer, so a stop paces over half of its time at most. */
void parser_apply_server(struct parser *parser, const struct line *line)
{
    const struct server_config *server = &parser->config->server;
    const struct given *pace = line_given(line, "pace");
    char hint[100];

    parser_apply_config(parser, line);
    if (pace == NULL || server->stop == 0 || server->pace <= server->stop / 2)
        return;
    snprintf(hint, sizeof hint, "\"stop\" is %ums: give it longer, or make the pace shorter",
             (unsigned)server->stop);
    parser_warn(parser, pace->value_place, hint,
                "\"pace\" is more than half of \"stop\": that half is what it will be");
}

void parser_apply_loops(struct parser *parser, const struct line *line)
{
    parser_apply_config(parser, line);
    parser->config->loops_place = line->words[0].place;
}

/* The path that a word means; NULL without memory, or where it is empty. */
static const char *directory_of(struct parser *parser, const struct word *word)
{
    const char *name = parser_copy(parser, word->text);

    if (name != NULL && *name == '\0') {
        parser_error(parser, word->place, NULL, "a directory's name can't be empty");
        return NULL;
    }
    return name != NULL ? parser_join(parser, parser->directory, name) : NULL;
}

void parser_apply_consumers(struct parser *parser, const struct line *line)
{
    const char *directory = directory_of(parser, &line->words[0]);

    if (directory != NULL)
        parser->consumers = directory;
}

void parser_apply_cache(struct parser *parser, const struct line *line)
{
    parser->config->cache = directory_of(parser, &line->words[0]);
    parser->config->cache_place = line->words[0].place;
}

/* With a directory that is wrong in it, the config is never served. */
void parser_apply_watch(struct parser *parser, const struct line *line)
{
    struct config *config = parser->config;
    const struct given *build = line_given(line, "build");
    const char *command = build != NULL ? build->text : NULL;
    const char **dirs = parser_get(parser, (line->count + 1) * sizeof *dirs);
    struct watch_config *watches =
        parser_grow(parser, config->watches, config->watch_count, sizeof *watches);
    unsigned count = 0;

    if (dirs == NULL || watches == NULL)
        return;
    for (unsigned i = 0; i < line->count; i++) {
        dirs[count] = directory_of(parser, &line->words[i]);
        count += dirs[count] != NULL;
    }
    config->watches = watches;
    watches[config->watch_count++] =
        (struct watch_config){.dirs = dirs, .build = command != NULL ? command : WATCH_BUILD};
}
