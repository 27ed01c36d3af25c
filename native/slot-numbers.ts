/** SECCO_SLOTS_DEFAULT and SECCO_SLOTS_MAX of native/shared/recorder.h without loading the addon; a test compares them. */
export const slotsDefault = 4096
export const slotsMax = 4096
