/*
 * wire/uri: hosts, percent-encoding, queries and cookies: the little languages inside a request.
 *
 * Everything decodes once. What decodes to bytes that are no UTF-8 gets U+FFFD in their place, as
 * browsers and Python do it, so a result may be up to three times as long as what it came from.
 * Results are appended to a text.
 */
#ifndef WIRE_URI_H
#define WIRE_URI_H

#include "base/text.h"

/* host [":" port]: a name (RFC 3986's reg-name, at least one byte), an IPv4 address, or an IPv6 one
 * in brackets. Without user and password, which a server treats as an error (RFC 9110, section
 * 4.2.4). */
bool uri_is_authority(struct slice text);

/* Decodes %XX, once; a '%' without two digits stays as it is. False: no memory. */
bool uri_decode_path(struct slice encoded, struct text *out);

/* The value of the last `name=value` of a query, both decoded as a form's are ('+' is a blank); a
 * name alone has an empty value. False: no such name, or no memory (out->failed). */
bool uri_query_value(struct slice query, struct slice name, struct text *out);

/* The value of a cookie in one Cookie field value, as Django reads it: the last one of that name,
 * a quoted value unquoted. Bytes stay what they are, UTF-8 or not. False: as above. */
bool uri_cookie_value(struct slice cookies, struct slice name, struct text *out);

/* The cookies of one field value, one after the other, to list them all; their values as they
 * came, for uri_unquote. False at the end. */
bool uri_next_cookie(struct slice *rest, struct slice *name, struct slice *value);

/* A cookie's value: what stands in quotes without them, \x as x and \ooo as the byte of that octal
 * number; what doesn't, as it is. False: no memory. */
bool uri_unquote(struct slice value, struct text *out);

#endif
