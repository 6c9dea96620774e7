/*
 * conf/setting: one value of routing.conf: what it may be, what it is, and where it is kept.
 */
#include "conf/setting.h"

#include <stdio.h>
#include <string.h>

#include "base/rate.h"
#include "base/utf8.h"

struct unit {
    const char *name;
    uint64_t factor;
};

static const struct unit counts[] = {{"", 1}, {"k", 1000}, {"m", 1000000}, {NULL, 0}};

static const struct unit sizes[] = {
    {"", 1},   {"k", UINT64_C(1) << 10}, {"m", UINT64_C(1) << 20}, {"g", UINT64_C(1) << 30},
    {NULL, 0},
};

static const struct unit times[] = {
    {"ms", 1}, {"s", 1000}, {"m", 60 * 1000}, {"h", 3600 * 1000}, {"d", 24 * 3600 * 1000},
    {NULL, 0},
};

/* What a rate is for. */
static const struct unit spans[] = {
    {"s", 1000},
    {"m", 60 * 1000},
    {"h", 3600 * 1000},
    {NULL, 0},
};

bool setting_is_number(const struct setting *setting)
{
    return setting->kind != SETTING_NAME && setting->kind != SETTING_FIELD;
}

static bool is_rate(enum setting_kind kind)
{
    return kind == SETTING_RATE || kind == SETTING_BYTES;
}

static const struct unit *units_of(enum setting_kind kind)
{
    if (kind == SETTING_TIME || kind == SETTING_SECONDS)
        return times;
    return kind == SETTING_SIZE || kind == SETTING_BYTES ? sizes : counts;
}

static const struct unit *find_unit(const struct unit *unit, struct slice name)
{
    while (unit->name != NULL && !slice_equal(name, slice_of(unit->name)))
        unit++;
    return unit->name != NULL ? unit : NULL;
}

/* Digits in front of a value. A number that is too large stays at the largest there is. */
static uint64_t read_digits(struct slice *value, unsigned base)
{
    uint64_t number = 0;

    while (value->size > 0 && value->data[0] >= '0' && value->data[0] < (char)('0' + base)) {
        unsigned digit = (unsigned)(value->data[0] - '0');

        number = number > (UINT64_MAX - digit) / base ? UINT64_MAX : number * base + digit;
        value->data++;
        value->size--;
    }
    return number;
}

static bool read_mode(struct slice value, uint64_t *number)
{
    bool digits = value.size > 0;

    *number = read_digits(&value, 8);
    return digits && value.size == 0;
}

/* Digits and a unit. `unit_missing`: it is only that. */
static bool read_quantity(struct slice value, const struct unit *units, uint64_t *number,
                          bool *unit_missing)
{
    struct slice rest = value;
    const struct unit *unit;

    *number = read_digits(&rest, 10);
    *unit_missing = rest.size == 0 && value.size > 0;
    unit = rest.size < value.size ? find_unit(units, rest) : NULL;
    if (unit == NULL)
        return false;
    *number = *number > UINT64_MAX / unit->factor ? UINT64_MAX : *number * unit->factor;
    return true;
}

static bool read_number(const struct setting *setting, struct slice value, uint64_t *number,
                        bool *unit_missing)
{
    *unit_missing = false;
    if (setting->kind == SETTING_MODE)
        return read_mode(value, number);
    return read_quantity(value, units_of(setting->kind), number, unit_missing);
}

/* A count or a size, and the time it is for. `unit_missing`: only the time is missing. */
static bool read_rate(const struct setting *setting, struct slice value, uint64_t *number,
                      uint64_t *ms, bool *unit_missing)
{
    const char *slash = memchr(value.data, '/', value.size);
    struct slice count = value, span = {NULL, 0};
    const struct unit *unit;
    bool ignored;

    if (slash != NULL) {
        count.size = (size_t)(slash - value.data);
        span = (struct slice){slash + 1, value.size - count.size - 1};
    }
    unit = find_unit(spans, span);
    *ms = unit != NULL ? unit->factor : 0;
    if (!read_quantity(count, units_of(setting->kind), number, &ignored))
        return false;
    *unit_missing = span.size == 0;
    return unit != NULL;
}

/* A bound of the table. That of a rate is one of its count. */
static uint64_t bound(const struct setting *setting, const char *text)
{
    uint64_t number = 0;
    bool unit_missing;

    read_number(setting, slice_of(text), &number, &unit_missing);
    return number;
}

static const char *behind_range(enum setting_kind kind)
{
    if (is_rate(kind))
        return " per s, m or h";
    return kind == SETTING_MODE ? " in octal" : "";
}

void setting_range(const struct setting *setting, char *out, size_t size)
{
    const char *most = setting->most != NULL ? setting->most : "";

    if (setting->kind == SETTING_NAME)
        snprintf(out, size, "a path");
    else if (setting->kind == SETTING_FIELD)
        snprintf(out, size, "text");
    else if (setting->kind == SETTING_WORD)
        snprintf(out, size, "%s%s%s", setting->least, *most != '\0' ? " or " : "", most);
    else
        snprintf(out, size, "%s to %s%s%s%s", setting->least, most, behind_range(setting->kind),
                 setting->zero != NULL ? ", or " : "", setting->zero != NULL ? setting->zero : "");
}

/* How values of this kind are written; NULL: nothing to say. */
static const char *spelling(enum setting_kind kind)
{
    switch (kind) {
    case SETTING_COUNT:
        return "counts are whole numbers; 2k is 2000, 1m is 1000000";
    case SETTING_SIZE:
        return "sizes are bytes, or with k, m, g of 1024: 64k";
    case SETTING_TIME:
        return "times have a unit: 500ms, 20s, 5m, 1h, 1d";
    case SETTING_SECONDS:
        return "times here are whole seconds: 20s, 5m, 1h, 1d";
    case SETTING_RATE:
        return "rates are so many in a time: 20/s, 600/m, 1k/h";
    case SETTING_BYTES:
        return "rates are so many bytes in a time, also with k, m, g of 1024: 64k/s, 10m/m";
    case SETTING_MODE:
        return "a mode is octal digits, as chmod takes them: 0660";
    default:
        return NULL;
    }
}

/* What the user may have meant; NULL: no idea. */
static const char *near(const struct setting *setting, struct slice value)
{
    const char *words[3] = {setting->zero, NULL, NULL};

    if (setting->kind == SETTING_WORD) {
        words[0] = setting->least;
        words[1] = setting->most;
    }
    for (const char **word = words; *word != NULL; word++)
        if (slice_equal_nocase(value, slice_of(*word)))
            return *word;
    return text_suggest(value, words);
}

static bool fault_set(const struct setting *setting, struct slice value, bool number,
                      bool unit_missing, struct setting_fault *fault)
{
    int size = (int)utf8_cut(value.data, value.size, SETTING_TEXT_MAX);
    const char *meant = near(setting, value);
    char range[80];

    setting_range(setting, range, sizeof range);
    snprintf(fault->message, sizeof fault->message,
             number ? "\"%s\" must be %s, but is %.*s" : "\"%s\" must be %s, but is \"%.*s\"",
             setting->name, range, size, value.data);
    fault->hint[0] = '\0';
    if (unit_missing)
        snprintf(fault->hint, sizeof fault->hint, "did you mean \"%.*s%ss\"?  %s",
                 size - (value.data[size - 1] == '/'), value.data,
                 is_rate(setting->kind) ? "/" : "", spelling(setting->kind));
    else if (meant != NULL)
        snprintf(fault->hint, sizeof fault->hint, "did you mean \"%s\"?", meant);
    else if (!number && spelling(setting->kind) != NULL)
        snprintf(fault->hint, sizeof fault->hint, "%s", spelling(setting->kind));
    return false;
}

static bool parse_word(const struct setting *setting, struct slice value, uint64_t *number,
                       struct setting_fault *fault)
{
    *number = setting->most != NULL && slice_equal(value, slice_of(setting->most));
    if (*number == 1 || slice_equal(value, slice_of(setting->least)))
        return true;
    return fault_set(setting, value, false, false, fault);
}

bool setting_parse(const struct setting *setting, struct slice value, uint64_t *number,
                   struct setting_fault *fault)
{
    bool unit_missing = false, is_number;
    uint64_t ms = 0;

    if (setting->kind == SETTING_WORD)
        return parse_word(setting, value, number, fault);
    if (setting->zero != NULL && slice_equal(value, slice_of(setting->zero))) {
        *number = 0;
        return true;
    }
    is_number = is_rate(setting->kind) ? read_rate(setting, value, number, &ms, &unit_missing)
                                       : read_number(setting, value, number, &unit_missing);
    if (!is_number)
        return fault_set(setting, value, false, unit_missing, fault);
    if (*number < bound(setting, setting->least) || *number > bound(setting, setting->most))
        return fault_set(setting, value, true, false, fault);
    if (setting->kind == SETTING_SECONDS) {
        if (*number % 1000 != 0)
            return fault_set(setting, value, false, false, fault);
        *number /= 1000;
    }
    *number |= ms << 32;
    return true;
}

void setting_store(const struct setting *setting, void *base, uint64_t number)
{
    char *field = (char *)base + setting->offset;
    uint32_t small = (uint32_t)number;
    uint8_t byte = (uint8_t)number; /* a bool's too */

    if (is_rate(setting->kind))
        *(struct rate *)field = (struct rate){.count = small, .ms = (uint32_t)(number >> 32)};
    else if (setting->width == sizeof byte)
        memcpy(field, &byte, sizeof byte);
    else if (setting->width == sizeof small)
        memcpy(field, &small, sizeof small);
    else if (setting->width == sizeof number)
        memcpy(field, &number, sizeof number);
}

void setting_store_text(const struct setting *setting, void *base, const char *text)
{
    if (setting->width == sizeof text)
        memcpy((char *)base + setting->offset, &text, sizeof text);
}

void settings_standard(const struct setting *settings, void *base)
{
    struct setting_fault fault;
    uint64_t number;

    for (; settings->name != NULL; settings++)
        if (settings->standard != NULL && setting_is_number(settings) &&
            setting_parse(settings, slice_of(settings->standard), &number, &fault))
            setting_store(settings, base, number);
}

bool setting_equal(const struct setting *setting, const void *a, const void *b)
{
    return memcmp((const char *)a + setting->offset, (const char *)b + setting->offset,
                  setting->width) == 0;
}
