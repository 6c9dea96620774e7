/*
 * plugin/snapshot: what is served, kept so that another process can serve the same.
 *
 * A file in it, the list, has a line for each consumer: the SHA-256 of its bytes, "fresh" or
 * "kept", the name of its copy, and its file. It is written last, so what lacks it is not whole.
 */
#include "plugin/snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "plugin/copies.h"
#include "plugin/file.h"
#include "plugin/generation.h"

#define TEXT_NAME "routing.conf"
#define LIST_NAME "list"

/* ---- Making --------------------------------------------------------------------------------- */

static bool write_file(const char *directory, const char *name, struct slice bytes)
{
    struct text path = {0};
    bool done = true;

    text_addf(&path, "%s/%s", directory, name);
    int fd = path.failed ? -1 : open(path.data, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    text_free(&path);
    if (fd < 0)
        return false;
    while (bytes.size > 0 && done) {
        ssize_t put = write(fd, bytes.data, bytes.size);

        done = put >= 0 || errno == EINTR;
        if (put > 0)
            bytes = (struct slice){bytes.data + put, bytes.size - (size_t)put};
    }
    return close(fd) == 0 && done;
}

static const char *base_name(const char *path)
{
    return strrchr(path, '/') + 1; /* of one that is absolute */
}

/* The copy is there under its name once, however many mounts have it. */
static bool link_copy(const char *directory, const struct generation *generation)
{
    struct text path = {0};

    text_addf(&path, "%s/%s", directory, base_name(generation->path));
    bool done = !path.failed && (link(generation->path, path.data) == 0 || errno == EEXIST);
    text_free(&path);
    return done;
}

static void list_entry(struct text *list, const struct snapshot_entry *entry)
{
    char digest[2 * DIGEST_SIZE + 1];

    text_hex(digest, entry->generation->digest, DIGEST_SIZE);
    text_addf(list, "%s %s %s %s\n", digest, entry->fresh ? "fresh" : "kept",
              base_name(entry->generation->path), entry->file);
}

static bool fill(const char *directory, struct slice text, const struct snapshot_entry *entries,
                 unsigned count)
{
    struct text list = {0};
    bool done = write_file(directory, TEXT_NAME, text);

    for (unsigned i = 0; i < count && done; i++) {
        done = link_copy(directory, entries[i].generation);
        list_entry(&list, &entries[i]);
    }
    done = done && !list.failed &&
           write_file(directory, LIST_NAME, (struct slice){list.data, list.size});
    text_free(&list);
    return done;
}

char *snapshot_make(struct plugin_cache *cache, struct slice text,
                    const struct snapshot_entry *entries, unsigned count, int *lock,
                    struct plugin_fault *fault)
{
    struct copies own;

    if (!copies_open_beside(&own, cache_copies(cache), fault))
        return NULL;
    if (!fill(own.path, text, entries, count)) {
        fault_set(fault, "cannot write in %s: %s", own.path, strerror(errno));
        copies_close(&own);
        return NULL;
    }
    *lock = own.lock;
    return own.path;
}

void snapshot_remove(const char *path)
{
    copies_remove(path);
}

void snapshot_clean(const char *path)
{
    copies_clean(&(struct copies){.path = (char *)path});
}

/* ---- Reading -------------------------------------------------------------------------------- */

/* The word, its end made a zero byte; `*rest` goes on behind it. */
static char *take_word(char **rest)
{
    return *rest != NULL ? strsep(rest, " ") : NULL;
}

static bool read_entry(struct snapshot_file *file, const char *directory, char *line)
{
    char *digest = take_word(&line), *fresh = take_word(&line), *copy = take_word(&line);
    struct text path = {0};

    if (line == NULL || !text_unhex(file->digest, digest, DIGEST_SIZE))
        return false;
    file->fresh = strcmp(fresh, "fresh") == 0;
    text_addf(&path, "%s/%s", directory, copy);
    file->copy = text_take(&path);
    file->file = mem_strdup(line);
    return file->copy != NULL && file->file != NULL;
}

static bool read_list(struct snapshot *snapshot, const char *directory, char *list)
{
    char *line;

    while ((line = strsep(&list, "\n")) != NULL && *line != '\0') {
        struct snapshot_file *files =
            mem_realloc(snapshot->files, (snapshot->count + 1) * sizeof *files);

        if (files == NULL)
            return false;
        snapshot->files = files;
        files[snapshot->count] = (struct snapshot_file){.copy = NULL};
        if (!read_entry(&files[snapshot->count++], directory, line))
            return false;
    }
    return true;
}

static char *path_of(const char *directory, const char *name)
{
    struct text path = {0};

    text_addf(&path, "%s/%s", directory, name);
    return text_take(&path);
}

/* With a zero byte behind it. */
static char *read_text(const char *path)
{
    struct plugin_fault ignored;
    struct slice bytes;
    char *text = NULL;

    if (path != NULL && file_read(path, &bytes, &ignored)) {
        text = mem_strndup(bytes.data, bytes.size);
        mem_free((char *)bytes.data);
    }
    return text;
}

struct snapshot *snapshot_read(const char *path)
{
    struct snapshot *snapshot = mem_zalloc(sizeof *snapshot);
    char *name = path_of(path, LIST_NAME), *list = read_text(name);

    if (snapshot != NULL)
        snapshot->text = path_of(path, TEXT_NAME);
    if (snapshot == NULL || list == NULL || snapshot->text == NULL ||
        !read_list(snapshot, path, list)) {
        snapshot_free(snapshot);
        snapshot = NULL;
    }
    mem_free(name);
    mem_free(list);
    return snapshot;
}

void snapshot_free(struct snapshot *snapshot)
{
    if (snapshot == NULL)
        return;
    for (unsigned i = 0; i < snapshot->count; i++) {
        mem_free(snapshot->files[i].copy);
        mem_free(snapshot->files[i].file);
    }
    mem_free(snapshot->files);
    mem_free(snapshot->text);
    mem_free(snapshot);
}

const char *snapshot_instead(const struct snapshot *snapshot, const char *file)
{
    for (unsigned i = 0; snapshot != NULL && i < snapshot->count; i++)
        if (strcmp(snapshot->files[i].file, file) == 0)
            return snapshot->files[i].copy;
    return file;
}
