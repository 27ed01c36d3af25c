import { SeccoError } from '../../src/lib/errors.js'

/**
 * Returns the milliseconds of `30s`, `5m`, `1h` or `500ms`, given with an option.
 * @throws SeccoError INVALID_ARGUMENT naming the option
 */
export function parseDuration(text: string, option: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text)
  const unit = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }[match?.[2] ?? '']
  const value = Number(match?.[1]) * (unit ?? Number.NaN)
  if (!(value > 0) || value > 2 ** 31 - 1) {
    throw new SeccoError(
      'INVALID_ARGUMENT',
      `${option} ${text}: not a duration such as 30s, 5m or 1h`
    )
  }
  return value
}
