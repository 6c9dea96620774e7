/*
 * watch/tell: what --watch shows: one line for each thing that happened.
 */
#include "watch/tell.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define STILL_SERVING "still serving what was there before"

static bool wants_colours(void)
{
    const char *no = getenv("NO_COLOR"), *terminal = getenv("TERM");

    return isatty(STDERR_FILENO) && (no == NULL || *no == '\0') && terminal != NULL &&
           strcmp(terminal, "dumb") != 0;
}

struct teller teller_of(enum log_format format)
{
    return (struct teller){.format = format, .colours = format == LOG_PLAIN && wants_colours()};
}

static void print_line(const struct teller *teller, bool good, const char *what, const char *became)
{
    const char *on = good ? "\033[32m" : "\033[31m", *off = "\033[0m";
    time_t now = time(NULL);
    struct tm local;
    char at[16];

    strftime(at, sizeof at, "%H:%M:%S", localtime_r(&now, &local));
    fprintf(stderr, "%s %s: %s%s%s\n", at, what, teller->colours ? on : "", became,
            teller->colours ? off : "");
}

void teller_say(const struct teller *teller, bool good, const char *what, const char *format, ...)
{
    struct text became = {0};
    va_list arguments;

    va_start(arguments, format);
    text_vaddf(&became, format, arguments);
    va_end(arguments);
    const char *said = became.failed || became.data == NULL ? "no memory" : became.data;
    if (teller->format == LOG_JSON)
        log_write(good ? LOG_INFO : LOG_ERROR, "watch", LOG_STR("what", what),
                  LOG_STR("became", said));
    else
        print_line(teller, good, what, said);
    text_free(&became);
}

void teller_no_memory(const struct teller *teller)
{
    teller_say(teller, false, "watch", "no memory to look at all files");
}

bool describe_changed(const struct file_set *one, const struct file_set *other, struct text *out)
{
    unsigned more = 0;

    files_names(one, out, &more);
    if (other != NULL)
        files_names(other, out, &more);
    if (out->size == 0 || out->failed)
        return false;
    if (more > 0)
        text_addf(out, " and %u more", more);
    text_add_str(out, " changed");
    return !out->failed;
}

static void add_count(struct text *out, unsigned count, const char *one, const char *more)
{
    if (count > 0)
        text_addf(out, "%s%u %s", out->size > 0 ? ", " : "", count, count == 1 ? one : more);
}

static void describe_refusal(const struct reload_report *report, struct text *out)
{
    struct text summary = {0};

    reload_summary(report->diag, &summary);
    text_addf(out, "refused: %s, " STILL_SERVING, summary.failed ? "no memory" : summary.data);
    text_free(&summary);
}

/* Counts those whose code has changed: that the others go on in a new table is no news. */
void describe_reload(const struct reload_report *report, bool conf, struct text *out)
{
    unsigned moved = 0, upgraded = 0, stayed = 0;
    bool changed = conf;

    if (!report->done) {
        describe_refusal(report, out);
        return;
    }
    for (unsigned i = 0; i < report->row_count; i++) {
        const struct reload_row *row = &report->rows[i];

        if (row->change == RELOAD_SAME)
            continue;
        changed = true;
        moved += row->moved;
        upgraded += row->upgraded;
        stayed += row->stayed;
    }
    add_count(out, moved, "connection moved", "connections moved");
    add_count(out, upgraded, "connection upgraded", "connections upgraded");
    add_count(out, stayed, "connection stays with its code", "connections stay with their code");
    if (changed)
        text_addf(out, "%s in %llu ms", out->size == 0 ? "done" : "",
                  (unsigned long long)report->ms);
    else
        text_add_str(out, "it is the same as before");
}

void describe_failure(int status, struct text *out)
{
    if (WIFSIGNALED(status))
        text_addf(out, "ended by signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
    else
        text_addf(out, "failed with status %d", WEXITSTATUS(status));
    text_add_str(out, ", " STILL_SERVING);
}
