/*
 * conf/config: routing.conf as a struct: what `sluice run` serves.
 */
#include "conf/config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "conf/parser.h"
#include "conf/read.h"

#define FILE_MAX (1u << 20) /* bytes of a routing.conf */

/* A config that holds the text and nothing else yet; NULL without memory. */
static struct config *config_new(const char *name, struct slice text)
{
    struct config_memory *memory = config_memory_new();
    struct config *config = memory != NULL ? config_memory_get(memory, sizeof *config) : NULL;

    if (config != NULL) {
        config->memory = memory;
        config->references = 1;
        config->places = config_memory_get(memory, DIRECTIVES_MAX * sizeof *config->places);
        config->source.name = config_memory_copy(memory, slice_of(name));
        config->source.data = config_memory_copy(memory, text);
        config->source.size = text.size;
        if (config->places != NULL && config->source.name != NULL && config->source.data != NULL)
            return config;
    }
    config_memory_free(memory);
    return NULL;
}

/* The first byte that begins no character, or is zero; the size where there is none. */
static size_t wrong_byte(struct slice text)
{
    size_t at = 0, size;
    uint32_t code;

    for (; at < text.size && text.data[at] != '\0'; at += size) {
        size = utf8_character(text.data + at, text.size - at, &code);
        if (size == 0)
            break;
    }
    return at;
}

/* A wrong byte makes nonsense of what follows, in UTF-16 of everything: it stands alone. */
static bool check_text(const struct source *source, struct diag *diag)
{
    size_t at = wrong_byte((struct slice){source->data, source->size});

    if (at == source->size)
        return true;
    if (source->data[at] == '\0')
        diag_add(diag, DIAG_ERROR, source, (struct place){at, 1}, "save the file as UTF-8",
                 "the file holds a zero byte");
    else
        diag_add(diag, DIAG_ERROR, source, (struct place){at, 1}, "save the file as UTF-8",
                 "this byte is no UTF-8");
    return false;
}

/* What an editor may have put at the beginning to say that it is UTF-8. */
static struct slice without_mark(struct slice text)
{
    if (text.size >= 3 && memcmp(text.data, "\xef\xbb\xbf", 3) == 0)
        return (struct slice){text.data + 3, text.size - 3};
    return text;
}

static void report_file(const char *name, const char *why, struct diag *diag)
{
    struct source source = {.name = name};

    diag_add(diag, DIAG_ERROR, &source, (struct place){0, 0}, NULL, "cannot read the file: %s",
             why);
}

struct config *config_read_text(const char *name, const char *directory, struct slice text,
                                struct diag *diag)
{
    struct config *config;

    if (text.size > FILE_MAX) {
        report_file(name, "it is larger than 1m", diag);
        return NULL;
    }
    config = config_new(name, without_mark(text));
    if (config == NULL) {
        diag_fail(diag);
        return NULL;
    }
    if (check_text(&config->source, diag) && (parser_run(config, directory, diag) || !diag->failed))
        return config;
    config_unref(config);
    return NULL;
}

/* Nothing that has mistakes in it. */
static struct config *only_good(struct config *config, const struct diag *diag)
{
    if (config == NULL || diag->errors == 0)
        return config;
    config_unref(config);
    return NULL;
}

struct config *config_parse(const char *name, const char *directory, struct slice text,
                            struct diag *diag)
{
    return only_good(config_read_text(name, directory, text, diag), diag);
}

/* The directory of a path, as text of its own. */
static void directory_of(const char *path, struct text *out)
{
    const char *slash = strrchr(path, '/');

    if (slash == NULL)
        text_add_str(out, ".");
    else
        text_add(out, path, slash == path ? 1 : (size_t)(slash - path));
}

struct config *config_read_from(const char *from, const char *path, struct diag *diag)
{
    struct text text = {0}, directory = {0};
    struct config *config = NULL;
    enum read_result result = read_file(from, FILE_MAX, false, &text);

    directory_of(path, &directory);
    if (result == READ_FAILED)
        report_file(path, strerror(errno), diag);
    else if (text.failed || directory.failed)
        diag_fail(diag);
    else /* one that is too large is refused there */
        config = config_read_text(path, directory.data, (struct slice){text.data, text.size}, diag);
    text_free(&text);
    text_free(&directory);
    return config;
}

struct config *config_read(const char *path, struct diag *diag)
{
    return config_read_from(path, path, diag);
}

struct config *config_load(const char *path, struct diag *diag)
{
    return only_good(config_read(path, diag), diag);
}

struct config *config_ref(struct config *config)
{
    __atomic_add_fetch(&config->references, 1, __ATOMIC_RELAXED);
    return config;
}

void config_unref(struct config *config)
{
    if (config != NULL && __atomic_sub_fetch(&config->references, 1, __ATOMIC_ACQ_REL) == 0)
        config_memory_free(config->memory);
}

const struct mount_config *config_route(const struct config *config, bool upgrade,
                                        struct slice path, struct slice *rest,
                                        struct pattern_capture captures[PATTERN_CAPTURES_MAX])
{
    *rest = (struct slice){"", 0};
    for (unsigned i = 0; i < config->mount_count; i++) {
        const struct mount_config *mount = &config->mounts[i];

        if ((mount->kind == MOUNT_WS) == upgrade &&
            pattern_match(mount->pattern, path, mount->kind == MOUNT_DIR ? rest : NULL, captures))
            return mount;
    }
    return NULL;
}

static bool is_text_equal(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

/* At the directive's line in the next file; without a place where it has none. */
static void warn_changed(const struct config *next, const struct directive *directive,
                         const char *setting, struct diag *diag)
{
    struct place place = next->places[directive - directives];
    struct source source = next->source;

    if (place.size == 0)
        source.data = NULL;
    diag_add(diag, DIAG_WARNING, &source, place, NULL,
             "\"%s%s%s\" changed; it takes effect at the next restart", directive->name,
             setting != NULL ? " " : "", setting != NULL ? setting : "");
}

void config_compare(const struct config *now, const struct config *next, struct diag *diag)
{
    for (const struct directive *d = directives; d->name != NULL; d++) {
        if (d->value != NULL && !d->live && !setting_equal(d->value, now, next))
            warn_changed(next, d, NULL, diag);
        if (!d->whole || d->settings == NULL)
            continue;
        for (const struct setting *s = d->settings; s->name != NULL; s++)
            if (!s->live && !setting_equal(s, now, next))
                warn_changed(next, d, s->name, diag);
    }
    if (!is_text_equal(now->cache, next->cache))
        warn_changed(next, directive_find(SLICE("cache")), NULL, diag);
    if (now->control_off != next->control_off || !is_text_equal(now->control, next->control))
        warn_changed(next, directive_find(SLICE("control")), NULL, diag);
}
