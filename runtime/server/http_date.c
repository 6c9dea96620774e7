/*
 * server/http_date: the dates of HTTP fields (RFC 9110, section 5.6.7), written and read.
 *
 * strftime and strptime speak the language of the process; HTTP's names of days and months are
 * English whatever that is, so they are written and read here.
 */
#include "server/http_date.h"

#include <stdio.h>
#include <string.h>

static const char days[7][10] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                 "Thursday", "Friday", "Saturday"};
static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

void http_date_write(char out[HTTP_DATE_SIZE], time_t time)
{
    struct tm tm;

    gmtime_r(&time, &tm);
    /* Remainders are taken so that the compiler, too, sees that each number fits. */
    snprintf(out, HTTP_DATE_SIZE, "%.3s, %02u %s %04u %02u:%02u:%02u GMT", days[tm.tm_wday],
             (unsigned)tm.tm_mday % 100, months[tm.tm_mon], (unsigned)(tm.tm_year + 1900) % 10000,
             (unsigned)tm.tm_hour % 100, (unsigned)tm.tm_min % 100, (unsigned)tm.tm_sec % 100);
}

/* Each of these takes what it looks for off the beginning of text, or gives false. */

static bool take(struct slice *text, const char *literal)
{
    size_t size = strlen(literal);

    if (text->size < size || memcmp(text->data, literal, size) != 0)
        return false;
    text->data += size;
    text->size -= size;
    return true;
}

static bool take_digits(struct slice *text, unsigned count, int *number)
{
    if (text->size < count)
        return false;
    *number = 0;
    for (unsigned i = 0; i < count; i++) {
        char c = text->data[i];

        if (c < '0' || c > '9')
            return false;
        *number = *number * 10 + (c - '0');
    }
    text->data += count;
    text->size -= count;
    return true;
}

static bool take_month(struct slice *text, struct tm *tm)
{
    for (tm->tm_mon = 0; tm->tm_mon < 12; tm->tm_mon++)
        if (take(text, months[tm->tm_mon]))
            return true;
    return false;
}

static bool take_year(struct slice *text, struct tm *tm)
{
    if (!take_digits(text, 4, &tm->tm_year))
        return false;
    tm->tm_year -= 1900;
    return true;
}

static bool take_time(struct slice *text, struct tm *tm)
{
    return take_digits(text, 2, &tm->tm_hour) && take(text, ":") &&
           take_digits(text, 2, &tm->tm_min) && take(text, ":") &&
           take_digits(text, 2, &tm->tm_sec);
}

/* "06 Nov 1994 08:49:37 GMT" */
static bool take_imf(struct slice *text, struct tm *tm)
{
    return take_digits(text, 2, &tm->tm_mday) && take(text, " ") && take_month(text, tm) &&
           take(text, " ") && take_year(text, tm) && take(text, " ") && take_time(text, tm) &&
           take(text, " GMT");
}

/* A year of two digits that seems to be more than 50 years ahead is the last one past that ended
 * so. */
static int full_year(int two_digits, time_t now)
{
    struct tm tm;

    gmtime_r(&now, &tm);
    int present = tm.tm_year + 1900;
    int year = present - present % 100 + two_digits;
    return year > present + 50 ? year - 100 : year;
}

/* "06-Nov-94 08:49:37 GMT" */
static bool take_rfc850(struct slice *text, time_t now, struct tm *tm)
{
    int year;

    if (!take_digits(text, 2, &tm->tm_mday) || !take(text, "-") || !take_month(text, tm) ||
        !take(text, "-") || !take_digits(text, 2, &year))
        return false;
    tm->tm_year = full_year(year, now) - 1900;
    return take(text, " ") && take_time(text, tm) && take(text, " GMT");
}

/* "Nov  6 08:49:37 1994" */
static bool take_asctime(struct slice *text, struct tm *tm)
{
    if (!take_month(text, tm) || !take(text, " "))
        return false;

    unsigned day_digits = take(text, " ") ? 1 : 2;
    return take_digits(text, day_digits, &tm->tm_mday) && take(text, " ") && take_time(text, tm) &&
           take(text, " ") && take_year(text, tm);
}

/* The weekday says which format it is; whether it is the right one does not matter to anybody. */
static bool take_date(struct slice *text, time_t now, struct tm *tm)
{
    for (unsigned day = 0; day < 7; day++) {
        const char abbreviated[] = {days[day][0], days[day][1], days[day][2], '\0'};

        if (take(text, days[day]))
            return take(text, ", ") && take_rfc850(text, now, tm);
        if (take(text, abbreviated))
            return take(text, ", ") ? take_imf(text, tm)
                                    : take(text, " ") && take_asctime(text, tm);
    }
    return false;
}

bool http_date_parse(struct slice text, time_t now, time_t *time)
{
    struct tm tm = {0}, normal;

    if (!take_date(&text, now, &tm) || text.size > 0)
        return false;
    if (tm.tm_hour > 23 || tm.tm_min > 59 || tm.tm_sec > 60)
        return false;
    if (tm.tm_sec == 60) /* a leap second, which time_t has none of */
        tm.tm_sec = 59;
    normal = tm;
    *time = timegm(&normal);
    return normal.tm_mday == tm.tm_mday; /* no 30th of February */
}
