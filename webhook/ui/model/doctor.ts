import { plural } from '../../../src/lib/plural.js'
import type { ContainerCounts } from './containers.js'
import type { UiSources } from './sources.js'
import { lossesText, type NodeView } from '../../views/view.js'

/** One check of the chain from the kernel to the page. */
export interface Check {
  what: string
  verdict: 'good' | 'bad' | 'unknown'
  found: string
  /** How to fix it; empty when there is nothing to fix. */
  next: string
}

interface NodeComplaint {
  name: string
  type: string
  message: string
}

const named = 5
const quoted = 3
const silentMs = 120_000

function check(what: string, good: boolean, found: string, next: string): Check {
  return { what, verdict: good ? 'good' : 'bad', found, next: good ? '' : next }
}

/** Makes a check of nodes unknown where there is no node: "all of none" proves nothing. */
function ofNodes(nodes: number, one: Check): Check {
  if (nodes > 0) return one
  return { ...one, verdict: 'unknown', found: 'there is no satellite to ask', next: '' }
}

/** The checks that come from conditions of nodes, by condition type (src/api/condition-reasons.ts). */
const complaints = [
  {
    what: 'Nodes have the profile files',
    types: ['ProfilesWritable', 'RevisionReady'],
    good: 'no node reports a problem',
    next: 'fix the folder or the profile that the message names'
  },
  {
    what: 'Recorders count exactly',
    types: ['RecorderExact'],
    good: 'no self-test failed',
    next: 'profiles learned meanwhile may lack syscalls: run secco doctor --node on that node'
  },
  {
    what: 'The hub accepts what nodes observe',
    types: ['ObservationsAccepted'],
    good: 'no observation was dropped',
    next: 'the message names why the hub rejected the observation: docs/security.md'
  },
  {
    what: 'Filters deny what their profiles do not allow',
    types: ['FiltersMatch'],
    good: 'no denied syscall succeeded',
    next: 'another filter than the profile is in force: find the container with secco ps --wrong and restart it'
  }
] as const

const sorted: ReadonlySet<string> = new Set(complaints.flatMap(({ types }) => types))

const namesOf = (list: readonly { name: string }[]): string =>
  list
    .slice(0, named)
    .map(({ name }) => name)
    .join(', ')

const messagesOf = (list: readonly { name: string; message: string }[], most = named): string =>
  list
    .slice(0, most)
    .map(({ name, message }) => `${name}: ${message}`)
    .join('; ')

/** Checks connections and recording, node by node. */
function nodeChecks(nodes: readonly NodeView[], now: number): Check[] {
  const away = nodes.filter(({ connected }) => !connected)
  const silent = nodes.filter(
    ({ connected, lastSeen }) => connected && now - Date.parse(lastSeen) > silentMs
  )
  const blind = nodes
    .filter(({ hook, record }) => hook === '' && record !== 'off')
    .map(({ name, tracingUnavailable }) => ({ name, message: tracingUnavailable }))
  const losing = nodes
    .map(({ name, losses }) => ({ name, message: lossesText(losses) }))
    .filter(({ message }) => message !== '')
  const lists = [
    {
      what: 'Every satellite is connected',
      wrong: away.length === 0 ? '' : `away: ${namesOf(away)}`,
      good: 'all are',
      next: 'read its log on the node; secco get nodes -o wide'
    },
    {
      what: 'Every satellite reported lately',
      wrong: silent.length === 0 ? '' : `silent: ${namesOf(silent)}`,
      good: 'within two minutes',
      next: 'read its log on the node'
    },
    {
      what: 'Every node can record',
      wrong: messagesOf(blind, blind.length),
      good: 'hooks load',
      next: 'on the node: secco doctor --node'
    },
    {
      what: 'Nothing was lost',
      wrong: messagesOf(losing, losing.length),
      good: 'no counter moved',
      next: 'the profiles of these nodes may lack syscalls: let their workloads run again'
    }
  ]
  return lists.map(({ what, wrong, good, next }) =>
    ofNodes(nodes.length, check(what, wrong === '', wrong || good, next))
  )
}

/** Checks the conditions that nodes report. */
function complaintChecks(nodes: readonly NodeView[]): Check[] {
  const failing = nodes.flatMap(({ name, conditions }) =>
    conditions
      .filter(({ status }) => status === 'False')
      .map(({ type, message }): NodeComplaint => ({ name, type, message }))
  )
  const known = complaints.map(({ what, types, good, next }) => {
    const own = failing.filter(({ type }) => types.some((one) => one === type))
    return ofNodes(nodes.length, check(what, own.length === 0, messagesOf(own) || good, next))
  })
  // A satellite that is newer than this hub may report other types.
  const others = failing.filter(({ type }) => !sorted.has(type))
  if (others.length === 0) return known
  const next = 'see the page of the node'
  return [...known, check('Nodes have no other complaint', false, messagesOf(others), next)]
}

/** Checks what people wrote: approved profiles on the nodes, documents and rules. */
function objectChecks(sources: UiSources): Check[] {
  const approved = sources.states().filter((state) => state.approved)
  const waiting = approved.filter((state) => state.enforce?.ready !== true)
  const problems = sources.problems().map(({ where, message }) => ({ name: where, message }))
  const { problems: wrong, rules } = sources.snapshot()
  const wrongRules = wrong.map(({ rule, message }) => ({ name: rule, message }))
  return [
    check(
      'Approved profiles are on all nodes',
      waiting.length === 0,
      waiting.length === 0
        ? `${approved.length} of ${approved.length}`
        : `${waiting.length} of ${approved.length} wait: ${namesOf(waiting)}`,
      'secco get profiles -A; then the page of the node that lacks it'
    ),
    check(
      'All documents can be read',
      problems.length === 0,
      messagesOf(problems, quoted) || 'all',
      'fix or remove the named file'
    ),
    check(
      'All rules can be used',
      wrongRules.length === 0,
      messagesOf(wrongRules, quoted) || plural(rules.size, 'rule'),
      'correct the named field and apply the rule again'
    )
  ]
}

/** Checks kernels against what was decided; unknown where satellites do not report containers. */
function enforcementChecks(counts: Readonly<ContainerCounts> | undefined): Check[] {
  const [enforced, protectedOnes] = ['Kernels enforce what was decided', 'Rules protect their pods']
  if (counts === undefined) {
    const unknown = { verdict: 'unknown', found: 'satellites do not report it' } as const
    return [
      { what: enforced, ...unknown, next: 'look at a container: secco profile show NAME' },
      { what: protectedOnes, ...unknown, next: 'compare with secco check -f POD.yaml' }
    ]
  }
  const { drifted, unprotected } = counts
  return [
    check(
      enforced,
      drifted === 0,
      drifted === 0 ? 'no drift' : `${drifted} drifted`,
      'see the page of the nodes, and restart the containers that drifted'
    ),
    check(
      protectedOnes,
      unprotected === 0,
      unprotected === 0
        ? 'all'
        : `${plural(unprotected, 'container is', 'containers are')} not protected`,
      'they started while the webhook was away: restart them'
    )
  ]
}

/** Checks the loop in its order: nodes, recording, files, documents, decisions, enforcement. Pure. */
export function checksOf(sources: UiSources, now: number): Check[] {
  const nodes = sources.nodes()
  const someNode = check(
    'A satellite is there',
    nodes.length > 0,
    nodes.length === 0 ? 'none has ever connected' : `${nodes.length} known`,
    'start one on each node: secco satellite --hub HOST:PORT'
  )
  return [
    someNode,
    ...nodeChecks(nodes, now),
    ...complaintChecks(nodes),
    ...objectChecks(sources),
    ...enforcementChecks(sources.containers()?.counts())
  ]
}
