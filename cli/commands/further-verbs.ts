import type { Command } from 'commander'
import { addDoctorVerb } from './doctor-verb.js'
import { addBaseVerbs } from './base-verbs.js'
import { addBlockVerb } from './block-verb.js'
import { addGetVerbs } from './get-verbs.js'
import { addInstallVerbs } from './install-verbs.js'
import { addLearnVerb } from './learn-verb.js'
import { addUiVerbs } from './ui-verbs.js'
import { addImportVerb, addMigrateVerb } from './import-verbs.js'
import { addRenderVerb } from './render-verb.js'
import { addOwnProfileVerb } from './own-profile-verb.js'
import { addPsVerb } from './ps-verb.js'
import { addReviewVerbs } from './review-verbs.js'
import { addProfileVerbs } from './profile-verbs.js'
import { addRuleVerbs } from './rule-verbs.js'
import { addTruthVerbs } from './truth-verbs.js'
import { addTraceVerb } from './trace-verb.js'
import { addVersionVerbs } from './version-verbs.js'
import type { VerbContext } from './context.js'

/** Adds every verb except the long-running programs. */
export function addFurtherVerbs(program: Command, context: VerbContext): void {
  addInstallVerbs(program, context)
  addTraceVerb(program, context)
  addLearnVerb(program, context)
  addUiVerbs(program, context)
  addPsVerb(program, context)
  addTruthVerbs(program, context)
  addGetVerbs(program, context)
  addProfileVerbs(program, context)
  addRuleVerbs(program, context)
  addRenderVerb(program, context)
  addImportVerb(program, context)
  addMigrateVerb(program, context)
  addReviewVerbs(program, context)
  addDoctorVerb(program, context)
  addBaseVerbs(program, context)
  addBlockVerb(program, context)
  addOwnProfileVerb(program, context)
  addVersionVerbs(program, context)
}
