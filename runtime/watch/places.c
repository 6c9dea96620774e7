/*
 * watch/places: is anything about to change on the way to a file?
 */
#include "watch/places.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/table.h"

enum {
    LINKS_MAX = 40, /* symbolic links on one way, as the kernel has it */
    COMES_AND_GOES = IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO,
    CONTENT = IN_MODIFY | IN_CLOSE_WRITE | IN_ATTRIB,
};

/* A name in a directory. */
struct place_name {
    UT_hash_handle hh; /* by `text`, in its directory's table */
    bool wanted;
    bool writing; /* changed, and not closed since */
    char text[];
};

/* A directory that is watched. */
struct place {
    UT_hash_handle hh; /* by `wd`, in places->table */
    int wd;
    bool wanted;
    bool (*matters)(const char *name); /* NULL: the names in the table alone */
    struct place_name *names;
};

/* Owned by the watch; the main thread's. */
struct places {
    int fd;
    struct place *table;
};

struct places *places_new(void)
{
    struct places *places = mem_zalloc(sizeof *places);

    if (places == NULL) {
        errno = ENOMEM;
        return NULL;
    }
    places->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (places->fd >= 0)
        return places;
    mem_free(places);
    return NULL;
}

int places_fd(const struct places *places)
{
    return places->fd;
}

static void name_drop(struct place *place, struct place_name *name)
{
    HASH_DEL(place->names, name);
    mem_free(name);
}

static void place_drop(struct places *places, struct place *place)
{
    struct place_name *name, *next;

    HASH_ITER (hh, place->names, name, next)
        name_drop(place, name);
    HASH_DEL(places->table, place);
    mem_free(place);
}

void places_free(struct places *places)
{
    struct place *place, *next;

    if (places == NULL)
        return;
    HASH_ITER (hh, places->table, place, next)
        place_drop(places, place);
    close(places->fd);
    mem_free(places);
}

/* ---- What is watched ------------------------------------------------------------------------ */

void places_begin(struct places *places)
{
    struct place *place, *next;
    struct place_name *name, *next_name;

    HASH_ITER (hh, places->table, place, next) {
        place->wanted = false;
        place->matters = NULL;
        HASH_ITER (hh, place->names, name, next_name)
            name->wanted = false;
    }
}

void places_end(struct places *places)
{
    struct place *place, *next;
    struct place_name *name, *next_name;

    HASH_ITER (hh, places->table, place, next) {
        HASH_ITER (hh, place->names, name, next_name) {
            if (!name->wanted && (place->matters == NULL || !place->matters(name->text)))
                name_drop(place, name);
        }
        if (place->wanted)
            continue;
        inotify_rm_watch(places->fd, place->wd);
        place_drop(places, place);
    }
}

static struct place *place_add(struct places *places, int wd)
{
    struct place *place = mem_zalloc(sizeof *place);

    if (place == NULL)
        return NULL;
    place->wd = wd;
    HASH_ADD_INT(places->table, wd, place);
    if (place->hh.tbl != NULL)
        return place;
    mem_free(place);
    return NULL;
}

/* The directory is there, but may be watched by nobody, or is none: then the rest of the way is not
 * for us. */
static bool is_no_way(int error)
{
    return error == ENOENT || error == ENOTDIR || error == EACCES || error == ELOOP ||
           error == ENAMETOOLONG;
}

/* False: see errno. NULL in `out`: it can't be watched now, which is no fault of the system. */
static bool watch_directory(struct places *places, const char *path, unsigned events,
                            struct place **out)
{
    int wd = inotify_add_watch(places->fd, path, events | IN_ONLYDIR | IN_MASK_ADD);

    *out = NULL;
    if (wd < 0)
        return is_no_way(errno);
    HASH_FIND_INT(places->table, &wd, *out);
    if (*out == NULL)
        *out = place_add(places, wd);
    if (*out == NULL) {
        inotify_rm_watch(places->fd, wd);
        errno = ENOMEM;
        return false;
    }
    (*out)->wanted = true;
    return true;
}

static struct place_name *name_add(struct place *place, const char *text)
{
    size_t size = strlen(text);
    struct place_name *name;

    HASH_FIND_STR(place->names, text, name);
    if (name == NULL) {
        name = mem_zalloc(sizeof *name + size + 1);
        if (name == NULL)
            return NULL;
        memcpy(name->text, text, size + 1);
        HASH_ADD_KEYPTR(hh, place->names, name->text, size, name);
        if (name->hh.tbl == NULL) {
            mem_free(name);
            return NULL;
        }
    }
    name->wanted = true;
    return name;
}

/* The way to a path: what has been gone, which holds no symbolic link, and what lies ahead. */
struct way {
    char gone[PATH_MAX], ahead[PATH_MAX];
    size_t size; /* of `gone` */
    unsigned links;
};

static bool way_begin(struct way *way, const char *path)
{
    if (snprintf(way->ahead, sizeof way->ahead, "%s", path) >= (int)sizeof way->ahead)
        return false;
    strcpy(way->gone, path[0] == '/' ? "/" : ".");
    way->size = 1;
    way->links = 0;
    return true;
}

/* Takes the next name off what lies ahead. False: there is none. */
static bool way_next(struct way *way, char name[NAME_MAX + 1])
{
    const char *begin = way->ahead + strspn(way->ahead, "/");
    size_t size = strcspn(begin, "/");

    while (size == 1 && begin[0] == '.') {
        begin += 1 + strspn(begin + 1, "/");
        size = strcspn(begin, "/");
    }
    if (size == 0 || size > NAME_MAX)
        return false;
    memcpy(name, begin, size);
    name[size] = '\0';
    begin += size;
    begin += strspn(begin, "/");
    memmove(way->ahead, begin, strlen(begin) + 1);
    return true;
}

/* Goes on to the name, or to where the link of that name leads. False: nowhere. */
static bool way_go(struct way *way, const char *name)
{
    char target[PATH_MAX];
    size_t before = way->size, left = strlen(way->ahead);
    int size = snprintf(way->gone + before, sizeof way->gone - before, "/%s", name);

    if (size < 0 || (size_t)size >= sizeof way->gone - before)
        return false;
    way->size += (size_t)size;
    ssize_t linked = readlink(way->gone, target, sizeof target - 1);
    if (linked <= 0)
        return true;
    if (++way->links > LINKS_MAX || (size_t)linked + 1 + left >= sizeof way->ahead)
        return false;
    memmove(way->ahead + linked + 1, way->ahead, left + 1);
    memcpy(way->ahead, target, (size_t)linked);
    way->ahead[linked] = '/';
    way->size = target[0] == '/' ? 1 : before;
    if (target[0] == '/')
        way->gone[0] = '/';
    way->gone[way->size] = '\0';
    return true;
}

/* Each directory is watched before we look what is in it: what changes after that is told. */
static bool watch_way(struct places *places, struct way *way, bool content)
{
    char name[NAME_MAX + 1];
    struct place *place;

    while (way_next(way, name)) {
        bool last = way->ahead[0] == '\0' && content;

        if (!watch_directory(places, way->gone, COMES_AND_GOES | (last ? CONTENT : 0), &place))
            return false;
        if (place == NULL)
            return true;
        if (strcmp(name, "..") != 0 && name_add(place, name) == NULL) {
            errno = ENOMEM;
            return false;
        }
        if (!way_go(way, name))
            return true;
    }
    return true;
}

bool places_file(struct places *places, const char *path)
{
    struct way way;

    return !way_begin(&way, path) || watch_way(places, &way, true);
}

bool places_directory(struct places *places, const char *path, bool (*matters)(const char *name))
{
    struct place *place;
    struct way way;

    if (!way_begin(&way, path))
        return true;
    if (!watch_way(places, &way, false) ||
        !watch_directory(places, path, COMES_AND_GOES | CONTENT, &place))
        return false;
    if (place != NULL)
        place->matters = matters;
    return true;
}

/* ---- What happens there --------------------------------------------------------------------- */

/* Where events were lost, those that say "closed" may be among them. */
static void forget_writers(struct places *places)
{
    struct place *place, *next;
    struct place_name *name, *next_name;

    HASH_ITER (hh, places->table, place, next) {
        HASH_ITER (hh, place->names, name, next_name)
            name->writing = false;
    }
}

static bool take_named(struct place *place, const struct inotify_event *event)
{
    struct place_name *name;

    HASH_FIND_STR(place->names, event->name, name);
    if (name == NULL && place->matters != NULL && place->matters(event->name)) {
        name = name_add(place, event->name);
        if (name == NULL)
            return true; /* no memory to know more of it */
    }
    if (name == NULL)
        return false;
    if ((event->mask & IN_MODIFY) != 0)
        name->writing = true;
    else if ((event->mask & ~(unsigned)IN_ATTRIB) != 0)
        name->writing = false;
    return true;
}

static bool take(struct places *places, const struct inotify_event *event)
{
    struct place *place;

    if ((event->mask & IN_Q_OVERFLOW) != 0) {
        forget_writers(places);
        return true;
    }
    HASH_FIND_INT(places->table, &event->wd, place);
    if (place == NULL)
        return false; /* was let go meanwhile */
    if ((event->mask & IN_IGNORED) != 0) {
        place_drop(places, place); /* the directory is gone */
        return true;
    }
    return event->len > 0 && take_named(place, event);
}

bool places_read(struct places *places)
{
    _Alignas(struct inotify_event) char events[4096];
    bool stirred = false;

    for (;;) {
        ssize_t size = read(places->fd, events, sizeof events);

        if (size < 0 && errno == EINTR)
            continue;
        if (size <= 0)
            return stirred;
        for (ssize_t at = 0; at < size;) {
            const struct inotify_event *event = (const struct inotify_event *)(events + at);

            stirred |= take(places, event);
            at += (ssize_t)(sizeof *event + event->len);
        }
    }
}

bool places_busy(const struct places *places)
{
    struct place *place, *next;
    struct place_name *name, *next_name;

    HASH_ITER (hh, places->table, place, next) {
        HASH_ITER (hh, place->names, name, next_name) {
            if (name->writing)
                return true;
        }
    }
    return false;
}
