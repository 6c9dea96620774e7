/*
 * tests/fuzz_config: any bytes are a config or errors; what a config holds lies within its text,
 * and its mounts can be asked for any path.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "conf/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool fact)
{
    if (!fact)
        abort();
}

static void must_lie_within(const struct source *source, struct place place)
{
    must(place.offset <= source->size && place.size <= source->size - place.offset);
}

static void must_be_part(struct slice part, struct slice whole)
{
    must(part.data >= whole.data && part.data + part.size <= whole.data + whole.size);
}

static void ask(const struct config *config, struct slice path)
{
    struct pattern_capture captures[PATTERN_CAPTURES_MAX];
    struct slice rest;

    for (int upgrade = 0; upgrade < 2; upgrade++) {
        const struct mount_config *mount =
            config_route(config, upgrade != 0, path, &rest, captures);

        if (mount == NULL)
            continue;
        must((mount->kind == MOUNT_WS) == (upgrade != 0));
        if (mount->kind == MOUNT_DIR)
            must(rest.size == 0 || rest.data[0] != '/');
        for (unsigned i = 0; i < pattern_capture_count(mount->pattern); i++) {
            must(captures[i].text.size > 0 && captures[i].integer >= 0);
            must_be_part(captures[i].text, path);
        }
    }
}

static void must_be_rate(const struct rate *rate)
{
    must((rate->count == 0) == (rate->ms == 0));
    must(rate->count <= UINT64_C(1) << 30 && rate->ms <= 3600000);
}

static void look_at(const struct config *config, const struct mount_config *mount)
{
    static const struct slice none = {NULL, 0};

    must_lie_within(&config->source, mount->place);
    must_lie_within(&config->source, mount->file_place);
    must(mount->file != NULL && mount->route != NULL);
    must(mount->limits.message > 0 && mount->limits.answer > 0 && mount->limits.closing > 0);
    must_be_rate(&mount->limits.rate);
    must_be_rate(&mount->limits.bytes);
    must(mount->compress.level >= 1 && mount->compress.level <= 9);
    must(mount->compress.window >= 9 && mount->compress.window <= 15);
    for (unsigned i = 0; i < mount->option_count; i++)
        must(mount->options[i].name != NULL && mount->options[i].value != NULL);
    origins_allow(mount->origins, none, SLICE("a"), false);
    origins_allow(mount->origins, slice_of(mount->route), slice_of(mount->file), true);
    ask(config, slice_of(mount->route));
}

static void look_at_all(const struct config *config, struct slice text)
{
    struct diag diag = {0};

    must(config->listen_count > 0 && config->pool_threads > 0 && config->server.headers > 0);
    for (unsigned i = 0; i < config->mount_count; i++)
        look_at(config, &config->mounts[i]);
    ask(config, text);
    config_compare(config, config, &diag);
    must(diag.warnings == 0);
    diag_free(&diag);
}

/* Once more, with an allocation that fails: the input's size says which. */
static void parse_without_memory(struct slice text)
{
    struct diag diag = {0};

    mem_fail_at(1 + text.size % 40);
    struct config *config = config_parse("fuzz.conf", "/nowhere", text, &diag);
    mem_fail_at(0);
    must((config == NULL) == (diag.errors > 0));
    config_unref(config);
    diag_free(&diag);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = {(const char *)data, size};
    struct diag diag = {0};
    struct text said = {0};
    long before = mem_live();
    struct config *config = config_parse("fuzz.conf", "/nowhere", text, &diag);

    must((config == NULL) == (diag.errors > 0));
    if (config != NULL)
        look_at_all(config, text);
    diag_print(&diag, &said);
    must((said.size > 0) == (diag.errors + diag.warnings > 0));
    for (size_t i = 0; i < said.size; i++)
        must((unsigned char)said.data[i] >= ' ' || said.data[i] == '\n' || said.data[i] == '\t');
    text_free(&said);
    diag_free(&diag);
    config_unref(config);
    parse_without_memory(text);
    must(mem_live() == before);
    return 0;
}
