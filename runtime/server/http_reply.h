/*
 * server/http_reply: the heads of HTTP answers, and the small pages that say what went wrong.
 */
#ifndef SERVER_HTTP_REPLY_H
#define SERVER_HTTP_REPLY_H

#include "base/text.h"

/* "Not Found"; what no standard names gets the name of its class. */
const char *http_reason(unsigned status);

/* Appends "Name: value\r\n". False, and nothing is added: HTTP does not allow that name or value.
 */
bool http_reply_field(struct text *fields, struct slice name, struct slice value);

/* Is it a field that the server sets by itself: what frames the message or says how the connection
 * goes on? A consumer that could set one could forge an answer of its own. */
bool http_reply_owns(struct slice name);

/* Appends the head of an answer: the status line, Date, Content-Length and Connection, and
 * `fields`, which are whole field lines, each with its CRLF. `length` is the body's, told in the
 * answer to HEAD too; a status that has no body (204, 304) tells none. With 1xx there are only the
 * status line and `fields`. Whether it worked is out->failed. */
void http_reply_head(struct text *out, unsigned status, struct slice fields, uint64_t length,
                     bool keep_alive);

/* Appends a whole answer with a body of plain text: `body`, or "404 Not Found" where its data is
 * NULL. The answer to HEAD (`head_only`) tells the body's length, and has none. Gives how many
 * bytes of body were appended. */
size_t http_reply_text(struct text *out, unsigned status, struct slice fields, struct slice body,
                       bool head_only, bool keep_alive);

#endif
