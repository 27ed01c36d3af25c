/** SECCO_SLOTS_DEFAULT and SECCO_SLOTS_MAX of recorder.h, for programs that load no addon; a test compares them. */
export const slotsDefault = 4096
export const slotsMax = 4096
