import { existsSync } from 'node:fs'
import { removePinsOf } from '../../cli/programs/up-pins.js'

/** Removes what a `secco up` that was killed, or that ended by SIGTERM, left pinned. Call it before the state folder is removed. */
export function removeUpPins(state: string): void {
  if (existsSync(state)) removePinsOf(state)
}
