/*
 * server/http_date: the dates of HTTP fields (RFC 9110, section 5.6.7), written and read.
 */
#ifndef SERVER_HTTP_DATE_H
#define SERVER_HTTP_DATE_H

#include <time.h>

#include "base/text.h"

#define HTTP_DATE_SIZE 30 /* "Sun, 06 Nov 1994 08:49:37 GMT" and its zero byte */

void http_date_write(char out[HTTP_DATE_SIZE], time_t time);

/* Reads all three formats that a server must take: the present one, RFC 850's, asctime's. `now`
 * says which century a year of two digits is in. False: it is none. */
bool http_date_parse(struct slice text, time_t now, time_t *time);

#endif
