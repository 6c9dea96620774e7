/*
 * tests/fuzz_replay: the main of a fuzz target in the suite, which has no fuzzer.
 *
 * Runs the target over each file, and each file of each directory, that the command line names;
 * over the target's own corpus where it names none: tests/fuzz_http over tests/corpus/http. A
 * target that finds fault ends the program, so the input is named before it runs.
 */
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned inputs; /* replayed so far */

static void die(const char *what, const char *path)
{
    printf("%s %s: %s\n%u passed, 1 failed\n", what, path, strerror(errno), inputs);
    exit(EXIT_FAILURE);
}

/* The bytes in memory of just that size, so that the address sanitizer sees a read beyond them. */
static uint8_t *read_file(const char *path, size_t size)
{
    uint8_t *data = malloc(size > 0 ? size : 1);
    FILE *file = fopen(path, "rb");

    if (data == NULL || file == NULL || fread(data, 1, size, file) != size)
        die("cannot read", path);
    fclose(file);
    return data;
}

static void replay_file(const char *path, size_t size)
{
    uint8_t *data = read_file(path, size);

    printf("%s\n", path);
    fflush(stdout);
    LLVMFuzzerTestOneInput(data, size);
    free(data);
    inputs++;
}

static void replay(const char *path);

static void replay_directory(const char *path)
{
    struct dirent **entries;
    int count = scandir(path, &entries, NULL, alphasort);

    if (count < 0)
        die("cannot list", path);
    for (int i = 0; i < count; i++) {
        char *child;

        if (entries[i]->d_name[0] != '.') {
            if (asprintf(&child, "%s/%s", path, entries[i]->d_name) < 0)
                die("no memory for", path);
            replay(child);
            free(child);
        }
        free(entries[i]);
    }
    free(entries);
}

static void replay(const char *path)
{
    struct stat status;

    if (stat(path, &status) != 0)
        die("cannot open", path);
    if (S_ISDIR(status.st_mode))
        replay_directory(path);
    else
        replay_file(path, (size_t)status.st_size);
}

static void replay_own_corpus(const char *program)
{
    const char *source = getenv("srcdir");
    const char *name = strstr(program, "fuzz_");
    char *corpus;

    if (name == NULL) {
        errno = EINVAL;
        die("no corpus belongs to", program);
    }
    if (asprintf(&corpus, "%s/tests/corpus/%s", source != NULL ? source : ".", name + 5) < 0)
        die("no memory for", program);
    replay(corpus);
    free(corpus);
}

int main(int argc, char **argv)
{
    if (argc < 2)
        replay_own_corpus(argv[0]);
    for (int i = 1; i < argc; i++)
        replay(argv[i]);
    printf("%u passed, %u failed\n", inputs, inputs == 0);
    return inputs == 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
