import process from 'node:process'

const factor = Number(process.env['SECCO_FUZZ'] ?? 1)
if (!(factor > 0)) throw new Error('SECCO_FUZZ: not a number above 0')

/**
 * How often a property is tried or a loop repeats: `count` in `npm test`, less in `npm run test:unit`, 20 times as
 * often in `npm run test:nightly` (bin/run-tests.mjs sets SECCO_FUZZ).
 */
export const runs = (count: number): number => Math.max(1, Math.round(count * factor))
