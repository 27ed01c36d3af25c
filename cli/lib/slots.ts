import { slotsDefault, slotsMax } from '../../native/slot-numbers.js'
import { SeccoError } from '../../src/lib/errors.js'

/** `--slots`, for the help of every verb that has it. */
export const slotsMeaning = `size of the recorder's table, 1 to ${slotsMax}: a container takes a slot, one more for its probes, one more for sessions in it, and a pod's sandbox keeps one`

/** The value of `--slots`. @throws SeccoError INVALID_ARGUMENT */
export function parseSlots(text: string): number {
  const slots = Number(text)
  if (/^\d+$/.test(text) && slots >= 1 && slots <= slotsMax) return slots
  throw new SeccoError(
    'INVALID_ARGUMENT',
    `--slots ${text}: not a whole number from 1 to ${slotsMax}`,
    {
      hint: `leave it out for ${slotsDefault}; ${slotsMax} are what 64 MB of kernel memory hold`
    }
  )
}
