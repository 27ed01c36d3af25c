import process from 'node:process'

/** A folder: bin/measure-own.mjs runs tests to learn from them, and reads from here what was seen. */
export const measuring = process.env['SECCO_MEASURE_OWN']

/** Under RuntimeDefault, while profiles are made from what they ask for; else as everybody installs. */
export const ownProfilesArguments: readonly string[] =
  measuring === undefined ? [] : ['--own-profiles', 'off']
