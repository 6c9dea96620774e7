/*
 * plugin/symbol: which function stands at an address, static ones included.
 *
 * dladdr knows only what an object exports, and takes the loader's lock, which whoever crashed may
 * hold. So the kernel is asked what is mapped there, and the file's own table of symbols is read,
 * with nothing but system calls: a signal handler may do so in any state of the process.
 */
#ifndef PLUGIN_SYMBOL_H
#define PLUGIN_SYMBOL_H

#include <stdbool.h>
#include <stdint.h>

#define SYMBOL_NAME_SIZE 256

struct symbol {
    char object[SYMBOL_NAME_SIZE];   /* the file's name without its directory: "chat.3.so" */
    char function[SYMBOL_NAME_SIZE]; /* "": the file does not say */
    uint64_t address;                /* as the file counts: what addr2line wants */
};

/* False: no file is mapped there. Any thread, any signal handler. */
bool symbol_find(uintptr_t address, struct symbol *symbol);

#endif
