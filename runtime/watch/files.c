/*
 * watch/files: a set of files, and which of them differ from what they were.
 */
#include "watch/files.h"

#include <dirent.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "base/table.h"
#include "conf/read.h"
#include "watch/places.h"

enum {
    NAMES_MAX = 40,        /* bytes of a list for people from which on it is long enough */
    CONTENT_MAX = 8 << 20, /* bytes of a file that are read to tell it from another */
};

/* What stat says. Of its times it is ctime, which nobody can set back: it changes with all that is
 * written to the file, and with its mode and owner, for which it may be refused. */
struct sign {
    bool there;
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec changed;
};

struct watched_file {
    UT_hash_handle hh; /* by `path` */
    bool wanted;
    struct sign seen, accepted;
    uint64_t content; /* as it was accepted, see files_read */
    char path[];
};

static struct sign sign_of(const char *path)
{
    struct stat status;

    if (stat(path, &status) != 0)
        return (struct sign){.there = false};
    return (struct sign){.there = true,
                         .device = status.st_dev,
                         .inode = status.st_ino,
                         .size = status.st_size,
                         .changed = status.st_ctim};
}

static bool sign_equal(const struct sign *a, const struct sign *b)
{
    return a->there == b->there && a->device == b->device && a->inode == b->inode &&
           a->size == b->size && a->changed.tv_sec == b->changed.tv_sec &&
           a->changed.tv_nsec == b->changed.tv_nsec;
}

static bool is_changed(const struct watched_file *file)
{
    return !sign_equal(&file->seen, &file->accepted);
}

/* ---- Which files ---------------------------------------------------------------------------- */

static void file_drop(struct file_set *set, struct watched_file *file)
{
    HASH_DEL(set->files, file);
    mem_free(file);
}

void files_free(struct file_set *set)
{
    struct watched_file *file, *next;

    HASH_ITER (hh, set->files, file, next)
        file_drop(set, file);
}

void files_begin(struct file_set *set)
{
    for (struct watched_file *file = set->files; file != NULL; file = file->hh.next)
        file->wanted = false;
    set->failed = false;
}

void files_add(struct file_set *set, const char *path)
{
    size_t size = strlen(path);
    struct watched_file *file;

    HASH_FIND_STR(set->files, path, file);
    if (file == NULL) {
        file = mem_zalloc(sizeof *file + size + 1);
        set->failed |= file == NULL;
        if (file == NULL)
            return;
        memcpy(file->path, path, size + 1);
        HASH_ADD_KEYPTR(hh, set->files, file->path, size, file);
        if (file->hh.tbl == NULL) {
            set->failed = true;
            mem_free(file);
            return;
        }
    }
    file->wanted = true;
}

void files_add_directory(struct file_set *set, const char *path, bool (*matters)(const char *name))
{
    DIR *directory = opendir(path);
    struct dirent *entry;
    struct text name = {0};

    while (directory != NULL && (entry = readdir(directory)) != NULL) {
        if (!matters(entry->d_name))
            continue;
        text_clear(&name);
        text_addf(&name, "%s/%s", path, entry->d_name);
        set->failed |= name.failed;
        if (!name.failed)
            files_add(set, name.data);
    }
    text_free(&name);
    if (directory != NULL)
        closedir(directory);
}

void files_end(struct file_set *set)
{
    struct watched_file *file, *next;

    HASH_ITER (hh, set->files, file, next) {
        if (!file->wanted && !set->failed)
            file_drop(set, file);
    }
}

void files_end_gone(struct file_set *set)
{
    struct watched_file *file, *next;

    HASH_ITER (hh, set->files, file, next) {
        if (!file->wanted && !file->accepted.there && !set->failed)
            file_drop(set, file);
    }
}

bool files_watch(const struct file_set *set, struct places *places)
{
    for (const struct watched_file *file = set->files; file != NULL; file = file->hh.next) {
        if (!places_file(places, file->path))
            return false;
    }
    return true;
}

/* ---- What became of them -------------------------------------------------------------------- */

bool files_look(struct file_set *set)
{
    bool moved = false;

    for (struct watched_file *file = set->files; file != NULL; file = file->hh.next) {
        struct sign sign = sign_of(file->path);

        moved |= !sign_equal(&sign, &file->seen);
        file->seen = sign;
    }
    return moved;
}

bool files_changed(const struct file_set *set)
{
    for (const struct watched_file *file = set->files; file != NULL; file = file->hh.next) {
        if (is_changed(file))
            return true;
    }
    return false;
}

bool files_unfinished(const struct file_set *set, bool empty)
{
    for (const struct watched_file *file = set->files; file != NULL; file = file->hh.next) {
        if (is_changed(file) && (!file->seen.there || (empty && file->seen.size == 0)))
            return true;
    }
    return false;
}

/* What does not print in a name is not for a terminal. */
static void add_name(struct text *out, const char *name)
{
    for (; *name != '\0'; name++)
        text_add_byte(out, (unsigned char)*name < ' ' || *name == 0x7f ? '?' : *name);
}

void files_names(const struct file_set *set, struct text *out, unsigned *more)
{
    for (const struct watched_file *file = set->files; file != NULL; file = file->hh.next) {
        const char *slash = strrchr(file->path, '/');

        if (!is_changed(file))
            continue;
        if (out->size >= NAMES_MAX) {
            (*more)++;
            continue;
        }
        if (out->size > 0)
            text_add_str(out, ", ");
        add_name(out, slash != NULL ? slash + 1 : file->path);
    }
}

void files_accept(struct file_set *set)
{
    for (struct watched_file *file = set->files; file != NULL; file = file->hh.next)
        file->accepted = file->seen;
}

/* Of one that can't be read it is that of nothing. */
static uint64_t content_of(const char *path)
{
    struct text text = {0};
    uint64_t content = 0;

    if (read_file(path, CONTENT_MAX, true, &text) != READ_FAILED && !text.failed)
        content = table_hash(text.data != NULL ? text.data : "", text.size);
    text_free(&text);
    return content;
}

void files_read(struct file_set *set)
{
    for (struct watched_file *file = set->files; file != NULL; file = file->hh.next)
        file->content = content_of(file->path);
}

bool files_differ(const struct file_set *set)
{
    for (const struct watched_file *file = set->files; file != NULL; file = file->hh.next) {
        if (is_changed(file) &&
            (file->seen.there != file->accepted.there || content_of(file->path) != file->content))
            return true;
    }
    return false;
}
