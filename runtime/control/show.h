/*
 * control/show: what a server has told of itself (see control/tell), for people.
 */
#ifndef CONTROL_SHOW_H
#define CONTROL_SHOW_H

#include <stdio.h>

#include "base/text.h"

struct json_object;

void show_status(struct json_object *status, struct text *out);

/* Prints what somebody else has said: control bytes but newlines become question marks. */
void show_text(FILE *to, const char *text);

#endif
