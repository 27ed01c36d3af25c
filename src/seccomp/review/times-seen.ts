import { plural } from '../../lib/plural.js'

/**
 * Returns how often calls were made, as far as observations say it: nodes report counts when something new was used and at
 * times, and those of instances that are forgotten are missing. A trace counts live, and may have more.
 */
export const atLeast = (count: number, one = 'time', text = String(count)): string =>
  `at least ${text} ${plural(count, one).split(' ').slice(1).join(' ')}`
