/*
 * conf/mount: ws and http lines, and what holds for their connections.
 *
 * `limits`, `compress`, `reload`, `origins` and `set` in the file are the defaults of the mounts
 * below them. A mount takes what holds where it stands, and its block changes that for itself
 * alone.
 */
#include <stdio.h>
#include <string.h>

#include "conf/parser.h"

#define HINT_MAX 200

#ifdef HAVE_DEFLATE
#define CAN_COMPRESS true
#else
#define CAN_COMPRESS false
#endif

static bool in_mount(const struct parser *parser)
{
    return parser->mount != NULL;
}

/* A line that changes something for the mounts below: there had better be one. */
static void note_default(struct parser *parser, const struct line *line)
{
    if (!in_mount(parser))
        parser->unused = line->name->place;
}

void mount_apply_limits(struct parser *parser, const struct line *line)
{
    line_store(line, in_mount(parser) ? &parser->mount->limits : &parser->limits);
    note_default(parser, line);
}

static void report_no_compression(struct parser *parser, const struct line *line)
{
    const struct word *word = line->count > 0 ? &line->words[0] : line->name;

    parser_error(parser, word->place,
                 "it was configured with --without-deflate: build it without that\n"
                 "zlib is then needed: zlib1g-dev on Debian",
                 "this sluice was built without compression");
}

/* `compress level=6` means on. */
void mount_apply_compress(struct parser *parser, const struct line *line)
{
    struct compress_config *compress =
        in_mount(parser) ? &parser->mount->compress : &parser->compress;

    compress->on = line->count == 0 || line->number != 0;
    line_store(line, compress);
    note_default(parser, line);
    if (compress->on && !CAN_COMPRESS)
        report_no_compression(parser, line);
}

static void refuse_in_mount(struct parser *parser, const struct line *line, const char *name)
{
    const struct given *given = line_given(line, name);

    if (given != NULL && in_mount(parser))
        parser_error(parser, given->place, "write it on a \"reload\" line outside of any block",
                     "\"%s\" holds for all mounts, so it can't stand in a mount's block", name);
}

/* What is of the whole file needs no mount below it. */
void mount_apply_reload(struct parser *parser, const struct line *line)
{
    static const char *const whole[] = {"probe", "pause", "probation"};
    bool any = false;

    line_store(line, in_mount(parser) ? &parser->mount->reload : &parser->reload);
    for (unsigned i = 0; i < sizeof whole / sizeof *whole; i++) {
        refuse_in_mount(parser, line, whole[i]);
        any = any || line_given(line, whole[i]) != NULL;
    }
    if (!any)
        note_default(parser, line);
}

static void release_origins(void *origins)
{
    origins_free(origins);
}

static void add_origin(struct parser *parser, struct origins *origins, const struct word *word)
{
    const char *why = NULL;

    if (origins_add(origins, word->text, &why))
        return;
    if (why == NULL)
        diag_fail(parser->diag);
    else
        parser_error(parser, word->place, why, "\"%.*s\" is no origin", (int)word->text.size,
                     word->text.data);
}

/* Channels lets "*" take what has no Origin too, and so do we. */
static void check_missing(struct parser *parser, const struct line *line)
{
    const struct given *missing = line_given(line, "missing");

    for (unsigned i = 0; i < line->count; i++)
        if (slice_equal(line->words[i].text, SLICE("*")))
            parser_warn(parser, missing->place, NULL,
                        "\"*\" takes every request, also one without an Origin");
}

void mount_apply_origins(struct parser *parser, const struct line *line)
{
    struct origins *origins = origins_new();
    const struct given *missing = line_given(line, "missing");

    if (origins == NULL || !config_memory_own(parser->config->memory, origins, release_origins)) {
        diag_fail(parser->diag);
        return;
    }
    for (unsigned i = 0; i < line->count; i++)
        add_origin(parser, origins, &line->words[i]);
    if (missing != NULL && missing->number != 0) {
        origins_deny_missing(origins);
        check_missing(parser, line);
    }
    if (in_mount(parser))
        parser->mount->origins = origins;
    else
        parser->origins = origins;
    note_default(parser, line);
}

static bool is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* What is not ASCII passes for letters. */
static bool is_option_name(struct slice name)
{
    for (size_t i = 0; i < name.size; i++)
        if (!is_alnum(name.data[i]) && (name.data[i] & 0x80) == 0 &&
            memchr("_-.", name.data[i], 3) == NULL)
            return false;
    return name.size > 0;
}

/* The option of that name, or room for it; NULL, and it is reported, where it can't be set. */
static struct option_config *find_option(struct parser *parser, const struct word *name)
{
    struct options *options = in_mount(parser) ? &parser->own : &parser->options;
    char hint[HINT_MAX];
    unsigned i = 0;

    while (i < options->count && !slice_equal(name->text, slice_of(options->items[i].name)))
        i++;
    if (i == OPTIONS_MAX) {
        parser_error(parser, name->place, NULL, "a mount has at most %d options", OPTIONS_MAX);
        return NULL;
    }
    if (i < options->count && in_mount(parser) && options->places[i].size > 0) {
        snprintf(hint, sizeof hint, "the first is on line %u",
                 parser_line(parser, options->places[i]));
        parser_error(parser, name->place, hint, "\"%.*s\" is set twice", (int)name->text.size,
                     name->text.data);
        return NULL;
    }
    options->places[i] = name->place;
    if (i == options->count) {
        options->items[i].name = parser_copy(parser, name->text);
        options->count += options->items[i].name != NULL;
    }
    return &options->items[i];
}

static void report_option_name(struct parser *parser, const struct word *name)
{
    char hint[HINT_MAX] = "a name is letters, digits, \"_\", \"-\" and \".\"";

    if (name->key.data != NULL && name->value.size > 0)
        snprintf(hint, sizeof hint, "did you mean \"set %.*s %.*s\"?", (int)name->key.size,
                 name->key.data, (int)name->value.size, name->value.data);
    parser_error(parser, name->place, hint, "\"%.*s\" is no option's name", (int)name->text.size,
                 name->text.data);
}

void mount_apply_set(struct parser *parser, const struct line *line)
{
    const struct word *name = &line->words[0], *value = &line->words[1];
    struct option_config *option;

    note_default(parser, line);
    if (!is_option_name(name->text)) {
        report_option_name(parser, name);
        return;
    }
    option = find_option(parser, name);
    if (option != NULL)
        option->value = parser_text(parser, value->text, value->place, value->quoted);
}

/* An HTTP token, as RFC 6455 wants it. */
static bool is_token(struct slice text)
{
    for (size_t i = 0; i < text.size; i++)
        if (!is_alnum(text.data[i]) && memchr("!#$%&'*+-.^_`|~", text.data[i], 15) == NULL)
            return false;
    return text.size > 0;
}

static void check_subprotocol(struct parser *parser, const struct line *line, unsigned index)
{
    const struct word *word = &line->words[index];
    unsigned first = 0;

    while (!slice_equal(line->words[first].text, word->text))
        first++;
    if (!is_token(word->text))
        parser_error(parser, word->place, "a name is letters, digits and any of !#$%&'*+-.^_`|~",
                     "\"%.*s\" is no subprotocol's name", (int)word->text.size, word->text.data);
    else if (first < index)
        parser_error(parser, word->place, NULL, "\"%.*s\" is listed twice", (int)word->text.size,
                     word->text.data);
}

void mount_apply_subprotocols(struct parser *parser, const struct line *line)
{
    const char **names = parser_get(parser, (line->count + 1) * sizeof *names);

    for (unsigned i = 0; names != NULL && i < line->count; i++) {
        names[i] = parser_copy(parser, line->words[i].text);
        check_subprotocol(parser, line, i);
    }
    parser->mount->subprotocols = names;
}

bool mount_check_pattern(struct parser *parser, const struct line *line)
{
    struct slice first = line->count > 0 ? line->words[0].text : SLICE("");
    const char *open = first.size > 0 ? memrchr(first.data, '<', first.size) : NULL;

    if (open == NULL || memchr(open, '>', (size_t)(first.data + first.size - open)) != NULL)
        return true;
    for (unsigned i = 1; i < line->count; i++) {
        const struct place *part = &line->words[i].place;
        struct place place = word_part(&line->words[0], (size_t)(open - first.data), 1);

        if (memchr(line->words[i].text.data, '>', line->words[i].text.size) == NULL)
            continue;
        place.size = part->offset + part->size - place.offset;
        parser_error(parser, place, NULL, "a blank can't stand within <...>");
        return false;
    }
    return true;
}

static void release_pattern(void *pattern)
{
    pattern_free(pattern);
}

/* NULL where the pattern is wrong: the mount is then read to its end for other errors. */
static struct pattern *read_pattern(struct parser *parser, const struct word *word)
{
    struct pattern_fault fault;
    struct pattern *pattern = pattern_compile(word->text, &fault);
    const char *hint = fault.hint[0] != '\0' ? fault.hint : NULL;

    if (fault.message[0] != '\0')
        diag_add(parser->diag, pattern == NULL ? DIAG_ERROR : DIAG_WARNING, &parser->config->source,
                 word_part(word, fault.offset, fault.size), hint, "%s", fault.message);
    else if (pattern == NULL)
        diag_fail(parser->diag);
    if (pattern == NULL || config_memory_own(parser->config->memory, pattern, release_pattern))
        return pattern;
    diag_fail(parser->diag);
    return NULL;
}

/* A mount with the defaults that hold here; NULL without memory, or where there are too many. */
static struct mount_config *add_mount(struct parser *parser, enum mount_kind kind,
                                      const struct word *pattern)
{
    struct config *config = parser->config;
    struct mount_config *mounts, *mount;

    if (config->mount_count == MOUNTS_MAX) {
        parser_error(parser, pattern->place, NULL, "there are more than %d mounts", MOUNTS_MAX);
        return NULL;
    }
    mounts = parser_grow(parser, config->mounts, config->mount_count, sizeof *mounts);
    if (mounts == NULL)
        return NULL;
    config->mounts = mounts;
    mount = &mounts[config->mount_count++];
    *mount = (struct mount_config){.kind = kind,
                                   .place = pattern->place,
                                   .route = parser_copy(parser, pattern->text),
                                   .pattern = read_pattern(parser, pattern),
                                   .limits = parser->limits,
                                   .compress = parser->compress,
                                   .reload = parser->reload,
                                   .origins = parser->origins};
    parser->unused.size = 0;
    return mount;
}

static bool has_suffix(struct slice text, struct slice suffix)
{
    return text.size > suffix.size &&
           memcmp(text.data + text.size - suffix.size, suffix.data, suffix.size) == 0;
}

void mount_apply_ws(struct parser *parser, const struct line *line)
{
    const struct word *file = &line->words[1];
    struct mount_config *mount = add_mount(parser, MOUNT_WS, &line->words[0]);

    if (!has_suffix(file->text, SLICE(".so")))
        parser_error(parser, file->place, "a consumer is a shared object: NAME.so",
                     "\"%.*s\" does not end in \".so\"", (int)file->text.size, file->text.data);
    if (mount == NULL)
        return;
    mount->file_place = file->place;
    if (has_suffix(file->text, SLICE(".so")))
        mount->file_name = parser_copy(parser, file->text);
    parser->own = parser->options;
    memset(parser->own.places, 0, sizeof parser->own.places);
    parser->mount = mount;
    if (!line->block)
        mount_end(parser);
}

void mount_end(struct parser *parser)
{
    struct mount_config *mount = parser->mount;
    size_t size = parser->own.count * sizeof *mount->options;

    if (mount == NULL)
        return;
    if (size > 0)
        mount->options = parser_get(parser, size);
    if (mount->options != NULL) {
        memcpy(mount->options, parser->own.items, size);
        mount->option_count = parser->own.count;
    }
    parser->mount = NULL;
}

void mount_apply_http(struct parser *parser, const struct line *line)
{
    const struct given *dir = line_given(line, "dir"), *file = line_given(line, "file");
    const struct given *what = dir != NULL ? dir : file;
    struct mount_config *mount =
        add_mount(parser, dir != NULL ? MOUNT_DIR : MOUNT_FILE, &line->words[0]);

    if (what == NULL)
        parser_error(parser, line->name->place, "write: http PATTERN dir=DIR, or file=FILE",
                     "\"http\" wants a directory or a file");
    else if (dir != NULL && file != NULL)
        parser_error(parser, file->place, "mount them on a line each",
                     "\"http\" takes a directory or a file, not both");
    if (mount == NULL || what == NULL)
        return;
    line_store(line, mount);
    mount->file_place = what->value_place;
    mount->file_name = what->text;
}

/* A consumer's plain name is looked for among the consumers; all else is relative to the file. */
static void resolve(struct parser *parser, struct mount_config *mount)
{
    bool plain = mount->kind == MOUNT_WS && mount->file_name != NULL &&
                 strchr(mount->file_name, '/') == NULL;

    if (mount->file_name != NULL)
        mount->file =
            parser_join(parser, plain ? parser->consumers : parser->directory, mount->file_name);
}

static bool covers(const struct mount_config *earlier, const struct mount_config *later)
{
    if (earlier->pattern == NULL || (earlier->kind == MOUNT_WS) != (later->kind == MOUNT_WS))
        return false;
    if (earlier->kind == MOUNT_DIR)
        return pattern_covers_below(earlier->pattern, later->pattern, later->kind == MOUNT_DIR);
    return later->kind != MOUNT_DIR && pattern_covers(earlier->pattern, later->pattern);
}

static void check_reached(struct parser *parser, const struct mount_config *mount)
{
    for (const struct mount_config *earlier = parser->config->mounts; earlier < mount; earlier++) {
        if (!covers(earlier, mount))
            continue;
        parser_warn(parser, mount->place, NULL,
                    "this mount is never reached: line %u takes every path it matches",
                    parser_line(parser, earlier->place));
        return;
    }
}

void mounts_finish(struct parser *parser)
{
    struct config *config = parser->config;

    config->reload = parser->reload;
    for (unsigned i = 0; i < config->mount_count; i++) {
        resolve(parser, &config->mounts[i]);
        if (config->mounts[i].pattern != NULL)
            check_reached(parser, &config->mounts[i]);
    }
    if (parser->unused.size > 0 && parser->diag->errors == 0)
        parser_warn(parser, parser->unused, "it holds for the mounts below it: move it up",
                    "no mount stands below this line, so it changes nothing");
}
