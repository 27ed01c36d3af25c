import type { Container } from './runtime.js'

/** Runtimes that others call, and no runtime. */
const callees: ReadonlySet<string> = new Set(['runc', 'crun', 'unknown'])

/** Merges what two runtimes report of one container: process facts from the one that has them, and the name that is not an id. */
export function mergeContainers(older: Container, newer: Container): Container {
  const live = newer.pid > 0 ? newer : older.pid > 0 ? older : newer
  const specific = callees.has(newer.runtime) ? older : newer
  const pick = <K extends keyof Container>(key: K): Container[K] | undefined =>
    newer[key] ?? older[key]
  const image = pick('image')
  const imageDigest = pick('imageDigest')
  const pod = pick('pod')
  const seccomp = pick('seccomp')
  const bundle = pick('bundle')
  const privileged = pick('privileged')
  const firstPid = live.firstPid ?? pick('firstPid')
  const cgroupId = live.cgroupId ?? pick('cgroupId')
  const cgroupFolder = live.cgroupFolder ?? pick('cgroupFolder')
  // One by one, for the reason in runc.ts.
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
  if (imageDigest !== undefined) merged.imageDigest = imageDigest
  if (pod !== undefined) merged.pod = pod
  if (seccomp !== undefined) merged.seccomp = seccomp
  if (bundle !== undefined) merged.bundle = bundle
  if (privileged !== undefined) merged.privileged = privileged
  // One runtime that knows the container is enough.
  if (older.doubt !== undefined && newer.doubt !== undefined) merged.doubt = newer.doubt
  return merged
}

/** True if both are the same run of a container, not two runs with the same id. */
export function sameInstance(left: Container, right: Container): boolean {
  return (
    left.cgroupId === undefined || right.cgroupId === undefined || left.cgroupId === right.cgroupId
  )
}

/** True if ids, cgroups and processes are those of one run: ids are unique only within a namespace. */
export function isSameRun(left: Container, right: Container): boolean {
  const samePid = left.pid === 0 || right.pid === 0 || left.pid === right.pid
  return left.id === right.id && sameInstance(left, right) && samePid
}

/** Merges reports of the same container: containerd and the runc that it calls often report both. */
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
