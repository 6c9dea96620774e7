/*
 * server/files_type: content types by the ends of names.
 *
 * A type that is wrong does harm, as a browser runs what it is told is a script; so what is not
 * listed is bytes, and browsers are told not to guess (nosniff).
 */
#include "server/files.h"

#include <stdlib.h>
#include <string.h>

#define EXTENSION_MAX 11 /* bytes of the longest one listed */

struct type {
    const char extension[EXTENSION_MAX + 1];
    const char *type;
};

/* Sorted, for bsearch. */
static const struct type types[] = {
    {"7z", "application/x-7z-compressed"},
    {"aac", "audio/aac"},
    {"apng", "image/apng"},
    {"atom", "application/atom+xml"},
    {"avif", "image/avif"},
    {"bmp", "image/bmp"},
    {"bz2", "application/x-bzip2"},
    {"css", "text/css; charset=utf-8"},
    {"csv", "text/csv; charset=utf-8"},
    {"eot", "application/vnd.ms-fontobject"},
    {"epub", "application/epub+zip"},
    {"flac", "audio/flac"},
    {"geojson", "application/geo+json"},
    {"gif", "image/gif"},
    {"glb", "model/gltf-binary"},
    {"gltf", "model/gltf+json"},
    {"gz", "application/gzip"},
    {"htm", "text/html; charset=utf-8"},
    {"html", "text/html; charset=utf-8"},
    {"ico", "image/vnd.microsoft.icon"},
    {"ics", "text/calendar; charset=utf-8"},
    {"jpeg", "image/jpeg"},
    {"jpg", "image/jpeg"},
    {"js", "text/javascript; charset=utf-8"},
    {"json", "application/json"},
    {"jsonld", "application/ld+json"},
    {"jxl", "image/jxl"},
    {"m3u8", "application/vnd.apple.mpegurl"},
    {"m4a", "audio/mp4"},
    {"m4v", "video/mp4"},
    {"map", "application/json"},
    {"md", "text/markdown; charset=utf-8"},
    {"mid", "audio/midi"},
    {"mjs", "text/javascript; charset=utf-8"},
    {"mov", "video/quicktime"},
    {"mp3", "audio/mpeg"},
    {"mp4", "video/mp4"},
    {"mpd", "application/dash+xml"},
    {"oga", "audio/ogg"},
    {"ogg", "audio/ogg"},
    {"ogv", "video/ogg"},
    {"opus", "audio/ogg"},
    {"otf", "font/otf"},
    {"pdf", "application/pdf"},
    {"png", "image/png"},
    {"rss", "application/rss+xml"},
    {"rtf", "application/rtf"},
    {"svg", "image/svg+xml"},
    {"tar", "application/x-tar"},
    {"tif", "image/tiff"},
    {"tiff", "image/tiff"},
    {"ttf", "font/ttf"},
    {"txt", "text/plain; charset=utf-8"},
    {"vtt", "text/vtt; charset=utf-8"},
    {"wasm", "application/wasm"},
    {"wav", "audio/wav"},
    {"weba", "audio/webm"},
    {"webm", "video/webm"},
    {"webmanifest", "application/manifest+json"},
    {"webp", "image/webp"},
    {"woff", "font/woff"},
    {"woff2", "font/woff2"},
    {"xhtml", "application/xhtml+xml"},
    {"xml", "application/xml"},
    {"xz", "application/x-xz"},
    {"zip", "application/zip"},
    {"zst", "application/zstd"},
};

/* In lower case. False: there is none, or it is longer than all that are listed. */
static bool extension_of(struct slice name, char extension[EXTENSION_MAX + 1])
{
    size_t begin = name.size;

    while (begin > 0 && name.data[begin - 1] != '.' && name.data[begin - 1] != '/')
        begin--;
    size_t size = name.size - begin;
    if (begin == 0 || name.data[begin - 1] != '.' || size > EXTENSION_MAX)
        return false;
    for (size_t i = 0; i < size; i++) {
        char c = name.data[begin + i];

        extension[i] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
    }
    extension[size] = '\0';
    return true;
}

static int compare(const void *extension, const void *type)
{
    return strcmp(extension, ((const struct type *)type)->extension);
}

const char *files_type(struct slice name)
{
    char extension[EXTENSION_MAX + 1];
    const struct type *found = NULL;

    if (extension_of(name, extension))
        found = bsearch(extension, types, sizeof types / sizeof *types, sizeof *types, compare);
    return found != NULL ? found->type : "application/octet-stream";
}
