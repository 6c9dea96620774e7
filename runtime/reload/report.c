/*
 * reload/report: what became of a reload, mount by mount, and in words.
 *
 * A mount is the same one as before if it has the same pattern: that is how people know it.
 */
#include "reload/report.h"

#include <string.h>

#include "base/mem.h"

/* ---- Rows ----------------------------------------------------------------------------------- */

static const struct mount *find(const struct routing *routing, const struct mount *like)
{
    for (unsigned i = 0; i < routing->mount_count; i++) {
        const struct mount *mount = &routing->mounts[i];

        if (mount->generation != NULL && strcmp(mount->config->route, like->config->route) == 0)
            return mount;
    }
    return NULL;
}

static uint64_t number_of(const struct mount *mount)
{
    return mount != NULL ? generation_number(mount->generation) : 0;
}

static struct reload_row row_of(const struct mount *old, const struct mount *new)
{
    const struct mount *mount = new != NULL ? new : old;
    struct reload_row row = {.mount = mount->config->route,
                             .consumer = generation_name(mount->generation),
                             .from = number_of(old),
                             .to = number_of(new)};

    if (new != NULL) {
        row.moved = (unsigned)atomic_load(&new->moved);
        row.upgraded = (unsigned)atomic_load(&new->upgraded);
        row.stayed = (unsigned)atomic_load(&new->stayed);
        row.draining = (unsigned)atomic_load(&new->draining);
    }
    if (old != NULL) {
        row.stayed += (unsigned)atomic_load(&old->left);
        row.draining += (unsigned)atomic_load(&old->left_draining);
    }
    row.change = old == NULL          ? RELOAD_ADDED
                 : new == NULL        ? RELOAD_REMOVED
                 : row.from == row.to ? RELOAD_SAME
                                      : RELOAD_CHANGED;
    return row;
}

void report_fill(struct reload_report *report, const struct routing *now,
                 const struct routing *next)
{
    struct reload_row *rows = mem_alloc((now->mount_count + next->mount_count + 1) * sizeof *rows);

    if (rows == NULL)
        return;
    for (unsigned i = 0; i < next->mount_count; i++) {
        const struct mount *mount = &next->mounts[i];

        if (mount->generation != NULL)
            rows[report->row_count++] = row_of(find(now, mount), mount);
    }
    for (unsigned i = 0; i < now->mount_count; i++) {
        const struct mount *mount = &now->mounts[i];

        if (mount->generation != NULL && find(next, mount) == NULL)
            rows[report->row_count++] = row_of(mount, NULL);
    }
    report->rows = rows;
}

void report_clear(struct reload_report *report)
{
    mem_free((struct reload_row *)report->rows);
    report->rows = NULL;
    report->row_count = 0;
}

/* ---- In words ------------------------------------------------------------------------------- */

static void add_count(struct text *out, unsigned count, const char *what)
{
    if (count > 0)
        text_addf(out, "%s%u %s%s", out->size > 0 ? ", " : "", count, what, count == 1 ? "" : "s");
}

void reload_summary(const struct diag *diag, struct text *out)
{
    add_count(out, diag->errors, "error");
    add_count(out, diag->warnings, "warning");
    if (out->size == 0)
        text_add_str(out, "no issues");
}

static void describe_connections(const struct reload_row *row, struct text *out)
{
    const struct {
        unsigned count;
        const char *what;
    } parts[] = {
        {row->moved, "moved"},
        {row->upgraded, "upgraded"},
        {row->stayed - row->draining, "left with the old code"},
        {row->draining, "to be closed"},
    };
    const char *before = ": ";

    for (unsigned i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (parts[i].count == 0)
            continue;
        text_addf(out, "%s%u %s", before, parts[i].count, parts[i].what);
        before = ", ";
    }
}

static void describe_row(const struct reload_row *row, struct text *out)
{
    unsigned long long from = row->from, to = row->to;

    switch (row->change) {
    case RELOAD_SAME:
        if (row->moved + row->upgraded + row->stayed == 0)
            return;
        text_addf(out, "  %s  %s (generation %llu)", row->mount, row->consumer, to);
        break;
    case RELOAD_CHANGED:
        text_addf(out, "  %s  %s (generation %llu, was %llu)", row->mount, row->consumer, to, from);
        break;
    case RELOAD_ADDED:
        text_addf(out, "  %s  %s (generation %llu), new", row->mount, row->consumer, to);
        break;
    case RELOAD_REMOVED:
        text_addf(out, "  %s  %s (generation %llu), removed", row->mount, row->consumer, from);
        break;
    }
    describe_connections(row, out);
    text_add_str(out, "\n");
}

void reload_describe(const struct reload_report *report, struct text *out)
{
    struct text summary = {0};

    for (unsigned i = 0; i < report->row_count; i++)
        describe_row(&report->rows[i], out);
    reload_summary(report->diag, &summary);
    const char *found = summary.failed ? "no memory" : summary.data;
    if (report->done)
        text_addf(out,
                  "sluice: reloaded in %llu ms (loaded in %llu, paused for %llu, moved in %llu); "
                  "%s\n",
                  (unsigned long long)report->ms, (unsigned long long)report->load_ms,
                  (unsigned long long)report->pause_ms, (unsigned long long)report->move_ms, found);
    else
        text_addf(out, "sluice: %s; nothing has changed\n", found);
    text_free(&summary);
}
