/*
 * cli: the words after `sluice`, as a struct; and the commands that do not serve.
 */
#include "cli.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "loop/loop.h"
#include "plugin/consumer.h"
#include "reload/reload.h"
#include "remote.h"
#include "run.h"
#include "server/http.h"
#include "wire/uri.h"

/* ---- The command line ----------------------------------------------------------------------- */

static const struct cli_command commands[] = {
    {"run", "[-c FILE] [--watch] [--no-supervise] [--log-format plain|json]",
     "serves in the foreground, again after a crash (not with --no-supervise: that is one "
     "process); "
     "SIGHUP reloads, SIGTERM stops; --watch builds and reloads by itself",
     "clsw", run_serve},
    {"check", "[-c FILE]", "says everything that a start would refuse, without starting", "c",
     cli_check},
    {"routes", "[-c FILE] [--defaults] [PATH]",
     "prints the routing table; or which mount takes PATH, and its parameters", "cda", cli_routes},
    {"reload", "[-c FILE] [--json]",
     "has the running server load what has changed, and says what came of it", "cj", remote_reload},
    {"status", "[-c FILE] [--json]", "says how the running server is", "cj", remote_status},
    {"help", "[COMMAND]", "says what there is to say about the commands", "a", cli_help},
    {"--version", "", "prints the version", "", cli_version},
};

enum { COMMAND_COUNT = sizeof commands / sizeof *commands };

static const struct cli_command *command_find(const char *name)
{
    if (strcmp(name, "version") == 0)
        name = "--version";
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        name = "help";
    for (unsigned i = 0; i < COMMAND_COUNT; i++) {
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    }
    return NULL;
}

static bool wrong_command(const char *name)
{
    const char *names[COMMAND_COUNT + 1] = {NULL};

    for (unsigned i = 0; i < COMMAND_COUNT; i++)
        names[i] = commands[i].name;
    const char *near = text_suggest(slice_of(name), names);
    fprintf(stderr, "sluice: there is no command \"%s\"%s%s%s; see sluice help\n", name,
            near != NULL ? "; did you mean \"" : "", near != NULL ? near : "",
            near != NULL ? "\"?" : "");
    return false;
}

/* How the command is written, as one line. */
static void print_usage(FILE *to, const char *before, const struct cli_command *command)
{
    fprintf(to, "%ssluice %s%s%s\n", before, command->name, command->usage[0] ? " " : "",
            command->usage);
}

static void print_commands(FILE *to)
{
    fprintf(to, "sluice: a WebSocket server that runs consumers mounted by routing.conf\n\n");
    for (unsigned i = 0; i < COMMAND_COUNT; i++) {
        print_usage(to, "  ", &commands[i]);
        fprintf(to, "      %s\n", commands[i].help);
    }
    fprintf(to, "\nFILE is routing.conf here unless -c says otherwise.\n");
}

static bool wrong_word(const struct cli *cli, const char *word)
{
    if (cli->wants != NULL)
        fprintf(stderr, "sluice: \"%.*s\" must be followed by %s\n", (int)strcspn(word, "="), word,
                cli->wants);
    else
        fprintf(stderr, "sluice: \"%s\" makes no sense here\n", word);
    print_usage(stderr, "usage: ", cli->command);
    return false;
}

static bool takes(const struct cli *cli, char option)
{
    return strchr(cli->command->takes, option) != NULL;
}

/* The value behind an option, as its own word or after "=". NULL: it is missing. */
static const char *option_value(char **argv, int *at, const char *inline_value)
{
    if (inline_value != NULL)
        return inline_value;
    return argv[*at + 1] != NULL ? argv[++*at] : NULL;
}

static bool take_file(struct cli *cli, const char *value)
{
    cli->file = value;
    if (value == NULL)
        cli->wants = "a file's name";
    return value != NULL;
}

static bool take_log_format(struct cli *cli, const char *value)
{
    if (value != NULL && strcmp(value, "plain") == 0)
        cli->log_format = LOG_PLAIN;
    else if (value != NULL && strcmp(value, "json") == 0)
        cli->log_format = LOG_JSON;
    else
        cli->wants = "plain or json";
    return cli->wants == NULL;
}

/* One option; false where this command has none such, or its value is wrong. */
static bool take_option(struct cli *cli, char **argv, int *at)
{
    const char *word = argv[*at];
    const char *equals = strncmp(word, "--", 2) == 0 ? strchr(word, '=') : NULL;
    struct slice name = {word, equals != NULL ? (size_t)(equals - word) : strlen(word)};
    const char *value = equals != NULL ? equals + 1 : NULL;

    if (takes(cli, 'c') && strncmp(word, "-c", 2) == 0 && word[2] != '\0')
        return take_file(cli, word + 2);
    if (takes(cli, 'c') && (slice_equal(name, SLICE("-c")) || slice_equal(name, SLICE("--config"))))
        return take_file(cli, option_value(argv, at, value));
    if (takes(cli, 'l') && slice_equal(name, SLICE("--log-format")))
        return take_log_format(cli, option_value(argv, at, value));
    if (takes(cli, 's') && slice_equal(name, SLICE("--no-supervise")) && equals == NULL)
        return !(cli->supervise = false);
    if (takes(cli, 'w') && slice_equal(name, SLICE("--watch")) && equals == NULL)
        return (cli->watch = true);
    if (takes(cli, 'd') && slice_equal(name, SLICE("--defaults")) && equals == NULL)
        return (cli->defaults = true);
    if (takes(cli, 'j') && slice_equal(name, SLICE("--json")) && equals == NULL)
        return (cli->json = true);
    return false;
}

bool cli_parse(struct cli *cli, int argc, char **argv)
{
    *cli = (struct cli){.words = argv, .file = "routing.conf", .supervise = true};
    if (argc < 2) {
        print_commands(stderr);
        return false;
    }
    cli->command = command_find(argv[1]);
    if (cli->command == NULL)
        return wrong_command(argv[1]);
    for (int at = 2; at < argc; at++) {
        const char *word = argv[at];

        if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
            cli->argument = cli->command->name;
            cli->command = command_find("help");
            return true;
        }
        if (word[0] == '-' && take_option(cli, argv, &at))
            continue;
        if (word[0] != '-' && takes(cli, 'a') && cli->argument == NULL) {
            cli->argument = word;
            continue;
        }
        return wrong_word(cli, word);
    }
    return true;
}

int cli_help(const struct cli *cli)
{
    const struct cli_command *command = cli->argument != NULL ? command_find(cli->argument) : NULL;

    if (cli->argument != NULL && command == NULL) {
        wrong_command(cli->argument);
        return CLI_USAGE;
    }
    if (command != NULL) {
        print_usage(stdout, "usage: ", command);
        printf("\n%s\n", command->help);
        return CLI_DONE;
    }
    print_commands(stdout);
    return CLI_DONE;
}

int cli_version(const struct cli *cli)
{
    (void)cli;
    printf("sluice %s\n", PACKAGE_VERSION);
    return CLI_DONE;
}

/* ---- What people read ----------------------------------------------------------------------- */

static void print_message(void *context, enum diag_level level, const char *text)
{
    (void)context, (void)level;
    fputs(text, stderr);
}

static void log_message(void *context, enum diag_level level, const char *text)
{
    (void)context;
    log_write(level == DIAG_ERROR ? LOG_ERROR : LOG_WARN, "routing.message",
              LOG_STRN("text", text, strlen(text) - 1));
}

void cli_print_diag(const struct cli *cli, const struct diag *diag, const char *then)
{
    bool people = cli->log_format == LOG_PLAIN;
    struct text summary = {0};

    diag_each(diag, people ? print_message : log_message, NULL);
    reload_summary(diag, &summary);
    text_add_str(&summary, then);
    const char *all = summary.failed ? "no memory" : summary.data;
    if (people)
        fprintf(stderr, "sluice: %s\n", all);
    else
        log_write(diag->errors > 0 ? LOG_ERROR : LOG_WARN, "routing.read", LOG_STR("text", all));
    text_free(&summary);
}

static const char *kind_word(const struct mount_config *mount)
{
    return mount->kind == MOUNT_WS ? "ws  " : "http";
}

static const char *target_word(const struct mount_config *mount)
{
    return mount->kind == MOUNT_DIR ? "dir=" : mount->kind == MOUNT_FILE ? "file=" : "";
}

void cli_mounts(const struct routing *routing, struct text *out)
{
    const struct config *config = routing->config;
    size_t width = 0;

    for (unsigned i = 0; i < config->mount_count; i++) {
        size_t size = strlen(config->mounts[i].route);

        width = size > width ? size : width;
    }
    for (unsigned i = 0; i < config->mount_count; i++) {
        const struct mount_config *mount = &config->mounts[i];
        unsigned line, column;

        diag_locate(&config->source, mount->place.offset, &line, &column);
        text_addf(out, "  %s  %-*s  %s%s  (%s:%u)\n", kind_word(mount), (int)width, mount->route,
                  target_word(mount), mount->file_name, config->source.name, line);
    }
}

void cli_counts(const struct routing *routing, struct text *out)
{
    unsigned consumers = 0;

    for (unsigned i = 0; i < routing->mount_count; i++) {
        const struct generation *generation = routing->mounts[i].generation;
        bool seen = generation == NULL;

        for (unsigned j = 0; j < i && !seen; j++)
            seen = routing->mounts[j].generation == generation;
        consumers += !seen;
    }
    text_addf(out, "%u mount%s, %u consumer%s", routing->mount_count,
              routing->mount_count == 1 ? "" : "s", consumers, consumers == 1 ? "" : "s");
}

/* ---- check and routes ----------------------------------------------------------------------- */

/* Opens what the config names, and lets go of it again. */
static struct routing *try_open(struct config *config, struct plugin_cache **cache,
                                struct diag *diag)
{
    *cache = config != NULL ? reload_cache(config, diag) : NULL;
    return *cache != NULL ? routing_new(config, *cache, NULL, diag) : NULL;
}

int cli_check(const struct cli *cli)
{
    struct diag diag = {0};
    struct text counts = {0};
    struct plugin_cache *cache;
    struct config *config = config_read(cli->file, &diag);
    struct routing *routing = try_open(config, &cache, &diag);
    enum cli_status status = routing != NULL ? CLI_DONE : CLI_FAILED;

    if (routing != NULL)
        cli_counts(routing, &counts);
    if (routing != NULL && diag.warnings == 0)
        printf("sluice: no issues (%s)\n", counts.data != NULL ? counts.data : "");
    else
        cli_print_diag(cli, &diag, "");
    text_free(&counts);
    diag_free(&diag);
    config_unref(config);
    routing_unref(routing);
    if (cache != NULL) {
        reload_reap(cache);
        plugin_cache_close(cache);
    }
    return status;
}

static void print_match(const struct config *config, bool upgrade, struct slice path, bool *found)
{
    struct pattern_capture captures[PATTERN_CAPTURES_MAX];
    struct slice rest = {0};
    const struct mount_config *mount = config_route(config, upgrade, path, &rest, captures);

    if (mount == NULL)
        return;
    unsigned line, column;
    diag_locate(&config->source, mount->place.offset, &line, &column);
    printf("%s  %s  %s%s  (%s:%u)\n", kind_word(mount), mount->route, target_word(mount),
           mount->file_name, config->source.name, line);
    for (unsigned i = 0; i < pattern_capture_count(mount->pattern); i++)
        printf("    %s = %.*s\n", pattern_capture_name(mount->pattern, i),
               (int)captures[i].text.size, captures[i].text.data);
    if (mount->kind == MOUNT_DIR)
        printf("    below it: %.*s\n", (int)rest.size, rest.data != NULL ? rest.data : "");
    *found = true;
}

static void print_no_match(const struct config *config, const char *wanted, struct slice path)
{
    struct text hints = {0};

    http_hint(config, true, path, &hints);
    http_hint(config, false, path, &hints);
    fprintf(stderr, "sluice: no mount takes \"%s\"%s\n", wanted, hints.size > 0 ? hints.data : "");
    text_free(&hints);
}

static enum cli_status print_matches(const struct config *config, const char *wanted)
{
    struct text path = {0};
    struct slice encoded = {wanted, strcspn(wanted, "?")};
    bool found = false;

    if (!uri_decode_path(encoded, &path)) {
        text_free(&path);
        fputs("sluice: no memory\n", stderr);
        return CLI_FAILED;
    }
    struct slice decoded = {path.data, path.size};
    print_match(config, true, decoded, &found);
    print_match(config, false, decoded, &found);
    if (!found)
        print_no_match(config, wanted, decoded);
    text_free(&path);
    return found ? CLI_DONE : CLI_FAILED;
}

static void print_routes(const struct config *config)
{
    /* The table needs no consumer loaded: a routing without generations will do. */
    struct routing routing = {.config = (struct config *)config};
    struct text out = {0};

    cli_mounts(&routing, &out);
    fputs(out.data != NULL ? out.data : "", stdout);
    text_free(&out);
}

static enum cli_status print_defaults(void)
{
    struct text out = {0};

    config_describe(&out);
    fputs(out.data != NULL ? out.data : "", stdout);
    text_free(&out);
    return CLI_DONE;
}

int cli_routes(const struct cli *cli)
{
    if (cli->defaults)
        return print_defaults();
    struct diag diag = {0};
    struct config *config = config_load(cli->file, &diag);
    enum cli_status status = CLI_DONE;
    if (config == NULL) {
        cli_print_diag(cli, &diag, "");
        status = CLI_FAILED;
    } else if (cli->argument != NULL) {
        status = print_matches(config, cli->argument);
    } else {
        print_routes(config);
    }
    diag_free(&diag);
    config_unref(config);
    return status;
}
