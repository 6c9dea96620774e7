/*
 * conf/describe: the table of directives as text that reads well in a terminal and is a table of
 * Markdown too.
 */
#include <stdio.h>
#include <string.h>

#include "conf/config.h"
#include "conf/directive.h"

enum { NAME, STANDARD, RANGE, CHANGES, HELP, COLUMNS };

/* Cells of one row, and the widest of each column so far. */
struct row {
    char cells[COLUMNS][300];
};

struct table {
    struct text *out;
    int widths[COLUMNS]; /* 0: a first pass, which only measures */
    bool measuring;
};

static void tell(struct table *table, const struct row *row)
{
    for (int i = 0; i < COLUMNS; i++) {
        int size = (int)strlen(row->cells[i]);

        if (table->measuring && size > table->widths[i])
            table->widths[i] = size;
        if (!table->measuring && i < HELP)
            text_addf(table->out, "| %-*s ", table->widths[i], row->cells[i]);
        else if (!table->measuring)
            text_addf(table->out, "| %s |\n", row->cells[i]);
    }
}

static void set(struct row *row, int column, const char *text)
{
    snprintf(row->cells[column], sizeof row->cells[column], "%s", text != NULL ? text : "");
}

static void tell_setting(struct table *table, const char *directive, const struct setting *setting)
{
    struct row row;

    snprintf(row.cells[NAME], sizeof row.cells[NAME], "%s %s", directive, setting->name);
    set(&row, STANDARD, setting->standard);
    setting_range(setting, row.cells[RANGE], sizeof row.cells[RANGE]);
    set(&row, CHANGES, setting->live ? "reload" : "restart");
    set(&row, HELP, setting->help);
    tell(table, &row);
}

static void tell_directive(struct table *table, const struct directive *directive)
{
    struct row row;

    set(&row, NAME, directive->name);
    set(&row, STANDARD, directive->standard);
    set(&row, RANGE, directive->takes);
    if (directive->value != NULL)
        setting_range(directive->value, row.cells[RANGE], sizeof row.cells[RANGE]);
    set(&row, CHANGES, directive->live ? "reload" : "restart");
    if (directive->takes == NULL && directive->value == NULL)
        set(&row, CHANGES, NULL); /* its settings say it, each for itself */
    set(&row, HELP, directive->help);
    tell(table, &row);
    for (const struct setting *s = directive->settings; s != NULL && s->name != NULL; s++)
        tell_setting(table, directive->name, s);
}

static void tell_head(struct table *table)
{
    static const struct row head = {{"setting", "default", "value", "change needs", "meaning"}};
    struct row line;

    tell(table, &head);
    if (table->measuring)
        return;
    for (int i = 0; i < COLUMNS; i++) {
        int size = i < HELP ? table->widths[i] : 7;

        memset(line.cells[i], '-', (size_t)size);
        line.cells[i][size] = '\0';
    }
    tell(table, &line);
}

static void tell_all(struct table *table)
{
    tell_head(table);
    for (const struct directive *d = directives; d->name != NULL; d++)
        tell_directive(table, d);
}

void config_describe(struct text *out)
{
    struct table table = {.out = out, .measuring = true};

    tell_all(&table);
    table.measuring = false;
    tell_all(&table);
}
