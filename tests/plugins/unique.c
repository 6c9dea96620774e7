/*
 * unique: a symbol of which there is one in the whole process, as g++ makes of the statics of
 * inline functions (unless told -fno-gnu-unique). The loader keeps the object that defines it for
 * ever, and binds all later ones to it.
 *
 * Must be seen: the first generation is counted as stuck, the later ones leave.
 */
#include <sluice/sluice.h>

extern int counter;

/* Written out, for clang makes no such symbols from C++. */
__asm__(".pushsection .bss\n"
        ".balign 4\n"
        ".globl counter\n"
        ".type counter, %gnu_unique_object\n"
        ".size counter, 4\n"
        "counter: .zero 4\n"
        ".popsection");

static void on_connect(sluice_conn *ws)
{
    counter++;
    sluice_accept(ws);
}

SLUICE_CONSUMER(.connect = on_connect);
