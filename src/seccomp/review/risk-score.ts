import type { LinuxSeccomp } from '../../api/seccomp-profile.js'
import { riskCombinations, riskGroups } from '../policy/data/risky-calls.js'
import { syscallCves } from '../data/syscall-cves.js'
import { runtimeDefault } from '../policy/runtime-default.js'
import { knownSyscalls } from '../../syscalls/syscall-table.js'
import { type FilterAnswers, answersOf } from '../filter/filter-answers.js'
import { namesBeyond, passSetOf, runtimeDefaultPassSet } from '../filter/pass-set.js'
import { unobservedRisk } from './never-observed.js'

/** A part of the score, explained. */
interface RiskPoint {
  points: number
  /** Stable word for scripts: group, combination, argument, cve, abi, unobserved, width, default. */
  kind: string
  names: string[]
  reason: string
  source: string
}

export interface RiskReport {
  /** 0 to 100; 100 is as good as no filter. `runtimeDefault` is the score of RuntimeDefault. */
  score: number
  runtimeDefault: number
  /** Largest first. */
  points: RiskPoint[]
  /** Names that are allowed here and denied by RuntimeDefault, and the number of its names that are denied here. */
  beyondRuntimeDefault: string[]
  fewerThanRuntimeDefault: number
  /** Allowed, but never observed, without what base and families need. */
  neverObserved: string[]
}

interface RiskContext {
  /** Every name observed; without it nothing is said about what is never used. */
  observed?: readonly string[]
  /** Names that are there for the container's start or as a family's siblings: unobserved, yet needed. */
  needed?: readonly string[]
}

const round = (value: number) => Math.round(value * 10) / 10
const namespaceFlags = 0x10000000n
const families = { AF_ALG: 38n, AF_VSOCK: 40n } as const

const mobyPull = 'https://github.com/moby/moby/pull/52494'

function ofArguments(verdicts: FilterAnswers): RiskPoint[] {
  const points: RiskPoint[] = []
  const add = (points_: number, name: string, reason: string, source: string) =>
    points.push({ points: points_, kind: 'argument', names: [name], reason, source })
  for (const [family, value] of Object.entries(families)) {
    if (verdicts.passes('socket', [value])) {
      const what =
        family === 'AF_ALG' ? 'crypto code of the kernel' : 'virtual machines and their host'
      add(6, 'socket', `${family} sockets reach the ${what}`, mobyPull)
    }
  }
  if (verdicts.passes('clone', [namespaceFlags])) {
    add(
      8,
      'clone',
      'CLONE_NEWUSER is allowed: root in its own user namespace exposes most of the kernel',
      'clone(2), user_namespaces(7)'
    )
  }
  if (verdicts.passes('personality', [0x0040000n])) {
    add(
      2,
      'personality',
      'ADDR_NO_RANDOMIZE is allowed: no address space randomisation',
      'personality(2)'
    )
  }
  if (verdicts.passes('ioctl', [0n, 0x5412n])) {
    add(
      1,
      'ioctl',
      'TIOCSTI is allowed: types into the terminal that the program was started from',
      'ioctl_tty(2)'
    )
  }
  return points
}

function ofGroups(verdicts: FilterAnswers): RiskPoint[] {
  const all = riskGroups.flatMap(({ points, level, reason, source, names }): RiskPoint[] => {
    const allowed = names.filter((name) => verdicts.sometimes(name))
    // clone3 and personality within RuntimeDefault's limits are no risk of their own.
    const counted = allowed.filter((name) => name !== 'personality' || verdicts.always(name))
    if (counted.length === 0) return []
    const more = level === 'high' ? 1 : 0.5
    return [
      {
        points: points + more * (counted.length - 1),
        kind: 'group',
        names: counted,
        reason,
        source
      }
    ]
  })
  const together = riskCombinations.flatMap(({ points, reason, source, each }): RiskPoint[] => {
    const hits = each.map((names) => names.filter((name) => verdicts.sometimes(name)))
    if (hits.some((names) => names.length === 0)) return []
    return [{ points, kind: 'combination', names: hits.flat().sort(), reason, source }]
  })
  // The ring does what the filter keeps from sockets; with all sockets open nothing is gained by it.
  const uring = verdicts.sometimes('io_uring_setup') && !verdicts.always('socket')
  const beside: RiskPoint = {
    points: 6,
    kind: 'combination',
    names: ['io_uring_setup', 'socket'],
    reason:
      'io_uring together with a filter on sockets: its ring opens and connects the denied ones',
    source: 'https://kernel-internals.org/io-uring/security'
  }
  return [...all, ...together, ...(uring ? [beside] : [])]
}

function reached(verdicts: FilterAnswers, name: string, condition: string | undefined): boolean {
  if (condition === 'AF_ALG') return verdicts.passes(name, [families.AF_ALG])
  if (condition === 'CLONE_NEWUSER') return verdicts.passes(name, [namespaceFlags])
  return verdicts.sometimes(name)
}

function ofCves(verdicts: FilterAnswers): RiskPoint[] {
  const byCalls = new Map<string, { names: string[]; ids: string[]; source: string }>()
  for (const { id, syscalls, condition, source } of syscallCves) {
    const names = syscalls.filter((name) => reached(verdicts, name, condition)).sort()
    if (names.length === 0) continue
    const known = byCalls.get(names.join()) ?? { names, ids: [], source }
    known.ids.push(id)
    byCalls.set(names.join(), known)
  }
  return [...byCalls.values()].map(({ names, ids, source }) => ({
    points: Math.min(2, 0.5 + 0.25 * ids.length),
    kind: 'cve',
    names,
    reason: `led to ${ids.length === 1 ? 'a flaw' : 'flaws'} in past kernels: ${ids.join(', ')}`,
    source
  }))
}

function pointsOf(
  seccomp: LinuxSeccomp,
  verdicts: FilterAnswers,
  neverObserved: readonly string[]
): RiskPoint[] {
  const points = [...ofGroups(verdicts), ...ofArguments(verdicts), ...ofCves(verdicts)]
  const width = knownSyscalls.filter((name) => verdicts.sometimes(name)).length
  points.push({
    points: (20 * width) / knownSyscalls.length,
    kind: 'width',
    names: [],
    reason: `${width} of ${knownSyscalls.length} names are allowed`,
    source: 'syscall tables'
  })
  for (const arch of seccomp.architectures ?? []) {
    if (arch !== 'SCMP_ARCH_X86' && arch !== 'SCMP_ARCH_X32') continue
    const reason = `syscalls through ${arch} are allowed: a second set of numbers for the same kernel`
    points.push({ points: 2, kind: 'abi', names: [], reason, source: 'seccomp(2)' })
  }
  if (neverObserved.length > 0) {
    // Without points: the score says what a filter permits, and `secco ps` has no observations beside the filter.
    points.push({
      points: 0,
      kind: 'unobserved',
      names: [...neverObserved],
      reason: unobservedRisk(neverObserved.length),
      source: 'status.observed'
    })
  }
  if (verdicts.passes('secco_no_such_call')) {
    const reason = `${seccomp.defaultAction} applies to everything that no rule names`
    points.push({ points: 60, kind: 'default', names: [], reason, source: 'seccomp(2)' })
  }
  return points
    .map((point) => ({ ...point, points: round(point.points) }))
    .sort((a, b) => b.points - a.points || (a.reason < b.reason ? -1 : 1))
}

const sum = (points: readonly RiskPoint[]) =>
  Math.min(100, Math.round(points.reduce((total, { points: each }) => total + each, 0)))

const floor = runtimeDefault()
const floorVerdicts = answersOf(floor)
const floorScore = sum(pointsOf(floor, floorVerdicts, []))

/** Returns what is allowed that RuntimeDefault denies, be it with some arguments only: nodes ask for an approval of each. */
function beyondIn(seccomp: LinuxSeccomp, allowed: readonly string[]): string[] {
  const always = allowed.filter((name) => !floorVerdicts.sometimes(name))
  const beyond = namesBeyond(passSetOf(seccomp), runtimeDefaultPassSet)
  return [...new Set([...always, ...beyond])].sort()
}

/** How much a rendering leaves to an attacker, each point explained. Pure. */
export function riskReport(seccomp: LinuxSeccomp, context: RiskContext = {}): RiskReport {
  const verdicts = answersOf(seccomp)
  const used = new Set([...(context.observed ?? []), ...(context.needed ?? [])])
  const allowed = verdicts.allowed
  const neverObserved =
    context.observed === undefined ? [] : allowed.filter((name) => !used.has(name))
  const points = pointsOf(seccomp, verdicts, neverObserved)
  return {
    score: sum(points),
    runtimeDefault: floorScore,
    points,
    beyondRuntimeDefault: beyondIn(seccomp, allowed),
    fewerThanRuntimeDefault: floorVerdicts.allowed.filter((name) => !verdicts.sometimes(name))
      .length,
    neverObserved
  }
}

/** Returns the first points of a report, the highest first; what was never observed is always among them. */
export function firstPoints({ points }: Pick<RiskReport, 'points'>, most: number): RiskPoint[] {
  const first = points.slice(0, most)
  const unobserved = points.find(({ kind }) => kind === 'unobserved')
  if (unobserved === undefined || first.includes(unobserved)) return first
  return [...points.slice(0, most - 1), unobserved]
}
