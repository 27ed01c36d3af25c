import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import type { Decision } from '../../../src/confinement/ladder.js'
import { toSeccoError } from '../../../src/lib/errors.js'
import { policyName } from '../../../src/seccomp/review/promotion.js'
import type { Confinement } from '../containers/confinement.js'
import type { NotRecording } from '../containers/denial-recording.js'
import { withAudit, withUnproven } from './audit-conditions.js'
import { evidenceText, ladderView } from './ladder-view.js'

type Edit = (profile: SeccompProfile) => SeccompProfile

const refOf = ({ metadata: { namespace = '', name } }: SeccompProfile) => ({ namespace, name })

/** ProfileSteps writes a ladder's steps and conditions to profiles, as this policy. */
export class ProfileSteps {
  readonly #confinement: Confinement

  constructor(confinement: Confinement) {
    this.#confinement = confinement
  }

  now(): string {
    return new Date(this.#confinement.sources.now()).toISOString()
  }

  decision(profile: SeccompProfile, reason: string): Decision {
    const evidence = evidenceText(ladderView(this.#confinement, profile))
    return { by: policyName, at: this.now(), reason, evidence }
  }

  /** Moves a workload, unless somebody else moved it meanwhile. */
  async move(profile: SeccompProfile, phrase: string, reason: string, edit: Edit): Promise<void> {
    const { store, logger } = this.#confinement.sources
    const ref = refOf(profile)
    const ladder = JSON.stringify(profile.spec.ladder)
    try {
      await store.update('SeccompProfile', ref, (current) =>
        JSON.stringify(current.spec.ladder) === ladder ? edit(current) : current
      )
      logger.warn({ namespace: ref.namespace, profile: ref.name, reason }, phrase)
    } catch (error) {
      this.#logFailure(profile, 'ladder step not written', error)
    }
  }

  async noteAudit(
    profile: SeccompProfile,
    known: { node: string; newest: string } | undefined
  ): Promise<void> {
    const at = this.now()
    await this.#note(profile, (one) =>
      withAudit(one, known, at, this.#confinement.sources.isElsewhere)
    )
  }

  async noteUnproven(profile: SeccompProfile, known: NotRecording | undefined): Promise<void> {
    const at = this.now()
    await this.#note(profile, (one) => withUnproven(one, known, at))
  }

  /** Writes a condition for people and for the next active hub. */
  async #note(profile: SeccompProfile, edit: Edit): Promise<void> {
    if (edit(profile) === profile) return
    try {
      await this.#confinement.sources.store.update('SeccompProfile', refOf(profile), edit)
    } catch (error) {
      this.#logFailure(profile, 'condition not written', error)
    }
  }

  #logFailure(profile: SeccompProfile, phrase: string, error: unknown): void {
    const { code, message } = toSeccoError(error)
    if (code === 'NOT_FOUND') return
    const { namespace, name } = refOf(profile)
    const { logger } = this.#confinement.sources
    logger.error({ code, namespace, profile: name, reason: message }, phrase)
  }
}
