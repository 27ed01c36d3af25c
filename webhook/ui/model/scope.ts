import { rootNamespace } from '../../../src/api/names.js'
import type { Ui } from './context.js'
import { containersWithin } from './containers.js'
import type { Identity } from '../../access/rights.js'

const namespaceOf = ({ metadata }: { metadata: { namespace?: string | undefined } }) =>
  metadata.namespace ?? rootNamespace

/**
 * Limits the sources to what a person may see: everything, or the namespaces whose profiles they may list.
 * Returns undefined for a person who may see nothing.
 * @param named further namespaces, which may have no objects yet
 */
export async function scopeOf(
  ui: Ui,
  identity: Identity,
  named: readonly string[] = []
): Promise<Ui | undefined> {
  if (await identity.can('list', 'seccompprofiles')) return ui
  const { sources } = ui
  const groups = [...(sources.containers()?.groups() ?? [])]
  const all = new Set([
    ...named,
    ...[...sources.profiles(), ...sources.rules()].map(namespaceOf),
    ...groups.flatMap(({ namespace }) => (namespace === '' ? [] : [namespace]))
  ])
  const allowed = new Set<string>()
  for (const namespace of all) {
    if (await identity.can('list', 'seccompprofiles', namespace)) allowed.add(namespace)
  }
  if (allowed.size === 0) return undefined
  const { assignment } = sources
  const within = ({ namespace }: { namespace: string }) => allowed.has(namespace)
  return {
    ...ui,
    lines: () => ui.lines().filter(within),
    audit: {
      ...ui.audit,
      list: () => ui.audit.list().filter(({ object }) => allowed.has(object.split('/')[0] ?? ''))
    },
    sources: {
      ...sources,
      profiles: () => sources.profiles().filter((one) => allowed.has(namespaceOf(one))),
      isReadable: (namespace) => allowed.has(namespace),
      rules: () => sources.rules().filter((one) => allowed.has(namespaceOf(one))),
      ...(assignment === undefined
        ? {}
        : { assignment: (profile) => assignment(profile, (namespace) => allowed.has(namespace)) }),
      states: () => sources.states().filter(within),
      denials: () => sources.denials().filter(within),
      containers: () => {
        const containers = sources.containers()
        return containers === undefined
          ? undefined
          : containersWithin(containers, (namespace) => allowed.has(namespace))
      },
      podNamed: (namespace, pod) =>
        allowed.has(namespace) ? sources.podNamed(namespace, pod) : undefined,
      // Messages of nodes and of the store can name objects of any namespace.
      nodes: () => sources.nodes().map((node) => ({ ...node, conditions: [], holdsUp: [] })),
      problems: () => []
    }
  }
}
