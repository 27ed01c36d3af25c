import { capabilityMeanings } from '../../native/capability-table.js'
import { kernelBtf } from '../../native/kernel-btf.js'
import type { NodeFacts } from './node-facts.js'

/** `untried`: only root could tell. `note`: a fact, good either way. */
export type Mark = 'yes' | 'no' | 'untried' | 'note'

/** One line of `secco doctor --node`. */
export interface Row {
  what: string
  mark: Mark
  /** What was found, or what it means. */
  found: string
  /** What to do; empty when nothing has to be done. */
  next: string
}

export interface NodeVerdict {
  rows: Row[]
  learning: boolean
  enforcing: boolean
  /** Why not, when one of the two is not possible; one sentence each. */
  reasons: string[]
}

const cgroupWords: Record<NodeFacts['cgroup'], string> = {
  v2: 'v2',
  hybrid: 'hybrid: v1 controllers beside an empty v2; containers have an id in v2',
  v1: 'v1 only: containers are told apart by mount namespace and first process',
  none: 'none is mounted'
}

const tableArchs = ['x86_64', 'aarch64']

/** What the facts mean, line by line, and whether learning and enforcing are possible. Pure. */
export function judgeNode(facts: NodeFacts): NodeVerdict {
  const unprivileged: Mark = facts.root ? 'no' : 'untried'
  const asRoot = (next: string): string => (facts.root ? next : 'run it again as root')
  const rows: Row[] = []
  const add = (what: string, mark: Mark, found: string, next = ''): void => {
    rows.push({ what, mark, found, next: mark === 'no' || mark === 'untried' ? next : '' })
  }

  add('kernel', 'note', `Linux ${facts.kernel}`)
  add(
    'architecture',
    facts.abis.length > 0 ? 'yes' : 'no',
    facts.abis.length > 0
      ? `${facts.arch}; ABIs ${facts.abis.join(', ')}`
      : `${facts.arch}: there is no syscall table for it`,
    `use a node that is ${tableArchs.join(' or ')}`
  )
  add(
    'BTF',
    facts.btf || facts.btfFile !== '' ? 'yes' : 'no',
    facts.btf
      ? kernelBtf
      : `the kernel describes no types: tp_btf cannot be used${facts.btfFile === '' ? '' : `, raw_tp is with ${facts.btfFile}`}`,
    'use a kernel with CONFIG_DEBUG_INFO_BTF=y, or give a BTF file of this one with --btf'
  )
  add(
    'cgroup',
    facts.cgroup === 'none' ? 'no' : 'yes',
    cgroupWords[facts.cgroup],
    'mount -t cgroup2 cgroup2 /sys/fs/cgroup'
  )
  const hookMissing = 'none could be attached'
  add(
    'hook',
    facts.hook === '' ? unprivileged : 'yes',
    facts.hook === '' ? hookMissing : facts.hook,
    asRoot(capabilityMeanings.record.next)
  )
  for (const { name, works, message } of facts.capabilities) {
    const mark = works ? 'yes' : unprivileged
    add(name, mark, message, asRoot(capabilityMeanings[name].next))
  }
  const { selfTest, memory } = facts
  const nothing = 'nothing is recorded'
  if ('value' in selfTest) {
    const { ok, counted, expected, recursionMisses } = selfTest.value
    const misses = recursionMisses > 0 ? `; the hook was skipped ${recursionMisses} times` : ''
    add(
      'self-test',
      ok && recursionMisses === 0 ? 'yes' : 'no',
      `counted ${counted} of ${expected} marker calls${misses}`,
      'stop other BPF tools on this node and try again; what is learned is marked incomplete'
    )
  } else if (facts.hook === '') add('self-test', unprivileged, nothing, asRoot('see `record`'))
  else add('self-test', 'note', `could not be run, so no count is proven: ${selfTest.reason}`)
  if ('value' in memory) {
    add(
      'memory',
      'note',
      `${(memory.value / 2 ** 20).toFixed(1)} MiB in the kernel for the recorder`
    )
  } else add('memory', unprivileged, nothing, asRoot('see `record`'))
  const pinned = facts.pinned.length === 0 ? 'nothing' : facts.pinned.join(', ')
  add('pinned', 'note', `${pinned} on the bpf file system`)
  const runtimes = facts.runtimes.map(({ name, version }) => `${name} ${version}`)
  const silent = facts.silentRuntimes.map((name) => `${name} (installed, does not answer)`)
  add(
    'runtimes',
    runtimes.length > 0 ? 'yes' : 'no',
    [runtimes.length > 0 ? runtimes : ['no container runtime answered'], silent].flat().join(', '),
    'install runc, containerd, docker or podman, and start it; --containerd-socket names another socket'
  )
  add(
    'libseccomp',
    facts.libseccomp === '' ? 'no' : 'yes',
    facts.libseccomp === '' ? 'the runtime does not say it' : facts.libseccomp,
    'use a runc that was built with seccomp (`runc --version` says so)'
  )
  add(
    'filters',
    facts.filterProblem === undefined ? 'yes' : 'no',
    facts.filterProblem ?? 'the kernel takes a filter made by libseccomp',
    'use a kernel with CONFIG_SECCOMP_FILTER=y'
  )
  add(
    'seccomp folder',
    facts.seccompRootProblem === undefined ? 'yes' : unprivileged,
    facts.seccompRootProblem ?? `${facts.seccompRoot} is writable`,
    asRoot('mount it writable for the satellite, or name another folder with --seccomp-root')
  )

  const markOf = (what: string): Mark => rows.find((row) => row.what === what)?.mark ?? 'no'
  const blocking = (names: readonly string[]): string[] =>
    rows
      .filter(({ what }) => names.includes(what) && markOf(what) !== 'yes')
      .map(({ what, found, mark }) => `${what}${mark === 'untried' ? ' (not root)' : ''}: ${found}`)
  const learn = blocking([
    'architecture',
    'record',
    ...('value' in selfTest ? ['self-test'] : []),
    'runtimes'
  ])
  const enforce = blocking(['architecture', 'runtimes', 'filters', 'seccomp folder'])
  return {
    rows,
    learning: learn.length === 0,
    enforcing: enforce.length === 0,
    reasons: [...new Set([...learn, ...enforce])]
  }
}
