/*
 * plugin/file: an author's file, read once and judged by what was read.
 *
 * It may be overwritten, cut or removed at any moment, also between two looks at it. So it is
 * opened once, and everything else happens to the bytes that were read from it.
 */
#ifndef PLUGIN_FILE_H
#define PLUGIN_FILE_H

#include "base/text.h"
#include "plugin/fault.h"

#define FILE_SIZE_MAX ((size_t)256 << 20) /* bytes */

/* A regular file, writable only by those who may decide what this process runs: it belongs to root
 * or to the process's user, and is not world-writable. `bytes->data` is to be mem_free'd. */
bool file_read(const char *path, struct slice *bytes, struct plugin_fault *fault);

#endif
