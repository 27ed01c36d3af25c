/** The owner of a cgroup, as far as its two names show. */
export type CgroupVerdict =
  | { kind: 'container'; id: string; runtime?: string }
  /** A plain name: a container of runc with an id that a user chose, or no container. */
  | { kind: 'perhaps'; id: string }
  | { kind: 'other' }

const scopeRuntimes: Record<string, string> = {
  'cri-containerd': 'containerd',
  nerdctl: 'containerd',
  docker: 'docker',
  libpod: 'podman',
  crio: 'cri-o',
  runc: 'runc',
  crun: 'crun'
}

/** Recognises `<runtime>-<id>.scope` of the systemd driver, and `<runtime>-<id>` or a 64-digit id of the cgroupfs driver. */
function ownerOf(name: string): CgroupVerdict | undefined {
  const hex = /^(?:([a-z-]+?)-)?([0-9a-f]{64})(?:\.scope)?$/.exec(name)
  if (hex?.[2] !== undefined) {
    const prefix = hex[1]
    if (prefix?.endsWith('conmon') === true) return { kind: 'other' }
    const runtime = prefix === undefined ? undefined : scopeRuntimes[prefix]
    return { kind: 'container', id: hex[2], ...(runtime === undefined ? {} : { runtime }) }
  }
  const scope = /^(cri-containerd|nerdctl|docker|libpod|crio|runc|crun)-(.+)\.scope$/.exec(name)
  if (scope?.[1] === undefined || scope[2] === undefined) return undefined
  if (scope[2].startsWith('conmon-')) return { kind: 'other' }
  return { kind: 'container', id: scope[2], runtime: scopeRuntimes[scope[1]] ?? scope[1] }
}

/** Names of cgroups without a container. A command under `secco trace` is not a workload either. */
const notContainers = [
  /^\/?$/,
  /^.*\.(service|slice|scope|mount|socket|swap)$/,
  /^(kubepods|burstable|besteffort|pod[0-9a-f-]{36})$/,
  /^(system|user|init|secco-trace-\d+-[0-9a-z]+)$/
]

/**
 * Reads a container's identity from the names of its cgroup and the parent cgroup: nothing else is left of a container
 * that ended before it was seen. The leaf counts first; the parent if the container has cgroups inside (systemd's
 * init.scope, podman's `container`).
 */
export function readCgroupName(leaf: string, parent: string): CgroupVerdict {
  if (last?.leaf !== leaf || last.parent !== parent) {
    last = { leaf, parent, verdict: identityOf(leaf, parent) }
  }
  return last.verdict
}

/** The last result: one container's names are read several times in a row. */
let last: { leaf: string; parent: string; verdict: CgroupVerdict } | undefined

function identityOf(leaf: string, parent: string): CgroupVerdict {
  const known = ownerOf(leaf) ?? ownerOf(parent)
  if (known !== undefined) return known
  return notContainers.some((pattern) => pattern.test(leaf))
    ? { kind: 'other' }
    : { kind: 'perhaps', id: leaf }
}
