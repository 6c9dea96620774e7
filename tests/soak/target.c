/* soak/target: the server under attack. */
#include "target.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    START_MS = 60000,
    STOP_MS = 60000,
    COUNTED_MOST = 64, /* kinds of log lines that are told apart */
    LOG_SHOWN = 4000,
};

static char directory[] = "/tmp/soak-XXXXXX";
static char build[4096];
static pid_t pid; /* 0: none runs */
static struct sockaddr_in address;
static bool made;        /* the directory */
static FILE *server_log; /* as far as it was counted */
static FILE *news_log;   /* likewise, for target_news */

uint64_t now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static const char *in_directory(const char *name)
{
    static char path[256];

    snprintf(path, sizeof path, "%s/%s", directory, name);
    return path;
}

/* ---- Start ----------------------------------------------------------------------------------- */

static bool write_conf(const char *conf)
{
    FILE *file = fopen(in_directory("routing.conf"), "w");

    if (file == NULL)
        return false;
    fprintf(file, "listen 127.0.0.1:0\ncache %s\n%s", directory, conf);
    return fclose(file) == 0;
}

/* The consumers are named relative to routing.conf, as in the build. */
static bool link_to_build(const char *name)
{
    char path[sizeof build + 16];

    snprintf(path, sizeof path, "%s/%s", build, name);
    return symlink(path, in_directory(name)) == 0;
}

static bool make_directory(void)
{
    made = made || mkdtemp(directory) != NULL;
    return made;
}

static bool prepare(const char *conf)
{
    const char *given = getenv("abs_top_builddir");

    if (given != NULL)
        snprintf(build, sizeof build, "%s", given);
    else if (getcwd(build, sizeof build) == NULL)
        return false;
    return make_directory() && write_conf(conf) && link_to_build("consumers") &&
           link_to_build("tests");
}

/* In the new process. It dies with this one, whatever becomes of that. */
static void become_server(int output)
{
    char program[sizeof build + 16];
    const char *given = getenv("SLUICE");
    int log = open(in_directory("log"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

    snprintf(program, sizeof program, "%s/sluice", build);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(output, STDOUT_FILENO);
    dup2(log, STDERR_FILENO);
    execl(given != NULL ? given : program, "sluice", "run", "--no-supervise", "-c",
          in_directory("routing.conf"), (char *)NULL);
    fprintf(stderr, "%s: %s\n", program, strerror(errno));
    _exit(127);
}

/* The port, as the server says it; 0: it ended. */
static unsigned hear_port(int output)
{
    static const char serving[] = "serving on http://127.0.0.1:";
    char said[8192];
    size_t size = 0;
    uint64_t deadline = now_us() + START_MS * 1000ull;

    while (size < sizeof said - 1 && now_us() < deadline) {
        struct pollfd wait = {.fd = output, .events = POLLIN};

        if (poll(&wait, 1, 1000) <= 0)
            continue;
        ssize_t got = read(output, said + size, sizeof said - 1 - size);
        if (got <= 0)
            return 0;
        size += (size_t)got;
        said[size] = '\0';
        const char *found = strstr(said, serving);
        if (found != NULL && strchr(found, '\n') != NULL)
            return (unsigned)atoi(found + strlen(serving));
    }
    return 0;
}

bool target_begin(const char *conf)
{
    int ends[2];

    if (!prepare(conf) || pipe2(ends, O_CLOEXEC) != 0) {
        printf("soak: %s: %s\n", directory, strerror(errno));
        return false;
    }
    pid = fork();
    if (pid == 0)
        become_server(ends[1]);
    close(ends[1]);
    unsigned port = pid > 0 ? hear_port(ends[0]) : 0;
    close(ends[0]); /* it says no more */
    if (port == 0) {
        printf("soak: the server did not start\n");
        target_end();
        return false;
    }
    address = (struct sockaddr_in){.sin_family = AF_INET,
                                   .sin_port = htons((uint16_t)port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    server_log = fopen(in_directory("log"), "r");
    news_log = fopen(in_directory("log"), "r");
    return server_log != NULL && news_log != NULL;
}

/* ---- Files ----------------------------------------------------------------------------------- */

bool target_put(const char *name, const void *data, size_t size)
{
    char path[256];

    if (!make_directory())
        return false;
    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *file = fopen(in_directory("new"), "wb");
    if (file == NULL)
        return false;
    bool whole = fwrite(data, 1, size, file) == size;
    return fclose(file) == 0 && whole && chmod(in_directory("new"), 0644) == 0 &&
           rename(in_directory("new"), path) == 0;
}

uint8_t *target_plugin(const char *name, size_t *size)
{
    const char *given = getenv("abs_top_builddir");
    char path[sizeof build + 128];
    struct stat status;
    uint8_t *data = NULL;

    snprintf(path, sizeof path, "%s/tests/plugins/%s.so", given != NULL ? given : ".", name);
    FILE *file = fopen(path, "rb");
    if (file != NULL && fstat(fileno(file), &status) == 0)
        data = malloc((size_t)status.st_size + 1);
    *size = data != NULL ? fread(data, 1, (size_t)status.st_size, file) : 0;
    if (file != NULL)
        fclose(file);
    return data;
}

static unsigned copies;

static int count_copy(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status;
    copies += type == FTW_F && walk->level > 1 && strstr(path + walk->base, ".so") != NULL;
    return 0;
}

unsigned target_copies(void)
{
    copies = 0;
    nftw(directory, count_copy, 16, FTW_PHYS);
    return copies;
}

void target_signal(int signal)
{
    kill(pid, signal);
}

const struct sockaddr *target_address(socklen_t *size)
{
    *size = sizeof address;
    return (const struct sockaddr *)&address;
}

/* ---- End ------------------------------------------------------------------------------------- */

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status, (void)type, (void)walk;
    return remove(path);
}

bool target_lives(void)
{
    return pid > 0 && waitpid(pid, NULL, WNOHANG) == 0;
}

bool target_end(void)
{
    uint64_t deadline = now_us() + STOP_MS * 1000ull;
    int status = -1;

    if (pid > 0) {
        kill(pid, SIGTERM);
        while (waitpid(pid, &status, WNOHANG) == 0) {
            if (now_us() > deadline)
                kill(pid, SIGKILL);
            poll(NULL, 0, 20);
        }
    }
    pid = 0;
    bool well = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    if (!well)
        target_show_log();
    if (server_log != NULL)
        fclose(server_log);
    if (news_log != NULL)
        fclose(news_log);
    nftw(directory, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    return well;
}

/* ---- What the system knows ------------------------------------------------------------------- */

static const char *in_proc(const char *name)
{
    static char path[64];

    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
    return path;
}

static void look_at_memory(struct look *look)
{
    FILE *file = fopen(in_proc("status"), "r");
    char line[256];
    size_t kilobytes;

    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        if (sscanf(line, "VmRSS: %zu", &kilobytes) == 1)
            look->resident = kilobytes * 1024;
        else if (sscanf(line, "VmHWM: %zu", &kilobytes) == 1)
            look->peak = kilobytes * 1024;
    }
    if (file != NULL)
        fclose(file);
}

static unsigned count_lines(const char *path)
{
    FILE *file = fopen(path, "r");
    unsigned count = 0;

    for (int c; file != NULL && (c = getc(file)) != EOF;)
        count += c == '\n';
    if (file != NULL)
        fclose(file);
    return count;
}

static unsigned count_entries(const char *path)
{
    DIR *entries = opendir(path);
    unsigned count = 0;

    for (struct dirent *entry; entries != NULL && (entry = readdir(entries)) != NULL;)
        count += entry->d_name[0] != '.';
    if (entries != NULL)
        closedir(entries);
    return count;
}

static void look_at_time(struct look *look)
{
    DIR *threads = opendir(in_proc("task"));

    for (struct dirent *entry; threads != NULL && (entry = readdir(threads)) != NULL;) {
        char path[512];
        unsigned long long ran, waited;

        snprintf(path, sizeof path, "%s/%s/schedstat", in_proc("task"), entry->d_name);
        FILE *file = entry->d_name[0] != '.' ? fopen(path, "r") : NULL;
        if (file != NULL && fscanf(file, "%llu %llu", &ran, &waited) == 2) {
            look->ran_us += ran / 1000;
            look->waited_us += waited / 1000;
        }
        if (file != NULL)
            fclose(file);
    }
    if (threads != NULL)
        closedir(threads);
}

struct look target_look(void)
{
    struct look look = {.descriptors = count_entries(in_proc("fd")),
                        .maps = count_lines(in_proc("maps"))};

    look_at_memory(&look);
    look_at_time(&look);
    return look;
}

void target_forget_peak(void)
{
    int fd = open(in_proc("clear_refs"), O_WRONLY | O_CLOEXEC);

    if (fd < 0 || write(fd, "5", 1) != 1) /* the peak then is that of the whole run */
        printf("soak: %s: %s\n", in_proc("clear_refs"), strerror(errno));
    if (fd >= 0)
        close(fd);
}

/* ---- What it logs ---------------------------------------------------------------------------- */

struct counted {
    char what[64];
    unsigned long count;
};

/* "conn.close/1013": the event, with the code or status that it came with. */
static bool name_line(const char *line, char what[64])
{
    char event[40];
    unsigned number;
    const char *code = strstr(line, " code="), *status = strstr(line, " status=");

    if (sscanf(line, "%*s %*s %39s", event) != 1 || strchr(event, '.') == NULL)
        return false;
    if (strcmp(event, "conn.open") == 0 || strcmp(event, "http.request") == 0)
        return false;
    if ((code != NULL && sscanf(code, " code=%u", &number) == 1) ||
        (status != NULL && sscanf(status, " status=%u", &number) == 1))
        snprintf(what, 64, "%s/%u", event, number);
    else
        snprintf(what, 64, "%s", event);
    return true;
}

static void count_line(struct counted *counted, const char *line)
{
    char what[64];

    if (!name_line(line, what))
        return;
    for (unsigned i = 0; i < COUNTED_MOST; i++, counted++) {
        if (counted->count == 0)
            snprintf(counted->what, sizeof counted->what, "%s", what);
        if (strcmp(counted->what, what) == 0) {
            counted->count++;
            return;
        }
    }
}

static int more_first(const void *a, const void *b)
{
    const struct counted *one = a, *other = b;

    return one->count < other->count ? 1 : one->count > other->count ? -1 : 0;
}

const char *target_counts(void)
{
    static char text[512];
    struct counted counted[COUNTED_MOST] = {0};
    char line[8192];
    int size = 0;

    clearerr(server_log);
    while (fgets(line, sizeof line, server_log) != NULL)
        count_line(counted, line);
    qsort(counted, COUNTED_MOST, sizeof *counted, more_first);
    *text = '\0';
    for (unsigned i = 0; i < 6 && counted[i].count > 0; i++)
        size += snprintf(text + size, sizeof text - (size_t)size, "%s%s %lu", i > 0 ? ", " : "",
                         counted[i].what, counted[i].count);
    return text;
}

void target_news(struct target_text *texts, unsigned count)
{
    char line[8192];

    for (unsigned i = 0; i < count; i++)
        texts[i].count = 0;
    clearerr(news_log);
    while (fgets(line, sizeof line, news_log) != NULL)
        for (unsigned i = 0; i < count; i++)
            texts[i].count += strstr(line, texts[i].text) != NULL;
}

void target_show_log(void)
{
    FILE *file = fopen(in_directory("log"), "r");
    char text[LOG_SHOWN + 1];

    if (file == NULL)
        return;
    fseek(file, 0, SEEK_END);
    long size = ftell(file);
    fseek(file, size > LOG_SHOWN ? size - LOG_SHOWN : 0, SEEK_SET);
    text[fread(text, 1, LOG_SHOWN, file)] = '\0';
    printf("---- the end of the server's log:\n%s----\n", text);
    fclose(file);
}
