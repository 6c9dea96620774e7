/*
 * reloads: the code is changed again and again under those who talk to it.
 *
 *     reloads               some reloads under few connections, as part of the suite
 *     reloads SECONDS       one each 100 ms, with all of the connections
 *
 * Every connection sends numbered messages, is told of events, and waits for timers and jobs; half
 * of them are a blocking consumer's. Nothing may be lost, come twice or in another order; whoever
 * is answered a second after a reload is answered by its code; what the server holds in the end is
 * what it held after the first ten reloads. Every tenth reload is of a file that is no consumer,
 * and must change nothing.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "target.h"

enum {
    LINES_MOST = 1000,
    LINES_FEW = 100,
    RELOADS_FEW = 30,
    SETTLED_AFTER = 10, /* reloads: what is held then is what may be held */
    RELOAD_EACH_MS = 100,
    SEND_EACH_MS = 200,
    SAY_EACH_MS = 250,
    QUICK_MS = 25,    /* what the p99 of the answers during a reload stays under */
    SWITCH_MS = 1000, /* after a reload, who is answered by old code; as much longer as others had
                         the cores */
    PATIENCE_MS = 60000,
    SAMPLES_MOST = 1 << 21,
    KEPT_MIB = 4,
    MAPS_KEPT = 16,
    BUFFER = 4096,
};

#define MARK "runner version "

/* A connection. */
struct line {
    int fd;
    bool blocking;
    uint8_t in[BUFFER];
    size_t size;
    bool awaits;       /* an answer */
    uint64_t sent;     /* by own_us... */
    uint64_t sent_at;  /* ...and by now_us */
    bool during;       /* ...with a reload under way... */
    unsigned asked;    /* ...or after so many */
    uint64_t next_at;  /* when it sends again */
    long long number;  /* of its last message */
    long long event;   /* the last one that it was told */
    long long timer;   /* the last one that came */
    unsigned jobs;     /* that came... */
    long long job_sum; /* ...and the sum of their numbers */
    long long due_sum; /* that it is to be */
    unsigned due;      /* messages that asked for a timer and a job */
};

static struct line lines[LINES_MOST];
static unsigned line_count;
static int epoll = -1;
static bool is_long;
static unsigned failed;

/* The versions: of the code that is served, at the latest since... */
static unsigned version = 1;
static uint64_t switched_at; /* ...now_us; 0: it is under way */
static long long events;     /* said so far */

/* How long answers took, of which a part was under a reload; and the others. */
struct samples {
    uint32_t *us;
    unsigned count;
};
static struct samples during, between;
static unsigned asked; /* reloads; the last one of them... */
static bool reloading; /* ...is under way */

__attribute__((format(printf, 2, 3))) static bool check(bool well, const char *format, ...)
{
    va_list args;

    if (well)
        return true;
    if (++failed <= 20) {
        printf("reloads: ");
        va_start(args, format);
        vprintf(format, args);
        va_end(args);
        printf("\n");
    }
    return false;
}

/* ---- Time ------------------------------------------------------------------------------------ */

static uint64_t own_us(void)
{
    static FILE *file;
    unsigned long long waited = 0;

    if (file == NULL)
        file = fopen("/proc/thread-self/schedstat", "r");
    if (file == NULL)
        return now_us();
    rewind(file);
    fflush(file);
    if (fscanf(file, "%*u %llu", &waited) != 1)
        waited = 0;
    return now_us() - waited / 1000;
}

static struct look first;

/* How much longer everything took the server because others had the cores. */
static double stretch(void)
{
    struct look now = target_look();
    double ran = (double)(now.ran_us - first.ran_us);
    double waited = (double)(now.waited_us - first.waited_us);

    return ran > 0 ? (ran + waited) / ran : 1;
}

/* ---- Code ------------------------------------------------------------------------------------ */

struct code {
    uint8_t *data;
    size_t size;
    char *digits; /* of its version */
};

static struct code codes[2][2]; /* of which consumer; with which state */

static bool read_code(struct code *code, const char *name)
{
    code->data = target_plugin(name, &code->size);
    if (code->data == NULL || code->size == 0)
        return false;
    uint8_t *mark = memmem(code->data, code->size, MARK, strlen(MARK));
    code->digits = mark != NULL ? (char *)mark + strlen(MARK) : NULL;
    return mark != NULL;
}

static bool read_codes(void)
{
    return read_code(&codes[0][0], "runner") && read_code(&codes[0][1], "runner_grown") &&
           read_code(&codes[1][0], "runner_blocking") &&
           read_code(&codes[1][1], "runner_blocking_grown");
}

/* The state changes with every third version. */
static bool put_code(unsigned number)
{
    static const char *const names[] = {"plain.so", "pool.so"};
    bool done = true;

    for (unsigned i = 0; i < 2; i++) {
        struct code *code = &codes[i][number / 3 % 2];
        char digits[16];

        snprintf(digits, sizeof digits, "%06u", number % 1000000);
        memcpy(code->digits, digits, 6);
        done = target_put(names[i], code->data, code->size) && done;
    }
    return done;
}

/* ---- Lines ----------------------------------------------------------------------------------- */

static void say(struct line *line, const char *text)
{
    size_t size = strlen(text);
    uint8_t frame[6 + 125] = {0x81, (uint8_t)(0x80 | size)};

    memcpy(frame + 6, text, size);
    check(send(line->fd, frame, 6 + size, MSG_NOSIGNAL) == (ssize_t)(6 + size),
          "connection %d does not take what it is sent: %s", (int)(line - lines), strerror(errno));
}

static void send_next(struct line *line)
{
    char text[32];

    line->number++;
    if (line->number % 8 == 0) {
        line->due++;
        line->due_sum += line->number;
    }
    line->awaits = true;
    line->sent_at = now_us();
    line->sent = own_us();
    line->during = reloading;
    line->asked = asked;
    snprintf(text, sizeof text, "%lld", line->number);
    say(line, text);
}

static void note(const struct line *line, uint64_t us)
{
    bool met = line->during || reloading || line->asked != asked;
    struct samples *samples = met ? &during : &between;

    if (samples->count < SAMPLES_MOST)
        samples->us[samples->count++] = us < UINT32_MAX ? (uint32_t)us : UINT32_MAX;
}

static void take_answer(struct line *line, long long number, unsigned by)
{
    uint64_t now = own_us();
    int index = (int)(line - lines);

    check(line->awaits && number == line->number, "connection %d: %lld is answered, of %lld", index,
          number, line->number);
    line->awaits = false;
    note(line, now > line->sent ? now - line->sent : 0);
    if (switched_at == 0 || by >= version || line->sent_at < switched_at + SWITCH_MS * 1000ull)
        return;
    check((double)(line->sent_at - switched_at) / 1000 < SWITCH_MS * stretch(),
          "connection %d is answered by version %u %llu ms after a reload to %u", index, by,
          (unsigned long long)(line->sent_at - switched_at) / 1000, version);
}

static void take(struct line *line, const char *text)
{
    int index = (int)(line - lines);
    long long number;
    unsigned by;
    char what;

    if (!check(sscanf(text, "%c %lld %u", &what, &number, &by) == 3, "connection %d is sent \"%s\"",
               index, text))
        return;
    switch (what) {
    case 'a':
        take_answer(line, number, by);
        break;
    case 'e':
        check(number == line->event + 1, "connection %d: event %lld after %lld", index, number,
              line->event);
        line->event = number;
        break;
    case 't':
        check(number == line->timer + 8, "connection %d: timer %lld after %lld", index, number,
              line->timer);
        line->timer = number;
        break;
    case 'j':
        line->jobs++;
        line->job_sum += number;
        break;
    default:
        check(false, "connection %d: its code lost count at %lld", index, number);
    }
}

/* Short frames of text are all that may come. */
static void take_frames(struct line *line)
{
    size_t at = 0;

    while (line->size - at >= 2) {
        size_t size = line->in[at + 1];
        char text[128];

        if (!check(line->in[at] == 0x81 && size < sizeof text,
                   "connection %d gets a frame %02x %zu", (int)(line - lines), line->in[at],
                   size)) {
            at = line->size;
            break;
        }
        if (line->size - at < 2 + size)
            break;
        memcpy(text, line->in + at + 2, size);
        text[size] = '\0';
        at += 2 + size;
        take(line, text);
    }
    memmove(line->in, line->in + at, line->size - at);
    line->size -= at;
}

static void receive(struct line *line)
{
    ssize_t got = recv(line->fd, line->in + line->size, BUFFER - line->size, MSG_DONTWAIT);

    if (got > 0) {
        line->size += (size_t)got;
        take_frames(line);
    } else if (got == 0 || errno != EAGAIN) {
        check(false, "connection %d is lost", (int)(line - lines));
        epoll_ctl(epoll, EPOLL_CTL_DEL, line->fd, NULL);
    }
}

static bool shake(int fd, const char *path)
{
    char text[256], last[4] = "";
    int size =
        snprintf(text, sizeof text,
                 "GET %s HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                 "Sec-WebSocket-Version: 13\r\n"
                 "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
                 path);

    if (send(fd, text, (size_t)size, MSG_NOSIGNAL) != size)
        return false;
    while (memcmp(last, "\r\n\r\n", 4) != 0) {
        memmove(last, last + 1, 3);
        if (recv(fd, last + 3, 1, 0) != 1)
            return false;
    }
    return true;
}

static bool open_line(struct line *line)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = line};
    struct timeval patience = {.tv_sec = PATIENCE_MS / 1000};
    socklen_t size;
    const struct sockaddr *server = target_address(&size);
    int on = 1;

    line->blocking = (line - lines) % 2 == 1;
    line->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (line->fd < 0)
        return false;
    setsockopt(line->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(line->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    return connect(line->fd, server, size) == 0 &&
           shake(line->fd, line->blocking ? "/pool/" : "/plain/") &&
           epoll_ctl(epoll, EPOLL_CTL_ADD, line->fd, &event) == 0;
}

static bool open_lines(void)
{
    epoll = epoll_create1(EPOLL_CLOEXEC);
    for (line_count = 0; line_count < (is_long ? LINES_MOST : LINES_FEW); line_count++) {
        if (!open_line(&lines[line_count]))
            return check(false, "connection %u is not served: %s", line_count, strerror(errno));
        /* They send one after the other, not all at once; and so they ask for jobs. */
        lines[line_count].number = line_count % 8;
        lines[line_count].next_at = now_us() + line_count * SEND_EACH_MS * 1000ull / LINES_FEW;
    }
    return true;
}

static bool is_done(const struct line *line)
{
    return !line->awaits && line->event == events && line->jobs == line->due &&
           line->job_sum == line->due_sum && line->timer == 8 * (long long)line->due;
}

/* A turn: whoever may sends, and what has come is taken. */
static void turn(bool sends)
{
    static uint64_t said_at;
    struct epoll_event ready[64];
    uint64_t now = now_us();

    for (unsigned i = 0; sends && i < line_count; i++) {
        if (lines[i].awaits || now < lines[i].next_at)
            continue;
        lines[i].next_at = now + SEND_EACH_MS * 1000ull * (is_long ? 2 : 1);
        send_next(&lines[i]);
    }
    if (sends && now - said_at >= SAY_EACH_MS * 1000ull) {
        char text[32];

        said_at = now;
        snprintf(text, sizeof text, "say %lld", ++events);
        say(&lines[0], text);
    }
    int count = epoll_wait(epoll, ready, 64, 2);
    for (int i = 0; i < count; i++)
        receive(ready[i].data.ptr);
}

/* ---- Reloads --------------------------------------------------------------------------------- */

static struct target_text news[] = {{" reload.done ", 0}, {" reload.refused ", 0}};

/* Until the reload that was asked for is over. */
static bool await(bool bad)
{
    uint64_t deadline = now_us() + PATIENCE_MS * 1000ull, looked = 0;

    while (now_us() < deadline) {
        turn(true);
        if (now_us() - looked < 5000)
            continue;
        looked = now_us();
        target_news(news, 2);
        if (news[0].count + news[1].count > 0)
            return check(news[0].count == !bad && news[1].count == bad,
                         "version %u: %u reloads are done, %u refused", version, news[0].count,
                         news[1].count);
    }
    return check(false, "version %u: the reload has no end", version);
}

static bool reload(unsigned number)
{
    bool bad = number % 10 == 9;
    bool put = bad ? target_put("plain.so", "no", 2) : put_code(number);

    if (!check(put, "no room for files"))
        return false;
    if (!bad) {
        switched_at = 0;
        version = number;
    }
    asked++;
    reloading = true;
    target_signal(SIGHUP);
    bool done = await(bad);
    reloading = false;
    if (done && !bad)
        switched_at = now_us();
    return done;
}

/* Until all that was asked for has come. */
static void await_all(void)
{
    uint64_t deadline = now_us() + PATIENCE_MS * 1000ull;
    unsigned done = 0;

    while (done < line_count && now_us() < deadline) {
        turn(false);
        for (done = 0; done < line_count && is_done(&lines[done]);)
            done++;
    }
    if (done == line_count)
        return;
    const struct line *line = &lines[done];
    check(
        false,
        "connection %u: of %lld messages the last is %s, of %lld events it has %lld, of %u timers "
        "and jobs %lld and %u",
        done, line->number, line->awaits ? "not answered" : "answered", events, line->event,
        line->due, line->timer / 8, line->jobs);
}

/* ---- The whole ------------------------------------------------------------------------------- */

static int less_first(const void *a, const void *b)
{
    uint32_t one = *(const uint32_t *)a, other = *(const uint32_t *)b;

    return one < other ? -1 : one > other;
}

static double sample(const struct samples *samples, double part)
{
    unsigned at = (unsigned)(part * samples->count);

    if (samples->count == 0)
        return 0;
    return samples->us[at < samples->count ? at : samples->count - 1] / 1000.0;
}

static bool memory_counts(void)
{
    const char *sanitize = getenv("SANITIZE");

    return sanitize == NULL || *sanitize == '\0';
}

/* What is held, once all that goes has gone. */
static struct look look_settled(unsigned descriptors)
{
    uint64_t deadline = now_us() + PATIENCE_MS * 1000ull;
    struct look look = target_look();

    while ((target_copies() != 2 || (descriptors > 0 && look.descriptors != descriptors)) &&
           now_us() < deadline) {
        turn(true);
        look = target_look();
    }
    return look;
}

static void check_held(const struct look *then)
{
    struct look now = look_settled(then->descriptors);

    printf("reloads: %.1f MiB of %.1f, %u mappings of %u, %u descriptors of %u, %u copies\n",
           (double)now.resident / (1 << 20), (double)then->resident / (1 << 20), now.maps,
           then->maps, now.descriptors, then->descriptors, target_copies());
    check(target_copies() == 2, "%u private copies are left of 2", target_copies());
    check(now.descriptors == then->descriptors, "%u descriptors became %u", then->descriptors,
          now.descriptors);
    if (!memory_counts())
        return;
    check(now.maps < then->maps + MAPS_KEPT, "%u mappings became %u", then->maps, now.maps);
    check(now.resident < then->resident + ((size_t)KEPT_MIB << 20), "%zu bytes became %zu",
          then->resident, now.resident);
}

static void print_times(const char *when, struct samples *samples)
{
    qsort(samples->us, samples->count, sizeof *samples->us, less_first);
    printf("reloads: %u answers %s them: p50 %.2f ms, p99 %.2f, most %.2f\n", samples->count, when,
           sample(samples, 0.5), sample(samples, 0.99), sample(samples, 1));
}

/* On a machine that others use it is as slow between reloads. */
static void check_times(unsigned count)
{
    double slower = stretch();

    printf("reloads: %u on %u connections; stretch %.1f\n", count, line_count, slower);
    print_times("during", &during);
    print_times("between", &between);
    double most = QUICK_MS + (slower > 1.5 ? sample(&between, 0.99) : 0);
    if (is_long)
        check(sample(&during, 0.99) < most, "the p99 is %.2f ms, where %.2f are allowed",
              sample(&during, 0.99), most);
}

static void run(unsigned reloads)
{
    struct look then = {0};
    unsigned count = 0;

    first = target_look();
    target_news(news, 2);
    for (uint64_t next = now_us(); count < reloads; next += RELOAD_EACH_MS * 1000ull) {
        while (now_us() < next)
            turn(true);
        if (!reload(count + 2) || !target_lives())
            break;
        if (++count == SETTLED_AFTER)
            then = look_settled(0);
    }
    check(count == reloads, "after %u reloads of %u the end was near", count, reloads);
    check_held(&then);
    await_all();
    check_times(count);
    for (unsigned i = 0; i < line_count; i++)
        close(lines[i].fd);
}

static void raise_file_limit(void)
{
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files) != 0)
        return;
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
}

int main(int argc, char **argv)
{
    static const char conf[] = "loops 2\npool threads=4 queue=100k\nreload pause=10s\n"
                               "limits ping=off events=100k\n"
                               "ws /plain/ plain.so\nws /pool/ pool.so\n";
    int seconds = argc > 1 ? atoi(argv[1]) : 0;

    if (argc > 2 || (argc > 1 && seconds <= 0)) {
        printf("usage: reloads [SECONDS]\n");
        return 2;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    signal(SIGPIPE, SIG_IGN);
    raise_file_limit();
    is_long = seconds > 0;
    during.us = malloc(SAMPLES_MOST * sizeof *during.us);
    between.us = malloc(SAMPLES_MOST * sizeof *between.us);
    if (during.us == NULL || between.us == NULL || !read_codes() || !put_code(version)) {
        printf("reloads: there is no consumer to change\n");
        return 1;
    }
    if (!target_begin(conf))
        return 1;
    if (open_lines())
        run(is_long ? (unsigned)seconds * 1000 / RELOAD_EACH_MS : RELOADS_FEW);
    if (failed > 0)
        target_show_log();
    check(target_end(), "the server did not end well");
    for (unsigned i = 0; i < 4; i++)
        free(codes[i / 2][i % 2].data);
    free(during.us);
    free(between.us);
    printf("%u failed\n", failed);
    return failed == 0 ? 0 : 1;
}
