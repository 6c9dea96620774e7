/*
 * control/path: where the control socket of a routing.conf is.
 *
 * /tmp is everybody's: somebody may have made the directory there before us, or a link in its
 * place. So a directory counts only if it is one, if its owner is who it should be, and if nobody
 * else can write to it.
 */
#include "control/path.h"

#include <errno.h>
#include <limits.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define RUN_DIRECTORY "/run/sluice"

enum {
    HASH_BYTES = 16, /* of the SHA-256 of the file's path: nobody meets another's by chance */
    NAME_SIZE = 2 * HASH_BYTES + sizeof ".sock",
    DIRECTORIES_MAX = 6,
};

/* Where sockets may be; the owner that it must have, or ANYBODY: what leads there is root's. */
struct directory {
    char path[CONTROL_PATH_SIZE - NAME_SIZE];
    uid_t owner;
};

#define ANYBODY ((uid_t)-1)

/* ---- Names ---------------------------------------------------------------------------------- */

static bool hash_name(const char *path, char name[NAME_SIZE])
{
    unsigned char digest[EVP_MAX_MD_SIZE];

    if (EVP_Digest(path, strlen(path), digest, NULL, EVP_sha256(), NULL) != 1)
        return false;
    text_hex(name, digest, HASH_BYTES);
    strcat(name, ".sock");
    return true;
}

bool control_path_is_name(const char *name)
{
    return strspn(name, "0123456789abcdef") == 2 * HASH_BYTES &&
           strcmp(name + 2 * HASH_BYTES, ".sock") == 0;
}

/* As it was given, from the root on. The shell's idea of the working directory counts: it has the
 * links that the user went through. */
static bool path_as_given(const char *file, char path[PATH_MAX])
{
    char *here = file[0] == '/' ? NULL : get_current_dir_name();
    bool given = file[0] == '/' || here != NULL;
    int size = 0;

    while (strncmp(file, "./", 2) == 0)
        file += 2;
    if (given)
        size = snprintf(path, PATH_MAX, "%s%s%s", here != NULL ? here : "",
                        here != NULL && strcmp(here, "/") != 0 ? "/" : "", file);
    free(here);
    return given && size < PATH_MAX;
}

/* Behind all links. A file that has gone is where its directory is. */
static bool path_behind_links(const char *file, char path[PATH_MAX])
{
    char directory[PATH_MAX], resolved[PATH_MAX];
    const char *slash = strrchr(file, '/');

    if (realpath(file, path) != NULL)
        return true;
    if (slash != NULL && slash - file >= PATH_MAX - 1)
        return false;
    snprintf(directory, sizeof directory, "%.*s", slash != NULL ? (int)(slash - file) + 1 : 1,
             slash != NULL ? file : ".");
    return realpath(directory, resolved) != NULL &&
           snprintf(path, PATH_MAX, "%s/%s", strcmp(resolved, "/") == 0 ? "" : resolved,
                    slash != NULL ? slash + 1 : file) < PATH_MAX;
}

/* The names that a socket has, without their directory. */
static unsigned names_of(const char *file, char names[CONTROL_NAMES][NAME_SIZE])
{
    char given[PATH_MAX], real[PATH_MAX];
    unsigned count = 0;
    bool has_given = path_as_given(file, given) && hash_name(given, names[0]);

    count += has_given;
    if (path_behind_links(file, real) && (!has_given || strcmp(given, real) != 0) &&
        hash_name(real, names[count]))
        count++;
    return count;
}

/* ---- Directories ---------------------------------------------------------------------------- */

static void add_directory(struct directory list[DIRECTORIES_MAX], unsigned *count, uid_t owner,
                          const char *format, ...) __attribute__((format(printf, 4, 5)));

/* One whose path is too long for any socket is left out. */
static void add_directory(struct directory list[DIRECTORIES_MAX], unsigned *count, uid_t owner,
                          const char *format, ...)
{
    struct directory *directory = &list[*count];
    va_list args;

    va_start(args, format);
    int size = vsnprintf(directory->path, sizeof directory->path, format, args);
    va_end(args);
    directory->owner = owner;
    if (size >= 0 && (size_t)size < sizeof directory->path)
        ++*count;
}

/* Of a user who may not be the one who asks: what the environment says is ours. */
static unsigned directories_of(uid_t user, struct directory list[DIRECTORIES_MAX])
{
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    unsigned count = 0;

    add_directory(list, &count, ANYBODY, RUN_DIRECTORY);
    if (user != 0 && user == geteuid() && runtime != NULL && runtime[0] == '/')
        add_directory(list, &count, user, "%s/sluice", runtime);
    if (user != 0)
        add_directory(list, &count, user, "/run/user/%lu/sluice", (unsigned long)user);
    add_directory(list, &count, user, "/tmp/sluice-%lu", (unsigned long)user);
    return count;
}

/* NULL: it can be trusted, and `owner` is whose it is. */
static const char *distrust(const struct directory *directory, uid_t *owner)
{
    struct stat stat;

    if (lstat(directory->path, &stat) != 0)
        return strerror(errno);
    if (!S_ISDIR(stat.st_mode))
        return "it is no directory";
    if ((stat.st_mode & (S_IWGRP | S_IWOTH)) != 0)
        return "others can write to it";
    if (directory->owner != ANYBODY && stat.st_uid != directory->owner)
        return "it belongs to somebody else";
    *owner = stat.st_uid;
    return NULL;
}

/* Makes it if it isn't there. NULL: it is ours. */
static const char *take_directory(const struct directory *directory)
{
    uid_t owner = ANYBODY;
    int error = mkdir(directory->path, 0700) == 0 ? 0 : errno;
    const char *why = distrust(directory, &owner);

    if (why != NULL)
        return error == 0 || error == EEXIST ? why : strerror(error);
    return owner == geteuid() ? NULL : "it belongs to somebody else";
}

/* ---- Paths ---------------------------------------------------------------------------------- */

static unsigned paths_in(const struct directory *directory, uid_t owner,
                         char names[CONTROL_NAMES][NAME_SIZE], unsigned name_count,
                         struct control_path *paths)
{
    for (unsigned i = 0; i < name_count; i++) {
        size_t size = strlen(directory->path);

        memcpy(paths[i].path, directory->path, size);
        paths[i].path[size] = '/';
        memcpy(paths[i].path + size + 1, names[i], NAME_SIZE);
        paths[i].owner = owner;
    }
    return name_count;
}

/* The directory of a path that routing.conf names; its owner is trusted with it. */
static bool path_named(const char *path, struct control_path *found)
{
    const char *slash = strrchr(path, '/');
    char directory[CONTROL_PATH_SIZE];
    struct stat stat_of;

    if (strlen(path) >= CONTROL_PATH_SIZE)
        return false; /* by routing.conf's directory: what is too long in itself was refused */
    snprintf(directory, sizeof directory, "%.*s", slash != NULL ? (int)(slash - path) + 1 : 1,
             slash != NULL ? path : ".");
    strcpy(found->path, path);
    found->owner = stat(directory, &stat_of) == 0 ? stat_of.st_uid : geteuid();
    return true;
}

unsigned control_path_own(const char *file, const struct config *config,
                          struct control_path paths[CONTROL_NAMES], struct text *why)
{
    char names[CONTROL_NAMES][NAME_SIZE];
    struct directory list[DIRECTORIES_MAX];

    if (config->control != NULL)
        return path_named(config->control, &paths[0]);
    unsigned name_count = names_of(file, names);
    unsigned count = directories_of(geteuid(), list);
    for (unsigned i = 0; i < count && name_count > 0; i++) {
        const char *reason = take_directory(&list[i]);

        if (reason == NULL)
            return paths_in(&list[i], geteuid(), names, name_count, paths);
        text_addf(why, "%s%s: %s", why->size > 0 ? "; " : "", list[i].path, reason);
    }
    return 0;
}

/* Whose servers are looked for: one's own, and by root those of the file's owner. */
static unsigned users_of(const char *file, uid_t users[2])
{
    struct stat stat_of;

    users[0] = geteuid();
    if (users[0] != 0 || stat(file, &stat_of) != 0 || stat_of.st_uid == 0)
        return 1;
    users[1] = stat_of.st_uid;
    return 2;
}

unsigned control_path_likely(const char *file, const struct config *config,
                             struct control_path paths[CONTROL_PATHS_MAX])
{
    char names[CONTROL_NAMES][NAME_SIZE];
    struct directory list[DIRECTORIES_MAX];
    uid_t users[2], owner = ANYBODY;
    unsigned found = 0, name_count = names_of(file, names), user_count = users_of(file, users);

    if (config != NULL && config->control != NULL)
        found += path_named(config->control, &paths[0]);
    for (unsigned user = 0; user < user_count; user++) {
        unsigned count = directories_of(users[user], list);

        for (unsigned i = user > 0; i < count; i++) { /* the first is the same for all */
            if (found + CONTROL_NAMES <= CONTROL_PATHS_MAX && distrust(&list[i], &owner) == NULL)
                found += paths_in(&list[i], owner, names, name_count, &paths[found]);
        }
    }
    return found;
}
