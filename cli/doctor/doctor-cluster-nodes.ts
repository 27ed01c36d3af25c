import { listed } from '../../src/lib/plural.js'
/** The members of a node that doctor reads (core/v1). */
export interface Node {
  metadata: { name: string; labels?: Record<string, string> }
  status: { conditions?: { type: string; status: string }[] }
}

/** The nodes that get a canary, and the other nodes with the reason. */
export interface ChosenNodes {
  tried: readonly string[]
  untried: readonly { node: string; why: string }[]
  /** Architecture label of the nodes that get a canary. */
  arch: string
}

/** Default number of nodes that get a canary. */
export const usualNodes = 10
const mostNamed = 10

const archOf = ({ metadata }: Node): string => metadata.labels?.['kubernetes.io/arch'] ?? ''

export const isReady = ({ status }: Node): boolean =>
  status.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') === true

/** Chooses nodes of one architecture, that of the first Ready node. @param most nodes that are chosen at most. Pure. */
export function chooseNodes(nodes: readonly Node[], most: number): ChosenNodes {
  const first = nodes.find(isReady)
  const arch = first === undefined ? '' : archOf(first)
  const tried: string[] = []
  const untried: { node: string; why: string }[] = []
  for (const one of nodes) {
    const node = one.metadata.name
    if (!isReady(one)) untried.push({ node, why: 'not Ready' })
    else if (archOf(one) !== arch) untried.push({ node, why: `${archOf(one)}, not ${arch}` })
    else if (tried.length >= most) untried.push({ node, why: `beyond --nodes ${most}` })
    else tried.push(node)
  }
  return { tried, untried, arch }
}

/** Lists the names of nodes, shortened when there are many. */
export const nodesText = (names: readonly string[]): string => listed(names, mostNamed)

function grouped(found: readonly { node: string; words: string }[]): [string, string][] {
  const alike = new Map<string, string[]>()
  for (const { node, words } of found) alike.set(words, [...(alike.get(words) ?? []), node])
  return [...alike].map(([words, nodes]) => [words, nodesText(nodes)])
}

/** Lists the result of each node; nodes with the same result are grouped. Pure. */
export function byWords(found: readonly { node: string; words: string }[]): string {
  return grouped(found)
    .map(([words, nodes]) => `${words} on ${nodes}`)
    .join('; ')
}

/** Lists the nodes that were not tried, grouped by reason; empty when there are none. Pure. */
export function untriedText(untried: ChosenNodes['untried']): string {
  return grouped(untried.map(({ node, why }) => ({ node, words: why })))
    .map(([why, nodes]) => `${nodes} (${why})`)
    .join(', ')
}
