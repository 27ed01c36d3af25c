import { holdsUpNext } from '../../../src/api/node-condition-reasons.js'
import { plural } from '../../../src/lib/plural.js'
import type { ContainerCounts } from './containers.js'
import { missingProfileOf, missingProfileText } from '../../../src/confinement/rule-mode.js'
import { rootNamespace } from '../../../src/api/names.js'
import { givenRevisions } from '../../../src/rules/resolve.js'
import { existsFor } from './rules.js'
import type { UiSources } from './sources.js'
import { type NodeProblem, nodeProblems } from '../../views/node-problems.js'
import { unidentifiedNext } from '../../views/unidentified.js'
import type { NodeView } from '../../views/view.js'

/** One check of the chain from the kernel to the page. */
export interface Check {
  what: string
  /** warn: nothing is wrong now, and what was learned meanwhile may lack syscalls. */
  verdict: 'good' | 'warn' | 'bad' | 'unknown'
  found: string
  /** How to fix it; empty when there is nothing to fix. */
  next: string
}

const named = 5
const quoted = 3

function check(what: string, good: boolean, found: string, next: string): Check {
  return { what, verdict: good ? 'good' : 'bad', found, next: good ? '' : next }
}

/** Returns how many checks need a fix, and how many warn, as the page and the command state it. */
export function verdictOf(checks: readonly Pick<Check, 'verdict'>[]): string {
  const [bad = 0, warnings = 0] = ['bad', 'warn'].map(
    (wanted) => checks.filter(({ verdict }) => verdict === wanted).length
  )
  const needs = `${bad} of ${checks.length} ${bad === 1 ? 'needs' : 'need'} a fix`
  return [
    bad === 0 ? 'none needs a fix' : needs,
    ...(warnings === 0 ? [] : [plural(warnings, 'warning')])
  ].join(', ')
}

const isWrong = ({ verdict }: Check): boolean => verdict === 'bad' || verdict === 'warn'

/** Whether no satellite of the node has ever reported to a hub. */
const isUnheard = ({ lastSeen }: NodeView): boolean => lastSeen === ''

/** Makes a good check of nodes unknown where there is no node, or one is away: "all of none" proves nothing. */
function ofNodes(nodes: readonly NodeView[], one: Check): Check {
  if (nodes.every(isUnheard))
    return { ...one, verdict: 'unknown', found: 'there is no satellite to ask', next: '' }
  const away = nodes.filter(({ connected }) => !connected)
  // Of these the hub knows the names alone, until they report.
  const silent = nodes.filter(({ connected, hook, record }) => connected && hook + record === '')
  if (away.length + silent.length === 0 || isWrong(one)) return one
  const found = [
    ...(away.length + silent.length === nodes.length ? [] : [one.found]),
    ...(away.length === 0 ? [] : [`not known of those that are away: ${namesOf(away)}`]),
    ...(silent.length === 0 ? [] : [`not known yet of ${namesOf(silent)}`])
  ]
  return { ...one, verdict: 'unknown', found: found.join('; ') }
}

/** The checks that come from conditions of nodes, by condition type (src/api/condition-reasons.ts). */
const complaints = [
  {
    what: 'No node holds profiles up',
    types: ['RevisionsHeld'],
    good: 'none has lacked a revision for long',
    next: holdsUpNext
  },
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
    good: 'no observation was rejected for good within the last hour',
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

const again = 'the profiles of these nodes may lack syscalls: let their workloads run again'

/** A problem of a node, by the same definition as on the pages Fleet and Nodes. */
interface NamedProblem extends NodeProblem {
  name: string
}

const ownKinds: ReadonlySet<string> = new Set(['away', 'silent', 'cannot-record', 'lost'])

/** Checks connections and recording, node by node. */
function nodeChecks(nodes: readonly NodeView[], problems: readonly NamedProblem[]): Check[] {
  const of = (wanted: string) => problems.filter(({ kind }) => kind === wanted)
  const [away, silent] = [of('away'), of('silent')]
  const [blind, losing] = [of('cannot-record'), of('lost')]
  const lists = [
    {
      what: 'Every satellite is connected',
      problems: away,
      wrong: `away: ${namesOf(away)}`,
      good: 'all are',
      next: 'read its log on the node; secco get nodes -o wide'
    },
    {
      what: 'Every satellite reported lately',
      problems: silent,
      wrong: `silent: ${namesOf(silent)}`,
      good: 'within two minutes',
      next: 'read its log on the node'
    },
    {
      what: 'Every node can record',
      problems: blind,
      wrong: messagesOf(blind, blind.length),
      good: 'hooks load',
      next: 'on the node: secco doctor --node'
    },
    {
      what: 'Nothing was lost',
      problems: losing,
      wrong: messagesOf(losing, losing.length),
      good: 'no counter moved',
      next: nodes.some(({ losses }) => losses.unidentified > 0)
        ? `${again}; ${unidentifiedNext}`
        : again
    }
  ]
  return lists.map(({ what, problems: own, wrong, good, next }) => {
    const isGood = own.length === 0
    const one = check(what, isGood, isGood ? good : wrong, next)
    // What is over is red on no page: see the level of a node's problems.
    const isOver = !isGood && own.every(({ level }) => level === 'warn')
    return ofNodes(nodes, isOver ? { ...one, verdict: 'warn' } : one)
  })
}

/** Checks the conditions that nodes report. */
function complaintChecks(nodes: readonly NodeView[], problems: readonly NamedProblem[]): Check[] {
  const failing = problems.filter(({ kind }) => !ownKinds.has(kind))
  const known = complaints.map(({ what, types, good, next }) => {
    const own = failing.filter(({ kind }) => types.some((one) => one === kind))
    return ofNodes(nodes, check(what, own.length === 0, messagesOf(own) || good, next))
  })
  // A satellite that is newer than this hub may report other types.
  const others = failing.filter(({ kind }) => !sorted.has(kind))
  if (others.length === 0) return known
  const next = 'see the node on the page Nodes'
  return [...known, check('Nodes have no other complaint', false, messagesOf(others), next)]
}

/** Checks what people wrote: approved profiles on the nodes, documents and rules. */
function objectChecks(sources: UiSources, nodes: readonly NodeView[]): Check[] {
  const approved = sources.states().filter((state) => state.approved)
  const waiting = approved.filter(
    (state) =>
      state.enforce === undefined || givenRevisions(state).some(({ revision }) => !revision.ready)
  )
  const problems = sources.problems().map(({ where, message }) => ({ name: where, message }))
  const { problems: wrong, rules } = sources.snapshot()
  const exists = existsFor(sources)
  const wrongRules = [
    ...wrong
      .filter(({ rule }) => sources.isReadable(rule.split('/')[0] ?? ''))
      .map(({ rule, message }) => ({ name: rule, message })),
    ...sources.rules().flatMap((rule) => {
      const missing = missingProfileOf(rule, exists)
      const name = `${rule.metadata.namespace ?? rootNamespace}/${rule.metadata.name}`
      return missing === undefined ? [] : [{ name, message: missingProfileText(missing) }]
    })
  ]
  return [
    ofNodes(
      nodes,
      check(
        'Approved profiles are on all nodes',
        waiting.length === 0,
        waiting.length === 0
          ? `${approved.length} of ${approved.length}`
          : `${waiting.length} of ${approved.length} wait: ${namesOf(waiting)}`,
        'secco get profiles -A; then the node that lacks it on the page Nodes'
      )
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
function enforcementChecks(
  counts: Readonly<ContainerCounts> | undefined,
  nodes: readonly NodeView[]
): Check[] {
  const [enforced, protectedOnes] = ['Kernels enforce what was decided', 'Rules protect their pods']
  const newest = 'Containers run what a new one would get'
  if (counts === undefined) {
    const unknown = { verdict: 'unknown', found: 'satellites do not report it' } as const
    return [
      { what: enforced, ...unknown, next: 'look at a container: secco profile show NAME' },
      { what: protectedOnes, ...unknown, next: 'compare with secco check -f POD.yaml' },
      { what: newest, ...unknown, next: 'look at a container: secco profile show NAME' }
    ]
  }
  const { drifted, unprotected, stale } = counts
  const old = check(
    newest,
    stale === 0,
    stale === 0 ? 'all' : `${plural(stale, 'container runs', 'containers run')} another revision`,
    'secco ps -A --wrong lists them with the revision of each: restart pods, and create others again with the newer filter'
  )
  return [
    check(
      enforced,
      drifted === 0,
      drifted === 0 ? 'no drift' : `${drifted} drifted`,
      'see the page Nodes, and restart the containers that drifted'
    ),
    check(
      protectedOnes,
      unprotected === 0,
      unprotected === 0
        ? 'all'
        : `${plural(unprotected, 'container is', 'containers are')} not protected`,
      'the page Nodes says why of each: correct that, and restart them'
    ),
    // An older revision is no gap: it is as strict as people decided then.
    stale === 0 ? old : { ...old, verdict: 'warn' as const }
  ].map((one) => ofNodes(nodes, one))
}

/** Checks the loop in its order: nodes, recording, files, documents, decisions, enforcement. Pure. */
export function checksOf(sources: UiSources, now: number): Check[] {
  const nodes = sources.nodes()
  const problems = nodes.flatMap((node) =>
    nodeProblems(node, now).map((one): NamedProblem => ({ ...one, name: node.name }))
  )
  const heard = nodes.filter((node) => !isUnheard(node))
  const someNode = check(
    'A satellite is there',
    heard.length > 0,
    heard.length === 0 ? 'none has ever connected' : `${heard.length} known`,
    'start one on each node: secco satellite --hub HOST:PORT'
  )
  return [
    someNode,
    ...nodeChecks(nodes, problems),
    ...complaintChecks(nodes, problems),
    ...objectChecks(sources, nodes),
    ...enforcementChecks(sources.containers()?.counts(), nodes)
  ]
}
