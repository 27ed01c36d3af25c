import type { Command } from 'commander'
import type { VerbContext } from './context.js'
import { addSatelliteVerb } from './satellite-verb.js'
import { addUpVerb } from './up-verb.js'
import { addWebhookVerb } from './webhook-verb.js'

/** Adds the long-running programs: `secco up`, `secco webhook` and `secco satellite`. */
export function addProgramVerbs(program: Command, context: VerbContext): void {
  addUpVerb(program, context)
  addWebhookVerb(program, context)
  addSatelliteVerb(program, context)
}
