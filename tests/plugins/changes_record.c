/*
 * changes_record: its record is not constant, and its constructor writes to it.
 *
 * Must be seen: refused; what was checked in the file is checked again in memory.
 */
#include <sluice/sluice.h>

extern SLUICE_EXPORT struct sluice_consumer record __asm__("sluice_consumer");
struct sluice_consumer record = {.abi = SLUICE_ABI, .size = sizeof(struct sluice_consumer)};

__attribute__((constructor)) static void constructor(void)
{
    record.size = 1 << 20;
}
