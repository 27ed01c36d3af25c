/** Set by image/bundle.ts. */
declare const secco_build: string

/** A digest of the program's code; empty where compiled files run, which change and have no name of their own. */
export const build = typeof secco_build === 'string' ? secco_build : ''
