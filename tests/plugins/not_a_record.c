/*
 * not_a_record: data of another kind bears the record's name.
 *
 * Must be seen: `its sluice_consumer is not a consumer's record`.
 */
__attribute__((visibility("default"))) const char sluice_consumer[] =
    "a text that is longer than a record, so that its size alone does not show what it is: there "
    "must be more to it than that";
