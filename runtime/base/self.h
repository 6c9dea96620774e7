/*
 * base/self: the program that runs, for who executes it anew.
 */
#ifndef BASE_SELF_H
#define BASE_SELF_H

/* Its path; of one that was removed or replaced meanwhile, a name by which the kernel still finds
 * it. Lasts until the next call; one thread at a time. */
const char *self_program(void);

#endif
