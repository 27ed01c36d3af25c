import type { UiSources } from './context.js'
import { lossesText } from '../../views/view.js'

/** One link of the chain from kernel to page. */
export interface Check {
  what: string
  verdict: 'good' | 'bad' | 'unknown'
  found: string
  /** What mends it; empty when nothing needs to. */
  next: string
}

function check(what: string, good: boolean, found: string, next: string): Check {
  return { what, verdict: good ? 'good' : 'bad', found, next: good ? '' : next }
}

/** Without a satellite nobody knows: that all of none are well says nothing. */
function ofNodes(nodes: number, one: Check): Check {
  if (nodes > 0) return one
  return { ...one, verdict: 'unknown', found: 'there is no satellite to ask', next: '' }
}

/** What nodes complain of, by the types of their conditions (src/api/condition-reasons.ts). */
const complaints = [
  {
    what: 'Files arrive on nodes',
    types: ['ProfilesWritable', 'RevisionReady'],
    good: 'no node complains',
    next: 'the message names the folder or the profile: mend that'
  },
  {
    what: 'Recorders count exactly',
    types: ['RecorderExact'],
    good: 'no self-test failed',
    next: 'what was learned meanwhile may lack calls: secco doctor --node there'
  },
  {
    what: 'What nodes observe is taken',
    types: ['ObservationsAccepted'],
    good: 'nothing was given up',
    next: 'the message says why the hub refused it: docs/security.md'
  },
  {
    what: 'Filters refuse what their profiles say',
    types: ['FiltersMatch'],
    good: 'no refused call succeeded',
    next: 'another filter is in force than the profile: secco ps --wrong, and start that container again'
  }
] as const

const sorted: ReadonlySet<string> = new Set(complaints.flatMap(({ types }) => types))

const quietMs = 120_000

const saidBy = (list: readonly { name: string; message: string }[]): string =>
  list
    .slice(0, 5)
    .map(({ name, message }) => `${name}: ${message}`)
    .join('; ')

/** Goes through the loop in its order: nodes, recording, files, documents, decisions, enforcement. Pure. */
export function checksOf(sources: UiSources, now: number): Check[] {
  const nodes = sources.nodes()
  const away = nodes.filter(({ connected }) => !connected)
  const blind = nodes.filter(({ hook, record }) => hook === '' && record !== 'off')
  const losing = nodes.filter(({ losses }) => lossesText(losses) !== '')
  const failing = nodes.flatMap(({ name, conditions }) =>
    conditions.filter(({ status }) => status === 'False').map((one) => ({ name, ...one }))
  )
  const others = failing.filter(({ type }) => !sorted.has(type))
  const late = nodes.filter(
    ({ connected, lastSeen }) => connected && now - Date.parse(lastSeen) > quietMs
  )
  const problems = sources.problems()
  const states = sources.states()
  const approved = states.filter((state) => state.approved)
  const waiting = approved.filter((state) => state.enforce?.ready !== true)
  const { problems: wrongRules, rules } = sources.snapshot()
  const counts = sources.containers()?.counts()
  const drifted = counts?.drifted
  const open = counts?.unprotected
  const names = (list: readonly { name: string }[]) =>
    list
      .map(({ name }) => name)
      .slice(0, 5)
      .join(', ')
  return [
    check(
      'A satellite is there',
      nodes.length > 0,
      nodes.length === 0 ? 'none has ever connected' : `${nodes.length} known`,
      'start one on each node: secco satellite --hub HOST:PORT'
    ),
    ofNodes(
      nodes.length,
      check(
        'Every satellite is connected',
        away.length === 0,
        away.length === 0 ? 'all are' : `away: ${names(away)}`,
        'look at its log on the node; secco get nodes -o wide'
      )
    ),
    ofNodes(
      nodes.length,
      check(
        'Every satellite was heard of lately',
        late.length === 0,
        late.length === 0 ? 'within two minutes' : `silent: ${names(late)}`,
        'look at its log on the node'
      )
    ),
    ofNodes(
      nodes.length,
      check(
        'Every node can record',
        blind.length === 0,
        blind.length === 0
          ? 'hooks load'
          : blind
              .map(({ name, tracingUnavailable }) => `${name}: ${tracingUnavailable}`)
              .join('; '),
        'on the node: secco doctor --node'
      )
    ),
    ofNodes(
      nodes.length,
      check(
        'Nothing was lost',
        losing.length === 0,
        losing.length === 0
          ? 'no counter moved'
          : losing.map(({ name, losses }) => `${name}: ${lossesText(losses)}`).join('; '),
        'the profiles of these nodes may lack calls: let their workloads run again'
      )
    ),
    ...complaints.map(({ what, types, good, next }) => {
      const own = failing.filter(({ type }) => types.some((one) => one === type))
      return ofNodes(nodes.length, check(what, own.length === 0, saidBy(own) || good, next))
    }),
    // Of a satellite that is newer than this hub.
    ...(others.length === 0
      ? []
      : [
          check('Nodes have no other complaint', false, saidBy(others), 'see the page of the node')
        ]),
    check(
      'Approved profiles are everywhere',
      waiting.length === 0,
      waiting.length === 0
        ? `${approved.length} of ${approved.length}`
        : `${waiting.length} of ${approved.length} wait: ${names(waiting)}`,
      'secco get profiles -A; then the page of the node that lacks it'
    ),
    check(
      'All documents can be read',
      problems.length === 0,
      problems.length === 0
        ? 'all'
        : problems
            .slice(0, 3)
            .map(({ where, message }) => `${where}: ${message}`)
            .join('; '),
      'mend or remove the named file'
    ),
    check(
      'All rules can be used',
      wrongRules.length === 0,
      wrongRules.length === 0
        ? `${rules.size} rules`
        : wrongRules
            .slice(0, 3)
            .map(({ rule, message }) => `${rule}: ${message}`)
            .join('; '),
      'correct the named field and apply the rule again'
    ),
    drifted === undefined
      ? {
          what: 'Kernels enforce what was decided',
          verdict: 'unknown',
          found: 'satellites do not report it',
          next: 'look at a container: secco profile show NAME'
        }
      : check(
          'Kernels enforce what was decided',
          drifted === 0,
          drifted === 0 ? 'no drift' : `${drifted} drifted`,
          'see the page of the nodes, and restart what drifted'
        ),
    open === undefined
      ? {
          what: 'What should be protected is',
          verdict: 'unknown',
          found: 'satellites do not report it',
          next: 'compare with secco check -f POD.yaml'
        }
      : check(
          'What should be protected is',
          open === 0,
          open === 0 ? 'all' : `${open} are not`,
          'they started while the webhook was away: restart them'
        )
  ]
}
