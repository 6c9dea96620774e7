/*
 * soak: everything a client can do to a server, one after the other, and what that does to it.
 *
 *     soak                 some seconds, with few connections, as part of the suite
 *     soak SECONDS         with all of them, shared out among the attacks; 120 and more say
 * something soak SECONDS NAME    the attacks alone whose name holds this
 *
 * Each attack has a bound: what the server holds at the start, and what the limits let each of its
 * connections make it hold. The server must stay within it, let go of what it took, give back every
 * descriptor, and answer an ordinary client all the while.
 */
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "attack.h"
#include "beside.h"
#include "line.h"
#include "target.h"

#define MIB (1024.0 * 1024.0)

enum {
    SHORT_MS = 1200,        /* each attack's, in the suite */
    SETTLE_MS = 20000,      /* for descriptors to be given back, on a machine that is busy */
    SHRINK_MS = 4000,       /* for memory... */
    SHRINK_LAST_MS = 20000, /* ...and in the end: compressors rest for ten seconds first */
    FILES_KEPT = 200,       /* descriptors that are no attacker's */
    QUICK_MS = 20, /* what the ordinary client's p99 stays under, while nobody else has the cores */
    AFTER_EACH = 16, /* MiB that may be kept... */
    AFTER_ALL = 8,   /* ...and in the end */
    MAPS_KEPT = 64,
    LOOPS = 2,
};

/*
 * What the limits add up to, as docs/limits.md has it, beside what each attack's own connections
 * can make the server hold:
 * - a connection at rest, with its request's head, path and state: 2 KiB
 * - a loop: free blocks for output, 4 MiB; the buffer it receives into, compressors: 1 MiB
 * - where messages are compressed, four times the largest one a loop
 * - what may be left of attacks before
 */
#define HELD_AT_REST   (2 * 1024)
#define HELD_BY_LOOPS  (LOOPS * (5 * 1024 * 1024 + 4 * LIMIT_MESSAGE))
#define KEPT_OF_OTHERS (AFTER_EACH * 1024 * 1024)

static bool is_long;
static const char *wanted = ""; /* of an attack's name */
static unsigned attack_ms;
static unsigned passed, failed;
static struct look start; /* before everything */

__attribute__((format(printf, 2, 3))) static void check(bool well, const char *format, ...)
{
    va_list args;

    passed += well;
    failed += !well;
    if (well)
        return;
    printf("soak: ");
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    printf("\n");
}

/* A sanitizer's memory is its own business. */
static bool memory_counts(void)
{
    const char *sanitize = getenv("SANITIZE");

    return sanitize == NULL || *sanitize == '\0';
}

/* ---- One attack ------------------------------------------------------------------------------ */

static unsigned count_of(const struct attack *attack)
{
    struct rlimit files;
    unsigned count = is_long ? attack->many : attack->few;

    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < count + FILES_KEPT)
        return files.rlim_cur > 2 * FILES_KEPT ? (unsigned)files.rlim_cur - FILES_KEPT : FILES_KEPT;
    return count;
}

static size_t bound_of(const struct attack *attack, unsigned count)
{
    return start.resident + KEPT_OF_OTHERS + HELD_BY_LOOPS + count * (HELD_AT_REST + attack->held);
}

/* Waits until the server has let go of everything, or the time for that is over. A short run is
 * content with what must be. */
static struct look settle(const struct look *before, unsigned most_mib, unsigned shrink_ms)
{
    uint64_t began = now_us();
    size_t most = start.resident + (size_t)(most_mib * MIB) / (is_long ? 4 : 1);
    struct look look = target_look();

    while (look.descriptors != before->descriptors && now_us() - began < SETTLE_MS * 1000ull) {
        poll(NULL, 0, 20);
        look = target_look();
    }
    began = now_us();
    while (memory_counts() && look.resident > most && now_us() - began < shrink_ms * 1000ull) {
        poll(NULL, 0, 100);
        look = target_look();
    }
    return look;
}

/* How much longer everything took the server because others had the cores. */
static double stretch_of(const struct look *before, const struct look *during)
{
    double ran = (double)(during->ran_us - before->ran_us);
    double waited = (double)(during->waited_us - before->waited_us);

    return ran > 0 ? (ran + waited) / ran : 1;
}

/* What was seen of an attack. */
struct seen {
    const char *name;
    unsigned count; /* of its connections */
    double seconds;
    size_t bound;
    struct line_counts lines;
    struct beside beside;
    struct look before, during, after; /* during: at its end */
};

/* RSS in MiB; descriptors before and after; p50 and p99 in ms of the ordinary client's echoes and
 * messages to its group. */
static void print_head(void)
{
    printf("%-24s %6s %5s %7s %7s %7s %6s %6s %6s %12s  %5s %6s  %5s %6s  %5s %8s  %s\n", "",
           "lines", "s", "dialled", "opened", "before", "most", "bound", "after", "descriptors",
           "echo", "p99", "group", "p99", "CPU", "stretch", "logged");
}

static void print_seen(const struct seen *seen)
{
    double cpu = (double)(seen->during.ran_us - seen->before.ran_us) / seen->seconds / 1e4;

    printf("%-24s %6u %5.1f %7lu %7lu %7.1f %6.1f %6.0f %6.1f %6u %5u  %5.2f %6.2f  %5.2f %6.2f "
           "%4.0f%% %8.1f  %s\n",
           seen->name, seen->count, seen->seconds, seen->lines.dialled, seen->lines.opened,
           seen->before.resident / MIB, seen->during.peak / MIB, seen->bound / MIB,
           seen->after.resident / MIB, seen->before.descriptors, seen->after.descriptors,
           seen->beside.echo.p50, seen->beside.echo.p99, seen->beside.group.p50,
           seen->beside.group.p99, cpu, stretch_of(&seen->before, &seen->during), target_counts());
    fflush(stdout);
}

static void check_times(const struct seen *seen, const char *of, const struct times *times)
{
    double stretch = stretch_of(&seen->before, &seen->during);

    check(times->count > 0, "%s: the ordinary client's %s was never answered", seen->name, of);
    if (is_long)
        check(times->p99 < QUICK_MS * stretch,
              "%s: the p99 of the ordinary client's %s is %.1f ms, where %.1f are allowed",
              seen->name, of, times->p99, QUICK_MS * stretch);
}

static void check_beside(const struct seen *seen)
{
    check(seen->beside.well, "%s: %s", seen->name, seen->beside.what);
    check_times(seen, "echo", &seen->beside.echo);
    check_times(seen, "group", &seen->beside.group);
}

static void check_server(const struct seen *seen)
{
    const struct look *before = &seen->before, *after = &seen->after;

    check(target_lives(), "%s: the server is gone", seen->name);
    check(after->descriptors == before->descriptors, "%s: %u descriptors became %u", seen->name,
          before->descriptors, after->descriptors);
    if (!memory_counts())
        return;
    check(after->maps < start.maps + MAPS_KEPT, "%s: %u mappings became %u", seen->name, start.maps,
          after->maps);
    check(seen->during.peak <= seen->bound,
          "%s: %.1f MiB in memory, where the limits add up to %.1f", seen->name,
          seen->during.peak / MIB, seen->bound / MIB);
    check(after->resident <= start.resident + (size_t)(AFTER_EACH * MIB),
          "%s: of %.1f MiB became %.1f, more than %d beyond", seen->name, start.resident / MIB,
          after->resident / MIB, AFTER_EACH);
}

static void run_attack(const struct attack *attack)
{
    struct seen seen = {.name = attack->name, .count = count_of(attack), .before = target_look()};
    uint64_t began = now_us();

    seen.bound = bound_of(attack, seen.count);
    target_forget_peak();
    beside_take();
    if (!lines_begin(attack, seen.count)) {
        check(false, "%s: no memory, or no descriptors", attack->name);
        return;
    }
    lines_run(began + attack_ms * 1000ull);
    seen.beside = beside_take();
    seen.during = target_look();
    seen.seconds = (double)(now_us() - began) / 1e6;
    seen.lines = lines_end();
    seen.after = settle(&seen.before, AFTER_EACH, SHRINK_MS);
    print_seen(&seen);
    check_beside(&seen);
    check_server(&seen);
}

static bool is_wanted(const struct attack *attack)
{
    return strstr(attack->name, wanted) != NULL;
}

/* ---- All of them ----------------------------------------------------------------------------- */

/* The ordinary client alone: what it meets when nobody is after the server. */
static void run_baseline(void)
{
    struct seen seen = {.name = "nobody", .seconds = attack_ms / 1000.0};

    beside_take();
    target_forget_peak();
    seen.before = target_look();
    poll(NULL, 0, (int)attack_ms);
    seen.beside = beside_take();
    start = seen.during = seen.after = target_look();
    seen.bound = start.peak;
    print_seen(&seen);
    check_beside(&seen);
}

static void run_all(void)
{
    print_head();
    run_baseline();
    for (const struct attack *attack = attacks; attack->name != NULL && target_lives(); attack++)
        if (is_wanted(attack))
            run_attack(attack);
    if (!memory_counts())
        return;
    struct look end = settle(&start, AFTER_ALL, SHRINK_LAST_MS);
    check(end.resident <= start.resident + (size_t)(AFTER_ALL * MIB),
          "after all: of %.1f MiB became %.1f, more than %d beyond", start.resident / MIB,
          end.resident / MIB, AFTER_ALL);
    printf("in the end %.1f MiB of %.1f, %u mappings of %u\n", end.resident / MIB,
           start.resident / MIB, end.maps, start.maps);
}

static void raise_file_limit(void)
{
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files) != 0)
        return;
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
}

static unsigned share_of(unsigned seconds)
{
    unsigned count = 1; /* nobody */

    for (const struct attack *attack = attacks; attack->name != NULL; attack++)
        count += is_wanted(attack);
    return seconds * 1000 / count;
}

int main(int argc, char **argv)
{
    int seconds = argc > 1 ? atoi(argv[1]) : 0;

    if (argc > 3 || (argc > 1 && seconds <= 0)) {
        printf("usage: soak [SECONDS [NAME]]\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    raise_file_limit();
    is_long = seconds > 0;
    if (argc > 2)
        wanted = argv[2];
    attack_ms = is_long ? share_of((unsigned)seconds) : SHORT_MS;
    attacks_prepare();
    if (!target_begin(attacks_conf()))
        return 1;
    if (beside_begin()) {
        run_all();
        beside_end();
    } else {
        check(false, "the ordinary client is not served");
    }
    check(target_end(), "the server did not end well");
    printf("%u passed, %u failed\n", passed, failed);
    return failed == 0 ? 0 : 1;
}
