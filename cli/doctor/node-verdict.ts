import { capabilityMeanings } from '../../native/capability-table.js'
import { kernelBtf } from '../../native/kernel-btf.js'
import { containerNamesText } from '../../webhook/views/unidentified.js'
import type { NodeFacts } from './node-facts.js'

/** `untried`: only root can try it. `note`: a fact that is neither good nor bad. */
export type Mark = 'yes' | 'no' | 'untried' | 'note'

/** One line of `secco doctor --node`. */
interface Row {
  what: string
  mark: Mark
  /** The finding, or its meaning. */
  found: string
  /** The next step; empty when there is none. */
  next: string
}

export interface NodeVerdict {
  rows: Row[]
  learning: boolean
  enforcing: boolean
  /** Why learning or enforcing is not possible; one sentence each. */
  reasons: string[]
}

const cgroupWords: Record<NodeFacts['cgroup'], string> = {
  v2: 'v2',
  hybrid: 'hybrid: v1 controllers next to an empty v2; containers have an id in v2',
  v1: 'v1 only: containers are distinguished by mount namespace and first process',
  none: 'none is mounted'
}

const tableArchs = ['x86_64', 'aarch64']

/** Makes one row; the next step is left out of rows that need none. */
const rowOf = (what: string, mark: Mark, found: string, next = ''): Row => ({
  ...{ what, mark, found },
  next: mark === 'no' || mark === 'untried' ? next : ''
})

/** The mark of something that only root can try. */
const withoutRoot = ({ root }: NodeFacts): Mark => (root ? 'no' : 'untried')

/** The next step for something that only root can try. */
const asRoot = ({ root }: NodeFacts, next: string): string => (root ? next : 'run it again as root')

function kernelRows(facts: NodeFacts): Row[] {
  const { kernel, arch, abis, btf, btfFile, cgroup } = facts
  const withFile = btfFile === '' ? '' : `; raw_tp can, with ${btfFile}`
  return [
    rowOf('kernel', 'note', `Linux ${kernel}`),
    rowOf(
      'architecture',
      abis.length > 0 ? 'yes' : 'no',
      abis.length > 0
        ? `${arch}; ABIs ${abis.join(', ')}`
        : `${arch}: there is no syscall table for it`,
      `use a node that is ${tableArchs.join(' or ')}`
    ),
    rowOf(
      'BTF',
      btf || btfFile !== '' ? 'yes' : 'no',
      btf ? kernelBtf : `the kernel has no BTF: tp_btf cannot be used${withFile}`,
      'use a kernel with CONFIG_DEBUG_INFO_BTF=y, or give a BTF file of this kernel with --btf'
    ),
    rowOf(
      'cgroup',
      cgroup === 'none' ? 'no' : 'yes',
      cgroupWords[cgroup],
      'mount -t cgroup2 cgroup2 /sys/fs/cgroup'
    )
  ]
}

const nothing = 'nothing is recorded'

function selfTestRow(facts: NodeFacts): Row {
  const { selfTest, hook } = facts
  if ('reason' in selfTest) {
    return hook === ''
      ? rowOf('self-test', withoutRoot(facts), nothing, asRoot(facts, 'see `record`'))
      : rowOf('self-test', 'note', `could not run, so no count is proven: ${selfTest.reason}`)
  }
  const { ok, counted, expected, recursionMisses } = selfTest.value
  const misses = recursionMisses > 0 ? `; the hook was skipped ${recursionMisses} times` : ''
  return rowOf(
    'self-test',
    ok && recursionMisses === 0 ? 'yes' : 'no',
    `counted ${counted} of ${expected} marker calls${misses}`,
    'stop other BPF tools on this node and try again; until then observations are marked incomplete'
  )
}

function recorderRows(facts: NodeFacts): Row[] {
  const { hook, capabilities, memory, pinned } = facts
  const untried = withoutRoot(facts)
  const works = capabilities.map(({ name, works, message }) =>
    rowOf(name, works ? 'yes' : untried, message, asRoot(facts, capabilityMeanings[name].next))
  )
  return [
    rowOf(
      'hook',
      hook === '' ? untried : 'yes',
      hook === '' ? 'none could be attached' : hook,
      asRoot(facts, capabilityMeanings.record.next)
    ),
    ...works,
    selfTestRow(facts),
    'value' in memory
      ? rowOf(
          'memory',
          'note',
          `${(memory.value / 2 ** 20).toFixed(1)} MiB in the kernel for the recorder`
        )
      : rowOf('memory', untried, nothing, asRoot(facts, 'see `record`')),
    rowOf(
      'pinned',
      'note',
      `${pinned.length === 0 ? 'nothing' : pinned.join(', ')} on the bpf file system`
    )
  ]
}

function enforcementRows(facts: NodeFacts): Row[] {
  const { libseccomp, filterProblem, seccompRoot, seccompRootProblem } = facts
  const runtimes = facts.runtimes.map(({ name, version }) => `${name} ${version}`)
  const silent = facts.silentRuntimes.map((name) => `${name} (installed, does not answer)`)
  const answered = runtimes.length > 0 ? runtimes : ['no container runtime answered']
  return [
    rowOf(
      'runtimes',
      runtimes.length > 0 ? 'yes' : 'no',
      [...answered, ...silent].join(', '),
      'install and start runc, containerd, docker or podman; --containerd-socket names another socket'
    ),
    rowOf(
      'container names',
      'note',
      containerNamesText(
        facts.runtimes.map(({ name }) => name),
        facts.silentRuntimes
      )
    ),
    rowOf(
      'libseccomp',
      libseccomp === '' ? 'no' : 'yes',
      libseccomp === '' ? 'the runtime does not report it' : libseccomp,
      'use a runc that was built with seccomp (`runc --version` shows it)'
    ),
    rowOf(
      'filters',
      filterProblem === undefined ? 'yes' : 'no',
      filterProblem ?? 'the kernel accepts a filter made by libseccomp',
      'use a kernel with CONFIG_SECCOMP_FILTER=y'
    ),
    rowOf(
      'seccomp folder',
      seccompRootProblem === undefined ? 'yes' : withoutRoot(facts),
      seccompRootProblem ?? `${seccompRoot} is writable`,
      asRoot(
        facts,
        'mount it writable for the satellite, or name another folder with --seccomp-root'
      )
    )
  ]
}

/** Judges what the facts mean, row by row, and whether learning and enforcing are possible. Pure. */
export function judgeNode(facts: NodeFacts): NodeVerdict {
  const rows = [...kernelRows(facts), ...recorderRows(facts), ...enforcementRows(facts)]
  const blocking = (names: readonly string[]): string[] =>
    rows
      .filter(({ what, mark }) => names.includes(what) && mark !== 'yes')
      .map(({ what, found, mark }) => `${what}${mark === 'untried' ? ' (not root)' : ''}: ${found}`)
  const learn = blocking([
    'architecture',
    'record',
    ...('value' in facts.selfTest ? ['self-test'] : []),
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
