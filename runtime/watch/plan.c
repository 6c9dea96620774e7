/*
 * watch/plan: the files that matter: what a reload would read, and the sources of what it loads.
 */
#include "watch/plan.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "conf/config.h"
#include "watch/places.h"

static const char *const makefile_names[] = {"GNUmakefile", "makefile", "Makefile"};

enum { MAKEFILES = sizeof makefile_names / sizeof *makefile_names };

/* ---- Sources -------------------------------------------------------------------------------- */

static bool is_among(const char *word, const char *const *words)
{
    while (*words != NULL && strcmp(*words, word) != 0)
        words++;
    return *words != NULL;
}

/* By its name: what compilers and build systems read. What editors leave beside a file is hidden,
 * or has a "~" or more behind the name. */
static bool is_source(const char *name)
{
    static const char *const suffixes[] = {".c",   ".h",   ".cc",    ".cpp",  ".cxx", ".hh",
                                           ".hpp", ".hxx", ".inc",   ".s",    ".S",   ".rs",
                                           ".zig", ".mk",  ".cmake", ".toml", NULL};
    static const char *const names[] = {"Makefile",       "makefile",    "GNUmakefile",
                                        "CMakeLists.txt", "meson.build", NULL};
    const char *dot = strrchr(name, '.');

    if (name[0] == '.' || name[0] == '#')
        return false;
    return is_among(name, names) || (dot != NULL && is_among(dot, suffixes));
}

/* ---- Works ---------------------------------------------------------------------------------- */

const char *work_command(const struct work *work)
{
    return work->words.data;
}

/* The word behind this one; NULL: it was the last. */
static const char *word_behind(const struct work *work, const char *word)
{
    word += strlen(word) + 1;
    return word < work->words.data + work->words.size ? word : NULL;
}

const char *work_directory(const struct work *work)
{
    return word_behind(work, work->words.data);
}

static void word_add(struct text *words, const char *word)
{
    text_add(words, word, strlen(word) + 1);
}

static void work_free(struct work *work)
{
    files_free(&work->sources);
    text_free(&work->words);
    mem_free(work);
}

/* Which files there are: some may have come, or gone. */
static void work_list(struct work *work)
{
    const char *dir = work_directory(work);

    files_begin(&work->sources);
    for (; dir != NULL; dir = word_behind(work, dir))
        files_add_directory(&work->sources, dir, is_source);
    files_end_gone(&work->sources);
}

/* The work of these words, which are taken over: one that is there already, or a new one whose
 * sources are as they are now. */
static bool work_want(struct plan *plan, struct text *words)
{
    struct work *work = plan->works;

    while (work != NULL && (work->words.size != words->size ||
                            memcmp(work->words.data, words->data, words->size) != 0))
        work = work->next;
    if (work != NULL || words->failed) {
        text_free(words);
    } else if ((work = mem_zalloc(sizeof *work)) == NULL) {
        text_free(words);
    } else {
        work->words = *words;
        work->next = plan->works;
        plan->works = work;
        work_list(work);
        files_look(&work->sources);
        files_accept(&work->sources);
    }
    if (work != NULL)
        work->wanted = true;
    return work != NULL;
}

static void drop_unwanted(struct plan *plan)
{
    for (struct work **link = &plan->works; *link != NULL;) {
        struct work *work = *link;

        if (work->wanted) {
            link = &work->next;
            continue;
        }
        *link = work->next;
        work_free(work);
    }
}

/* ---- routing.conf --------------------------------------------------------------------------- */

/* The directory of a path, as a word. */
static void directory_add(struct text *words, const char *path)
{
    const char *slash = strrchr(path, '/');

    if (slash == NULL)
        word_add(words, ".");
    else {
        text_add(words, path, slash == path ? 1 : (size_t)(slash - path));
        text_add_byte(words, '\0');
    }
}

/* Does one of the words before `end` say the same as the one there? */
static bool is_repeated(const struct text *words, size_t end)
{
    for (size_t at = 0; at < end; at += strlen(words->data + at) + 1) {
        if (strcmp(words->data + at, words->data + end) == 0)
            return true;
    }
    return false;
}

/* The directory of routing.conf, then those of the consumers; none twice. */
static void list_directories(const struct plan *plan, const struct config *config,
                             struct text *words)
{
    directory_add(words, plan->file);
    for (unsigned i = 0; i < config->mount_count && !words->failed; i++) {
        const struct mount_config *mount = &config->mounts[i];
        size_t end = words->size;

        if (mount->kind != MOUNT_WS || mount->file == NULL)
            continue;
        directory_add(words, mount->file);
        if (!words->failed && is_repeated(words, end))
            words->size = end;
    }
}

/* Has the directory a Makefile? And one that comes will be seen. */
static bool has_makefile(struct plan *plan, const char *directory)
{
    struct text path = {0};
    bool found = false;

    for (size_t i = 0; i < MAKEFILES; i++) {
        text_clear(&path);
        text_addf(&path, "%s/%s", directory, makefile_names[i]);
        if (path.failed)
            break;
        files_add(&plan->makefiles, path.data);
        found |= access(path.data, R_OK) == 0;
    }
    text_free(&path);
    return found;
}

/* Without a watch line: a Makefile where consumers are makes what is there; one beside routing.conf
 * the rest. */
static bool want_makefiles(struct plan *plan, const struct config *config)
{
    struct text dirs = {0}, rest = {0};
    bool done = true;

    list_directories(plan, config, &dirs);
    if (dirs.failed) {
        text_free(&dirs);
        return false;
    }
    word_add(&rest, WATCH_BUILD);
    word_add(&rest, dirs.data);
    for (size_t at = strlen(dirs.data) + 1; at < dirs.size; at += strlen(dirs.data + at) + 1) {
        struct text own = {0};

        if (!has_makefile(plan, dirs.data + at)) {
            word_add(&rest, dirs.data + at);
            continue;
        }
        word_add(&own, WATCH_BUILD);
        word_add(&own, dirs.data + at);
        done &= work_want(plan, &own);
    }
    if (has_makefile(plan, dirs.data))
        done &= work_want(plan, &rest);
    else
        text_free(&rest);
    text_free(&dirs);
    return done;
}

static bool want_line(struct plan *plan, const struct watch_config *watch)
{
    struct text words = {0};

    if (watch->dirs[0] == NULL)
        return true;
    word_add(&words, watch->build);
    for (unsigned i = 0; watch->dirs[i] != NULL; i++)
        word_add(&words, watch->dirs[i]);
    return work_want(plan, &words);
}

static void want_files(struct plan *plan, const struct config *config)
{
    files_begin(&plan->conf);
    files_add(&plan->conf, plan->file);
    for (unsigned i = 0; i < config->text_count; i++)
        files_add(&plan->conf, config->texts[i]);
    files_end(&plan->conf);
    files_begin(&plan->objects);
    for (unsigned i = 0; i < config->mount_count; i++) {
        if (config->mounts[i].kind == MOUNT_WS && config->mounts[i].file != NULL)
            files_add(&plan->objects, config->mounts[i].file);
    }
    files_end(&plan->objects);
}

/* Of a pipe there is nothing left to read, and waiting for more would hold everything up. */
static struct config *read_regular(const char *file)
{
    struct diag diag = {0};
    struct stat status;
    struct config *config = NULL;

    if (stat(file, &status) == 0 && S_ISREG(status.st_mode))
        config = config_read(file, &diag);
    diag_free(&diag); /* the reload will say it */
    return config;
}

bool plan_read(struct plan *plan)
{
    struct config *config = read_regular(plan->file);
    bool done = true;

    if (config == NULL) {
        files_add(&plan->conf, plan->file); /* and of the rest what was known before */
        return !plan->conf.failed;
    }
    want_files(plan, config);
    for (struct work *work = plan->works; work != NULL; work = work->next)
        work->wanted = false;
    files_begin(&plan->makefiles);
    for (unsigned i = 0; i < config->watch_count; i++)
        done &= want_line(plan, &config->watches[i]);
    if (config->watch_count == 0)
        done &= want_makefiles(plan, config);
    files_end(&plan->makefiles);
    drop_unwanted(plan);
    config_unref(config);
    return done && !plan->conf.failed && !plan->objects.failed;
}

void plan_free(struct plan *plan)
{
    for (struct work *work = plan->works; work != NULL; work = work->next)
        work->wanted = false;
    drop_unwanted(plan);
    files_free(&plan->conf);
    files_free(&plan->objects);
    files_free(&plan->makefiles);
}

/* ---- Looking -------------------------------------------------------------------------------- */

static bool watch_work(const struct work *work, struct places *places)
{
    for (const char *dir = work_directory(work); dir != NULL; dir = word_behind(work, dir)) {
        if (!places_directory(places, dir, is_source))
            return false;
    }
    return true;
}

int plan_watch(const struct plan *plan, struct places *places)
{
    bool done;

    places_begin(places);
    done = files_watch(&plan->conf, places) && files_watch(&plan->objects, places) &&
           files_watch(&plan->makefiles, places);
    for (const struct work *work = plan->works; done && work != NULL; work = work->next)
        done = watch_work(work, places);
    if (!done)
        return errno;
    places_end(places);
    return 0;
}

bool plan_look(struct plan *plan)
{
    bool moved = files_look(&plan->conf);

    moved |= files_look(&plan->objects);
    moved |= files_look(&plan->makefiles);
    for (struct work *work = plan->works; work != NULL; work = work->next) {
        work_list(work);
        moved |= files_look(&work->sources);
    }
    return moved;
}
