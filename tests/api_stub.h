/*
 * api_stub: the functions of sluice/sluice.h for tests that load consumers without a server: each
 * writes down that it was called.
 */
#ifndef TESTS_API_STUB_H
#define TESTS_API_STUB_H

#include <sluice/sluice.h>

/* A connection that goes nowhere. Owned by the test. */
struct sluice_conn {
    char said[1024]; /* "accept; text hello; " */
    void *state;
};

#endif
