/*
 * function_as_consumer: a function bears the record's name.
 *
 * Must be seen: `its sluice_consumer is not a consumer's record`.
 */
void sluice_consumer(void);

__attribute__((visibility("default"))) void sluice_consumer(void)
{
}
