import { allowTexts } from '../../webhook/views/allow-commands.js'
import type { Explained } from '../../webhook/confinement/explain.js'
import { missingNodesText } from '../../webhook/confinement/containers/missing-nodes.js'
import type { DeniedContainer, WhyEperm } from '../../webhook/confinement/denials/why-eperm.js'
import { stateWords } from '../../src/confinement/state.js'
import { plural } from '../../src/lib/plural.js'
import { type Io, plain } from '../lib/io.js'
import { printObject } from '../lib/output.js'
import { queryOf } from '../hubs/hub-api.js'
import { absenceWords } from '../lib/known-since.js'
import type { Hub } from '../hubs/hub.js'

const ruleText = (rule: string): string => `rule ${rule === '' ? 'none' : rule}`

/**
 * Describes the answer of the webhook, as far as this hub or the pod knows it. The webhook may be another process. A
 * container outside of pods has no answer.
 */
function webhookText({
  answer,
  noted,
  container
}: Pick<Explained, 'answer' | 'noted' | 'container'>): string {
  if (answer === null && noted === null && container.pod === '') {
    return 'It belongs to no pod, so no webhook was asked: its runtime got its profile from whoever started it.'
  }
  if (answer !== null) {
    return `The webhook answered at ${answer.at}: ${answer.decision} (${answer.reason}), ${ruleText(answer.rule)}.`
  }
  return noted === null
    ? 'The pod has no annotation of the webhook, and this hub does not know an answer of the webhook.'
    : `The pod's annotation says: ${noted.outcome}, ${ruleText(noted.rule)}.`
}

/** `secco explain CONTAINER|POD`: explains why a container has its profile. */
export async function explainContainer(
  io: Io,
  hub: Hub,
  name: string,
  options: { namespace: string | undefined; output: 'table' | 'json' | 'yaml' }
): Promise<number> {
  const path = `/api/v1/explain${queryOf({ name, namespace: options.namespace })}`
  const items = await hub.list<Explained>(path)
  if (options.output !== 'table') {
    printObject(io, options.output, items.length === 1 ? items[0] : items)
    return 0
  }
  for (const { words, ...one } of items) {
    for (const line of words) io.stdout(`${plain(line)}\n`)
    io.stdout(`${plain(webhookText(one))}\n\n`)
  }
  return 0
}

type Before = WhyEperm['before']

/** Denials of earlier runs that are printed at most; a workload may have thousands. */
const mostBefore = 10

function printBefore(io: Io, before: Before, namespace: string | undefined): void {
  io.stdout('Denials of containers that have ended or have just started, newest last:\n')
  for (const { words, ...row } of before.slice(-mostBefore)) {
    const place = `${row.home}/${row.pod === '' ? row.containerName : row.pod}`
    io.stdout(`  ${plain(place)}: ${plain(words)}\n`)
  }
  const more = before.length - mostBefore
  // Rows have the namespace of their profile, which outside Kubernetes is not that of the container.
  const [only, ...others] = new Set(before.map((row) => row.namespace))
  const there = namespace === undefined || others.length > 0 ? '' : ` -n ${only}`
  if (more > 0) {
    io.stdout(`  and ${plural(more, 'earlier row')}: secco denials --muted -o wide${there}\n`)
  }
}

/** For -o json and -o yaml: a container that has ended gets the members that its denials name. */
function endedOf(before: Before) {
  const ended = new Map<string, { container: object; denials: Before }>()
  for (const row of before) {
    const { node, home: namespace, workload, pod, container: id, containerName: name } = row
    const one = ended.get(`${node} ${id}`) ?? {
      container: { node, namespace, workload, pod, id, name },
      denials: []
    }
    one.denials.push(row)
    ended.set(`${node} ${id}`, one)
  }
  return [...ended.values()].map((one) => ({ running: false, ...one }))
}

/** True when an earlier run of the same container has denials, which may be the reason for its end. */
const hasEarlier = (
  { container }: Pick<WhyEperm['items'][number], 'container'>,
  before: Before
): boolean =>
  before.some(
    ({ home, workload, containerName }) =>
      home === container.namespace &&
      workload === container.workload &&
      containerName === container.name
  )

/** Returns what a container runs under: a revision by its name, or its state. A hub of before reports neither. */
function filterWords({ state, revision, why }: Partial<DeniedContainer>): string {
  if (state === undefined || (revision ?? '') !== '') return `It runs under ${why ?? ''}`
  return `Its state is ${stateWords[state]}: ${why ?? ''}`
}

/** `secco why-eperm CONTAINER|POD`: shows the denied syscalls, their processes, the rule, and what to do. */
export async function whyEperm(
  io: Io,
  hub: Hub,
  name: string,
  options: { namespace: string | undefined; output: 'table' | 'json' | 'yaml' }
): Promise<number> {
  const path = `/api/v1/why-eperm${queryOf({ name, namespace: options.namespace })}`
  const { items, before, missingNodes = 0 } = await hub.ask<WhyEperm>(path)
  if (options.output !== 'table') {
    const running = items.map(({ container, denials, knownSince, unheard }) => ({
      ...{ running: true, container, denials, knownSince },
      ...(unheard === undefined ? {} : { unheard })
    }))
    printObject(io, options.output, [...running, ...endedOf(before)])
    // The list on stdout has no place for it.
    if (missingNodes > 0) io.stderr(`note: ${missingNodesText(missingNodes)}\n`)
    return 0
  }
  for (const item of items) {
    const { container, words, rule, knownSince, unheard } = item
    if (words.length === 0) {
      const isOnly = !hasEarlier(item, before)
      io.stdout(`${plain(absenceWords({ container, knownSince, unheard, isOnly }))}\n`)
      continue
    }
    for (const line of words) io.stdout(`${plain(line)}\n`)
    const by = rule === '' ? 'its own configuration' : `rule ${rule}`
    io.stdout(`${plain(filterWords(container))} (${plain(by)}).\n`)
  }
  if (items.length === 0) {
    const unknown =
      missingNodes === 0 ? '' : `, as far as is known: ${missingNodesText(missingNodes)}`
    io.stdout(`No container of that name runs now${unknown}.\n`)
  }
  if (before.length > 0) printBefore(io, before, options.namespace)
  const denials = [...items.flatMap((item) => item.denials), ...before]
  for (const text of allowTexts(denials)) io.stderr(`  next: ${plain(text)}\n`)
  return 0
}
