import { recorderOf, runOf } from '../../api/instance-id.js'
import { gapsWithin, type RecordingGap } from '../../history/recording-gap.js'
import { plural } from '../../lib/plural.js'
import type { EvidenceItem, Instance } from './evidence-item.js'

/** NodeLoss is what one node did not record. */
export interface NodeLoss {
  name: string
  /** What it lost, in the words of all lists of nodes; '' for nothing. */
  text: string
  gaps: readonly RecordingGap[]
}

/** Life is the time in which one container ran. */
export interface Life {
  node: string
  from: string
  /** Undefined while it runs. */
  to: string | undefined
}

/** Returns when counting of an instance began. */
export const beganAt = (one: Instance): string => one.firstSeen ?? one.lastSeen

/**
 * Leaves out what an earlier recorder counted of a container that a later one recorded from its first instruction: calls of the
 * runtime, before the container's own program began.
 */
export function withoutUnbegun(instances: readonly Instance[]): Instance[] {
  const whole = new Map<string, Instance>()
  for (const one of instances) {
    const known = whole.get(runOf(one.id))
    if (one.complete && (known === undefined || beganAt(one) > beganAt(known)))
      whole.set(runOf(one.id), one)
  }
  return instances.filter((one) => {
    const last = whole.get(runOf(one.id)) ?? one
    return recorderOf(one.id) === recorderOf(last.id) || beganAt(one) > beganAt(last)
  })
}

/** Returns when each container ran, `to` undefined while it runs: a restart of the satellite makes another instance of it. */
export function livesOf(instances: readonly Instance[]): Life[] {
  const lives = new Map<string, Life>()
  for (const one of withoutUnbegun(instances)) {
    const { id, node, lastSeen, ended } = one
    const began = beganAt(one)
    const known = lives.get(runOf(id))
    const from = known === undefined || began < known.from ? began : known.from
    // The recorder of before ended with the satellite, and the container did not.
    const isLast = known === undefined || (known.to ?? '') < lastSeen
    lives.set(runOf(id), { node, from, to: isLast ? (ended ? lastSeen : undefined) : known.to })
  }
  return [...lives.values()]
}

/** The next step where nobody answered that knows. */
export const askAgain = 'ask again while a hub runs'

/**
 * Returns whether calls of these instances were lost: those that were counted, and those of times in which their node
 * recorded nothing. What else their nodes lost is quoted: nobody knows whose it was.
 * @param nodes what nodes lost; undefined where nobody knows
 */
export function lossEvidence(
  instances: readonly Instance[],
  nodes?: readonly NodeLoss[]
): EvidenceItem {
  const lost = instances.reduce((sum, one) => sum + (one.lost ?? 0), 0)
  const lives = livesOf(instances)
  const missed = nodes?.some(({ name, gaps }) =>
    lives.some(({ node, from, to }) => node === name && gapsWithin(gaps, from, to).length > 0)
  )
  const used = new Set(instances.map(({ node }) => node))
  const quoted = (nodes ?? [])
    .filter(({ name, text }) => used.has(name) && text !== '')
    .map(({ name, text }) => `${name}: ${text}`)
  const own = [
    lost > 0 && `${plural(lost, 'event')} lost`,
    missed === true && 'calls were not recorded',
    nodes === undefined && 'what its nodes did not record is not known'
  ].filter((text) => text !== false)
  const none = quoted.length === 0 ? 'nothing lost' : 'no loss is known to be of its instances'
  const detail = [own.join(', ') || none, ...quoted].join('; ')
  if (own.length === 0) return { item: 'lost', ok: true, detail }
  const next =
    nodes === undefined
      ? askAgain
      : 'see `secco get nodes -o wide` for the reason, and let it run again'
  return { item: 'lost', ok: false, detail, next }
}
