import type { SeccompProfile } from '../../src/api/seccomp-profile.js'
import { toSeccoError } from '../../src/lib/errors.js'
import { plural } from '../../src/lib/plural.js'
import { namedNode, setCondition } from '../hub/status/conditions.js'
import type { ContainerView, ContainerViews } from './containers/container-views.js'
import type { TruthSources } from './containers/sources.js'

/** Says every drift once when it begins and once when it ends, and keeps the Drifted conditions. */
export interface DriftWatch {
  /** Writes the conditions that are due now. */
  flush(): Promise<void>
  close(): Promise<void>
}

/** Conditions are written this long after the last change. */
const settleMs = 1000

const subjectOf = ({
  key,
  node,
  namespace,
  workload,
  pod,
  name,
  profile,
  revision
}: ContainerView) => ({
  ...{ container: key, node, namespace, workload, pod, name, profile, revision }
})

/**
 * The Drifted condition of a profile whose containers, of this hub's nodes, are these: what another replica
 * says of a node of its own only that one takes back. Pure.
 */
export function withDrift(
  profile: SeccompProfile,
  own: readonly ContainerView[],
  now: string,
  isElsewhere: (node: string) => boolean = () => false
): SeccompProfile {
  const conditions = profile.status?.conditions ?? []
  const drifted = own.filter(({ drift }) => drift.length > 0)
  const isTheirs = isElsewhere(namedNode(conditions.find(({ type }) => type === 'Drifted')))
  if (drifted.length === 0 && isTheirs) return profile
  // A profile that nothing ran under needs no condition about it.
  if (own.length === 0 && !conditions.some(({ type }) => type === 'Drifted')) return profile
  const [first] = drifted
  const set = setCondition(
    conditions,
    first === undefined
      ? {
          ...{ type: 'Drifted', status: 'False', reason: 'AsDeclared' },
          message: `${plural(own.length, 'container')} as declared`
        }
      : {
          ...{ type: 'Drifted', status: 'True', reason: first.drift[0]?.kind ?? 'Drift' },
          message: `${drifted.length} of ${plural(own.length, 'container')}: ${first.node}: ${first.drift[0]?.message ?? ''}`
        },
    now
  )
  return set === conditions
    ? profile
    : { ...profile, status: { ...profile.status, conditions: [...set] } }
}

export function startDriftWatch(sources: TruthSources, views: ContainerViews): DriftWatch {
  const { logger } = sources
  /** What was said of each container. */
  const said = new Map<string, { drift: Map<string, string>; unprotected: string }>()
  const due = new Set<string>()
  let timer: NodeJS.Timeout | undefined
  let writing: Promise<void> = Promise.resolve()

  function speak(view: ContainerView): void {
    const before = said.get(view.key) ?? { drift: new Map<string, string>(), unprotected: '' }
    const now = new Map(view.drift.map(({ kind, message }) => [kind as string, message]))
    for (const { kind, message, since } of view.drift) {
      if (before.drift.has(kind)) continue
      logger.warn({ ...subjectOf(view), drift: kind, since }, `${message} since ${since}`)
    }
    for (const kind of before.drift.keys()) {
      if (!now.has(kind)) logger.info({ ...subjectOf(view), drift: kind }, 'drift is over')
    }
    const unprotected = view.unprotected?.message ?? ''
    if (unprotected !== '' && before.unprotected === '') {
      const { rule, since } = view.unprotected ?? { rule: '', since: '' }
      logger.warn(
        { ...subjectOf(view), rule, since },
        `should be protected, is not: ${unprotected}`
      )
    }
    if (now.size > 0 || unprotected !== '') said.set(view.key, { drift: now, unprotected })
    else said.delete(view.key)
  }

  async function write(profile: string): Promise<void> {
    const [namespace = '', name = ''] = profile.split('/')
    const own = views.list().filter((view) => view.profile === profile)
    try {
      await sources.store.update('SeccompProfile', { namespace, name }, (current) =>
        withDrift(current, own, new Date(sources.now()).toISOString(), sources.isElsewhere)
      )
    } catch (error) {
      const { code, message } = toSeccoError(error)
      if (code !== 'NOT_FOUND') logger.error({ code, profile }, `drift not noted: ${message}`)
    }
  }

  function flush(): Promise<void> {
    clearTimeout(timer)
    timer = undefined
    const profiles = [...due]
    due.clear()
    writing = writing.then(async () => {
      for (const profile of profiles) await write(profile)
    })
    return writing
  }

  const look = (changed: readonly ContainerView[], gone: readonly ContainerView[]): void => {
    for (const view of changed) speak(view)
    for (const { key } of gone) said.delete(key)
    for (const { profile } of [...changed, ...gone]) if (profile !== '') due.add(profile)
    if (due.size > 0) timer ??= setTimeout(() => void flush(), settleMs)
  }
  const leave = views.onChange(look)
  look(views.list(), [])

  return {
    flush,
    async close() {
      leave()
      await flush()
    }
  }
}
