/** What the two names that the kernel kept of a cgroup say about whose it is. */
export type CgroupVerdict =
  | { kind: 'container'; id: string; runtime?: string }
  /** A plain name: a container of runc's with an id of somebody's choice, or none. */
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

/** `<runtime>-<id>.scope` of the systemd driver, `<runtime>-<id>` and a bare 64-digit id of the cgroupfs driver. */
function strict(name: string): CgroupVerdict | undefined {
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

/** A command under `secco trace` is looked at, not deployed: it is nobody's workload. */
const notContainers =
  /^(|\/|.*\.(service|slice|scope|mount|socket|swap)|kubepods|burstable|besteffort|pod[0-9a-f-]{36}|system|user|init|secco-trace-\d+-[0-9a-z]+)$/

/**
 * Reads an identity from the leaf and parent name of a cgroup: of a container that ended before
 * anybody looked nothing else is left. The leaf counts first; the parent where a container has
 * cgroups of its own inside (systemd's init.scope, podman's `container`).
 */
export function readCgroupName(leaf: string, parent: string): CgroupVerdict {
  if (last?.leaf !== leaf || last.parent !== parent) {
    last = { leaf, parent, verdict: readAnew(leaf, parent) }
  }
  return last.verdict
}

/** One container's is asked for several times in a row. */
let last: { leaf: string; parent: string; verdict: CgroupVerdict } | undefined

function readAnew(leaf: string, parent: string): CgroupVerdict {
  const known = strict(leaf) ?? strict(parent)
  if (known !== undefined) return known
  return notContainers.test(leaf) ? { kind: 'other' } : { kind: 'perhaps', id: leaf }
}
