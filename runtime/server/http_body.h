/*
 * server/http_body: the body of a request, which is read and thrown away before the answer.
 */
#ifndef SERVER_HTTP_BODY_H
#define SERVER_HTTP_BODY_H

#include "server/conn.h"

/* A request whose head has come and whose body has not. Of its connection. */
struct http_body;

/* A head has come. The request is answered now, or when its body is there. */
void http_body_begin(struct conn *conn, const struct http_request *request);

/* Takes what is the body's of the bytes that have come. True: it was whole, and the request is
 * answered. */
bool http_body_take(struct conn *conn, uint8_t **data, size_t *size);

void http_body_free(struct http_body *body); /* NULL is fine */

#endif
