import type { RevisionRef } from '../../../src/api/gen/hub.js'
import { Listeners } from '../../../src/lib/listeners.js'
import type { ClusterPod, ClusterView } from './cluster-view.js'

/** References keeps the revisions that the specs of running and pending pods name. */
export interface References {
  list(): RevisionRef[]
  onChange(listener: () => void): () => void
  close(): void
}

const pathForm =
  /^secco\/([a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?)\/([a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?)\/([0-9a-f]{64})\.json$/
/** Anybody who may create pods can write a path by hand, so nodes keep at most this many. */
const mostKept = 5000

/** Returns the revision of a path below the kubelet's seccomp root; undefined for other paths. */
export function revisionOfPath(path: string): RevisionRef | undefined {
  const [, namespace, profile, hex] = pathForm.exec(path) ?? []
  if (namespace === undefined || profile === undefined || hex === undefined) return undefined
  if (profile.includes('..')) return undefined
  return { namespace, profile, digest: `sha256:${hex}` }
}

function pathsOf(pod: ClusterPod | undefined): Set<string> {
  // An ended pod does not start again.
  if (pod === undefined || pod.phase === 'Succeeded' || pod.phase === 'Failed') return new Set()
  return new Set(
    pod.containers.flatMap(({ localhostProfile }) =>
      localhostProfile?.startsWith('secco/') === true ? [localhostProfile] : []
    )
  )
}

/** Counts the references of each pod as the view changes. */
export function createReferences(view: ClusterView): References {
  const counts = new Map<string, number>()
  const listeners = new Listeners()

  /** Returns true when a path is now the first or no longer referred to. */
  function add(paths: Iterable<string>, by: 1 | -1): boolean {
    let changed = false
    for (const path of paths) {
      const before = counts.get(path) ?? 0
      const after = before + by
      if (after > 0) counts.set(path, after)
      else counts.delete(path)
      if (before === 0 || after === 0) changed = true
    }
    return changed
  }

  for (const pod of view.pods().values()) add(pathsOf(pod), 1)
  const leave = view.onChange((change) => {
    if (change.kind !== 'pod') return
    const before = pathsOf(change.before)
    const after = pathsOf(change.after)
    const gained = add(
      [...after].filter((path) => !before.has(path)),
      1
    )
    const lost = add(
      [...before].filter((path) => !after.has(path)),
      -1
    )
    if (gained || lost) listeners.notify()
  })

  return {
    list: () => [...counts.keys()].slice(0, mostKept).flatMap((path) => revisionOfPath(path) ?? []),
    onChange: listeners.add,
    close() {
      leave()
      listeners.clear()
    }
  }
}
