import { slotsDefault, slotsMax } from '../../native/slot-numbers.js'
import { SeccoError } from '../../src/lib/errors.js'

/** Help of `--slots`, for every verb that has it. */
export const slotsMeaning = `set the size of the recorder's table, 1 to ${slotsMax}; a container takes one to three slots, a sandbox one`

/** Reads the value of `--slots`. @throws SeccoError INVALID_ARGUMENT */
export function parseSlots(text: string): number {
  const slots = Number(text)
  if (/^\d+$/.test(text) && slots >= 1 && slots <= slotsMax) return slots
  throw new SeccoError(
    'INVALID_ARGUMENT',
    `--slots ${text}: not a whole number from 1 to ${slotsMax}`,
    {
      hint: `leave it out for ${slotsDefault}; ${slotsMax} slots take 64 MB of kernel memory`
    }
  )
}
