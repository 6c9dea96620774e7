/*
 * tests/parsed: a routing.conf that is good, as a struct, for the tests of what it means.
 */
#ifndef TESTS_PARSED_H
#define TESTS_PARSED_H

#include <check.h>

#include "conf/config.h"

/* It must be good, and without a warning. */
static inline struct config *parse(const char *text)
{
    struct diag diag = {0};
    struct text said = {0};
    struct config *config = config_parse("routing.conf", "/site", slice_of(text), &diag);

    diag_print(&diag, &said);
    ck_assert_msg(config != NULL && diag.warnings == 0, "%s", said.size > 0 ? said.data : "");
    ck_assert_uint_eq(diag.errors, 0);
    diag_free(&diag);
    text_free(&said);
    return config;
}

/* What stands there. */
static inline struct slice text_at(const struct config *config, struct place place)
{
    return (struct slice){config->source.data + place.offset, place.size};
}

#endif
