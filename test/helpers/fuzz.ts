import process from 'node:process'

const factor = Number(process.env['SECCO_FUZZ'] ?? 1)
if (!(factor > 0)) throw new Error('SECCO_FUZZ: not a number above 0')

/**
 * How often a property is tried or a loop repeats: `count` times a factor that bin/run-tests.mjs sets (SECCO_FUZZ). Three
 * rounds remain of a loop that has as many: they kill the satellite, the hub, and both.
 */
export const runs = (count: number): number =>
  Math.max(Math.min(count, 3), Math.round(count * factor))

/** Whether this is the nightly tier: loops repeat more often, and one file runs at a time. */
export const isNightly = factor > 1
