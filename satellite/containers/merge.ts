import type { Container } from './runtime.js'

/** One container told by two sources: the process' facts of whoever has them, the name that is not an id. */
export function mergeContainers(older: Container, newer: Container): Container {
  const live = newer.pid > 0 ? newer : older.pid > 0 ? older : newer
  const specific = newer.runtime === 'runc' || newer.runtime === 'unknown' ? older : newer
  const pick = <K extends keyof Container>(key: K): Container[K] | undefined =>
    newer[key] ?? older[key]
  const image = pick('image')
  const pod = pick('pod')
  const seccomp = pick('seccomp')
  const bundle = pick('bundle')
  const privileged = pick('privileged')
  const firstPid = live.firstPid ?? pick('firstPid')
  const cgroupId = live.cgroupId ?? pick('cgroupId')
  const cgroupFolder = live.cgroupFolder ?? pick('cgroupFolder')
  // One by one, as runc.ts does.
  const merged: Container = {
    id: newer.id,
    runtime: specific.runtime,
    name: newer.name !== newer.id ? newer.name : older.name,
    pid: live.pid,
    status: live.status,
    labels: { ...older.labels, ...newer.labels }
  }
  if (firstPid !== undefined) merged.firstPid = firstPid
  if (live.mntns !== undefined) merged.mntns = live.mntns
  if (cgroupId !== undefined) merged.cgroupId = cgroupId
  if (cgroupFolder !== undefined) merged.cgroupFolder = cgroupFolder
  if (image !== undefined) merged.image = image
  if (pod !== undefined) merged.pod = pod
  if (seccomp !== undefined) merged.seccomp = seccomp
  if (bundle !== undefined) merged.bundle = bundle
  if (privileged !== undefined) merged.privileged = privileged
  return merged
}

/** True when both speak of one run of a container, not of two that had the same id one after the other. */
export function sameInstance(left: Container, right: Container): boolean {
  return (
    left.cgroupId === undefined || right.cgroupId === undefined || left.cgroupId === right.cgroupId
  )
}

/** One run of one container, as far as ids, cgroups and processes tell: ids are unique in a namespace only. */
export function isSameRun(left: Container, right: Container): boolean {
  const samePid = left.pid === 0 || right.pid === 0 || left.pid === right.pid
  return left.id === right.id && sameInstance(left, right) && samePid
}

/** Two runtimes often speak of one container: containerd, and the runc that it calls. */
export function mergeAnswers(answers: readonly Container[]): Container[] {
  const byId = new Map<string, Container[]>()
  for (const container of answers) {
    const others = byId.get(container.id) ?? []
    const at = others.findIndex((other) => isSameRun(other, container))
    const other = others[at]
    if (other === undefined) others.push(container)
    else others[at] = mergeContainers(other, container)
    byId.set(container.id, others)
  }
  return [...byId.values()].flat()
}
