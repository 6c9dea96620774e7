/*
 * server/files_content: a file that is open becomes an answer: all of it, some of it, or nothing.
 */
#ifndef SERVER_FILES_CONTENT_H
#define SERVER_FILES_CONTENT_H

#include <sys/stat.h>

#include "server/files.h"

/* The answer to a GET or HEAD of a regular file, but for its descriptor. `fields` are the mount's;
 * `name` tells the type. Without memory answer->fields has failed. */
void files_content(struct files_answer *answer, const struct http_request *request,
                   const struct text *fields, const struct stat *status, struct slice name);

#endif
