/*
 * server/files: static files: what a GET or HEAD of a path below a directory is answered.
 *
 * First the path is judged as text: nothing hidden, nothing that decodes to a slash. Then it is
 * opened, once, and all further questions go to the open file, so what is answered is true of what
 * is sent. Conditions and ranges come last, where the file is known.
 */
#include "server/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#ifdef SYS_openat2
#include <linux/openat2.h>
#endif

#include "base/mem.h"
#include "server/files_content.h"
#include "server/http_reply.h"

/* O_NONBLOCK so that the open of a FIFO does not wait for its writer; to a regular file it means
 * nothing. */
#define OPEN_FLAGS (O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)

struct files {
    int root;           /* of a directory; -1: a single file */
    char *path;         /* of a single file; else NULL */
    struct text fields; /* lines that stand in each 200 and 304 */
};

/* A request on its way; on the stack of files_answer. */
struct lookup {
    const struct files *files;
    const struct http_request *request;
    struct text path; /* below the root */
    struct files_answer *answer;
};

static void refuse(struct lookup *lookup, unsigned status, const char *why)
{
    lookup->answer->status = status;
    lookup->answer->why = why;
}

/* ---- The mount ---- */

static bool write_fields(struct text *fields, uint32_t max_age, const char *csp)
{
    if (max_age > 0)
        text_addf(fields, "Cache-Control: max-age=%u\r\n", (unsigned)max_age);
    else
        text_add_str(fields, "Cache-Control: no-cache\r\n"); /* kept, but asked about each time */
    text_add_str(fields, "X-Content-Type-Options: nosniff\r\n");
    if (csp != NULL && !http_reply_field(fields, SLICE("Content-Security-Policy"), slice_of(csp))) {
        errno = EINVAL;
        return false;
    }
    errno = ENOMEM;
    return !fields->failed;
}

static bool is_file(const char *path)
{
    struct stat status;

    if (stat(path, &status) != 0)
        return false;
    errno = S_ISDIR(status.st_mode) ? EISDIR : EINVAL;
    return S_ISREG(status.st_mode);
}

static bool set_place(struct files *files, const char *path, bool directory)
{
    if (directory) {
        files->root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        return files->root >= 0;
    }
    if (!is_file(path))
        return false;
    files->path = mem_strdup(path);
    errno = ENOMEM;
    return files->path != NULL;
}

struct files *files_open(const char *path, bool directory, uint32_t max_age, const char *csp)
{
    struct files *files = mem_zalloc(sizeof *files);

    if (files == NULL) {
        errno = ENOMEM;
        return NULL;
    }
    files->root = -1;
    if (!write_fields(&files->fields, max_age, csp) || !set_place(files, path, directory)) {
        int why = errno;

        files_close(files);
        errno = why;
        return NULL;
    }
    return files;
}

void files_close(struct files *files)
{
    if (files == NULL)
        return;
    if (files->root >= 0)
        close(files->root);
    mem_free(files->path);
    text_free(&files->fields);
    mem_free(files);
}

/* ---- The path as text ---- */

/* A slash in the name of a file can't be, so an encoded one is somebody's attempt to have a path
 * read in two ways. */
static bool has_encoded_slash(struct slice path)
{
    for (size_t i = 0; i + 2 < path.size; i++)
        if (path.data[i] == '%' && path.data[i + 1] == '2' &&
            (path.data[i + 2] == 'f' || path.data[i + 2] == 'F'))
            return true;
    return false;
}

/* Those at the beginning mean nothing to a mount's pattern. */
static struct slice skip_slashes(struct slice path)
{
    while (path.size > 0 && path.data[0] == '/') {
        path.data++;
        path.size--;
    }
    return path;
}

static bool has_empty_name(struct slice path)
{
    path = skip_slashes(path);
    return path.size > 0 && memmem(path.data, path.size, "//", 2) != NULL;
}

/* "." and ".." are hidden, too. */
static bool has_hidden_name(struct slice path)
{
    for (size_t i = 0; i < path.size; i++)
        if (path.data[i] == '.' && (i == 0 || path.data[i - 1] == '/'))
            return true;
    return false;
}

/* What is wrong with a path, as it was asked for and as it is below the root, for the log; NULL:
 * nothing. */
static const char *fault_of(struct slice asked, struct slice rest)
{
    if (has_encoded_slash(asked))
        return "an encoded slash in the path";
    if (has_empty_name(asked))
        return "two slashes in the path";
    if (has_hidden_name(rest))
        return "a hidden name in the path";
    if (rest.size > 0 && memchr(rest.data, '\0', rest.size) != NULL)
        return "a zero byte in the path";
    return NULL;
}

/* ---- Opening ---- */

static atomic_bool walk_only; /* the kernel has no openat2, or a test says so */

void files_walk_only(bool only)
{
    atomic_store(&walk_only, only);
}

/* Name by name, without following any link. */
static int open_walking(int root, char *path)
{
    int directory = root, next;
    char *slash;

    while ((slash = strchr(path, '/')) != NULL) {
        *slash = '\0';
        next = openat(directory, path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        *slash = '/';
        if (directory != root)
            close(directory);
        if (next < 0)
            return -1;
        directory = next;
        path = slash + 1;
    }
    next = openat(directory, path, OPEN_FLAGS | O_NOFOLLOW);
    if (directory != root) {
        int why = errno;

        close(directory);
        errno = why;
    }
    return next;
}

/* Links are followed as long as they stay below the root. */
static int open_beneath(int root, const char *path)
{
#ifdef SYS_openat2
    struct open_how how = {.flags = OPEN_FLAGS, .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
    unsigned tries = 0;
    long fd;

    /* EAGAIN: something was renamed while a link led up, and the kernel can't tell where to. */
    do {
        fd = syscall(SYS_openat2, root, path, &how, sizeof how);
    } while (fd < 0 && errno == EAGAIN && ++tries < 10);
    return (int)fd;
#else
    (void)root;
    (void)path;
    errno = ENOSYS;
    return -1;
#endif
}

static int open_below(int root, char *path)
{
    if (!atomic_load_explicit(&walk_only, memory_order_relaxed)) {
        int fd = open_beneath(root, path);

        if (fd >= 0 || (errno != ENOSYS && errno != EPERM))
            return fd;
        /* EPERM may come from a sandbox that does not know the call, or from the file. */
        if (errno == ENOSYS)
            files_walk_only(true);
    }
    return open_walking(root, path);
}

static void refuse_errno(struct lookup *lookup, int error)
{
    switch (error) {
    case ENOENT:
    case ENOTDIR:
    case ENAMETOOLONG:
    case ENXIO: /* a socket */
        refuse(lookup, 404, "no such file");
        break;
    case ELOOP:
    case EXDEV:
    case EAGAIN:
        refuse(lookup, 404, "a link that is not followed");
        break;
    case EACCES:
    case EPERM:
        refuse(lookup, 403, "no permission to read the file");
        break;
    case EMFILE:
    case ENFILE:
    case ENOMEM:
        refuse(lookup, 503, "no descriptor or memory for the file");
        break;
    default:
        refuse(lookup, 500, "the file can't be opened");
    }
}

/* ---- Answering ---- */

/* What a browser would read as the end of a URL, or take for a slash, is encoded. */
static void add_target(struct text *out, struct slice target)
{
    for (size_t i = 0; i < target.size; i++) {
        char c = target.data[i];

        if (strchr("\"<>\\^`{|}", c) != NULL)
            text_addf(out, "%%%02X", (unsigned)(unsigned char)c);
        else
            text_add_byte(out, c);
    }
}

/* To the same path with a slash, so that links in its index lead below it. More than one slash at
 * the beginning would be the name of another host. */
static void redirect(struct lookup *lookup)
{
    struct slice path = skip_slashes(lookup->request->path), query = lookup->request->query;
    struct text *fields = &lookup->answer->fields;

    lookup->answer->status = 301;
    text_add_str(fields, "Location: /");
    add_target(fields, path);
    text_add_byte(fields, '/');
    if (query.data != NULL) {
        text_add_byte(fields, '?');
        add_target(fields, query);
    }
    text_add_str(fields, "\r\n");
}

static bool has_content(const struct lookup *lookup)
{
    return slice_equal(lookup->request->method, SLICE("GET")) &&
           (lookup->answer->status == 200 || lookup->answer->status == 206);
}

/* Takes the descriptor over; -1: errno says why it could not be had. */
static void answer_open(struct lookup *lookup, int fd, struct slice name)
{
    struct slice path = lookup->request->path;
    struct stat status;

    if (fd < 0 || fstat(fd, &status) != 0) {
        refuse_errno(lookup, errno);
    } else if (S_ISREG(status.st_mode)) {
        files_content(lookup->answer, lookup->request, &lookup->files->fields, &status, name);
    } else if (S_ISDIR(status.st_mode) && lookup->files->path == NULL &&
               path.data[path.size - 1] != '/') {
        redirect(lookup);
    } else {
        refuse(lookup, 404, "not a regular file");
    }
    if (has_content(lookup))
        lookup->answer->fd = fd;
    else if (fd >= 0)
        close(fd);
}

static void answer_single(struct lookup *lookup, struct slice rest)
{
    const char *path = lookup->files->path;

    if (rest.size > 0)
        refuse(lookup, 404, "a path below a single file");
    else
        answer_open(lookup, open(path, OPEN_FLAGS), slice_of(path));
}

static void answer_below(struct lookup *lookup, struct slice rest)
{
    struct slice asked = lookup->request->path;
    struct text *path = &lookup->path;

    text_add(path, rest.data, rest.size);
    if (rest.size == 0 || rest.data[rest.size - 1] == '/')
        text_add_str(path, "index.html");
    if (path->failed)
        return;
    if (rest.size == 0 && asked.data[asked.size - 1] != '/')
        redirect(lookup); /* the root itself */
    else
        answer_open(lookup, open_below(lookup->files->root, path->data),
                    (struct slice){path->data, path->size});
}

static void answer_directory(struct lookup *lookup, struct slice rest)
{
    const char *fault;

    rest = skip_slashes(rest); /* there is one where the mount's pattern ends without */
    fault = fault_of(lookup->request->path, rest);
    if (fault != NULL)
        refuse(lookup, 404, fault);
    else
        answer_below(lookup, rest);
}

bool files_answer(const struct files *files, const struct http_request *request, struct slice rest,
                  struct files_answer *answer)
{
    struct lookup lookup = {.files = files, .request = request, .answer = answer};

    *answer = (struct files_answer){.fd = -1};
    if (slice_equal(request->method, SLICE("GET")) || slice_equal(request->method, SLICE("HEAD"))) {
        if (files->path != NULL)
            answer_single(&lookup, rest);
        else
            answer_directory(&lookup, rest);
    } else {
        refuse(&lookup, 405, "only GET and HEAD are served");
        text_add_str(&answer->fields, "Allow: GET, HEAD\r\n");
    }

    bool failed = lookup.path.failed || answer->fields.failed;
    text_free(&lookup.path);
    if (failed) {
        if (answer->fd >= 0)
            close(answer->fd);
        text_free(&answer->fields);
        files_parts_free(answer->parts);
        *answer = (struct files_answer){.fd = -1};
    }
    return !failed;
}
