import { atLeast } from '../../../src/seccomp/review/times-seen.js'
import { allowedBy, hasApproved } from '../../../src/seccomp/review/profile-size.js'
import { plural } from '../../../src/lib/plural.js'
import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import { type Abi, abis } from '../../../src/syscalls/abi.js'
import { areaOf, type KernelArea, kernelAreas } from '../../../src/seccomp/data/kernel-areas.js'
import { syscallTables } from '../../../src/syscalls/gen/syscalls.js'
import type { Reason } from '../../../src/seccomp/policy/reason.js'
import { type Risk, riskOf } from '../../../src/seccomp/policy/risk.js'
import type { DenialView } from '../../views/denial-view.js'
import type { RenderingResult } from './derived.js'

/** One syscall of the grid, with everything that its square shows. */
export interface Cell {
  name: string
  number: number
  observed: boolean
  /** Number of calls; 0 where only the set is known. */
  count: number
  /** Whether the approved part allows it, with or without conditions. */
  allowed: boolean
  conditional: boolean
  /** Whether it was observed and the approved part does not allow it. */
  isNew: boolean
  /** How often it was denied, without closed denials. */
  denied: number
  expected: boolean
  risk: Risk | undefined
  reasons: readonly Reason[]
  /** Why it is approved without an observation: b base, f family, p a person, e extends. */
  letter: '' | 'b' | 'f' | 'p' | 'e'
}

export interface Area {
  area: KernelArea
  cells: Cell[]
  allowed: number
  fresh: number
  denied: number
}

const letters: Partial<Record<Reason['kind'], Cell['letter']>> = {
  base: 'b',
  family: 'f',
  person: 'p',
  extends: 'e'
}

/** Returns the ABI that was asked for, else the one with the most syscalls. */
export function abiOf(profile: SeccompProfile, asked: string | undefined): Abi {
  const found = abis.find((abi) => abi === asked)
  if (found !== undefined) return found
  const observed = profile.status?.observed ?? {}
  const size = (abi: Abi) => observed[abi]?.length ?? 0
  return [...abis].sort((a, b) => size(b) - size(a))[0] ?? 'x86_64'
}

/** Returns the bucket of a count: 1, 100, 10 k, 200 k. */
export function heatOf(count: number): 1 | 2 | 3 | 4 {
  if (count >= 200_000) return 4
  if (count >= 10_000) return 3
  return count >= 100 ? 2 : 1
}

function letterOf(reasons: readonly Reason[]): Cell['letter'] {
  const kinds = new Set(reasons.map(({ kind }) => kind))
  if (kinds.has('base')) return 'b'
  if (kinds.has('observed')) return ''
  return (
    letters[
      (['family', 'extends', 'person'] as const).find((kind) => kinds.has(kind)) ?? 'observed'
    ] ?? ''
  )
}

/** Returns the rank of a cell in its area: in use first, then high risk, then the rest. */
function rank(cell: Cell): number {
  if (cell.observed || cell.denied > 0) return 0
  if (cell.allowed) return 1
  return cell.risk?.level === 'high' ? 2 : 3
}

/** Groups every syscall of an ABI by area of the kernel, with how one profile treats it. */
export function gridOf(options: {
  profile: SeccompProfile
  abi: Abi
  result: RenderingResult
  counts: ReadonlyMap<string, number>
  /** Denials of this profile only. */
  denials: readonly DenialView[]
}): Area[] {
  const { profile, abi, result, counts } = options
  const approved = hasApproved(profile)
  const rules = result.rendering?.seccomp.syscalls ?? []
  const passing = rules.filter(
    ({ action }) => action === 'SCMP_ACT_ALLOW' || action === 'SCMP_ACT_LOG'
  )
  const allowed = allowedBy(result.rendering?.seccomp)
  const whole = new Set(
    passing.filter(({ args }) => (args ?? []).length === 0).flatMap(({ names }) => names)
  )
  const observed = new Set(profile.status?.observed?.[abi])
  const denied = new Map<string, { count: number; expected: boolean }>()
  for (const denial of options.denials) {
    if (denial.abi !== '' && denial.abi !== abi) continue
    if (denial.action === 'SCMP_ACT_LOG') {
      // A logged call succeeded; the denial arrives before the observation of the same call.
      observed.add(denial.syscall)
      continue
    }
    if (denial.state === 'closed') continue
    const before = denied.get(denial.syscall)
    denied.set(denial.syscall, {
      count: denial.count + (before?.count ?? 0),
      expected: denial.expected && (before?.expected ?? true)
    })
  }
  const cells = Object.entries(syscallTables[abi]).map(([name, number]): Cell => {
    const reasons = result.rendering?.reasons[name] ?? []
    const lets = approved && allowed.has(name)
    const seen = observed.has(name)
    return {
      ...{ name, number, reasons, observed: seen, allowed: lets },
      count: seen ? (counts.get(name) ?? 0) : 0,
      conditional: lets && !whole.has(name),
      isNew: approved && seen && !lets,
      denied: denied.get(name)?.count ?? 0,
      expected: denied.get(name)?.expected ?? false,
      risk: riskOf(name),
      letter: lets ? letterOf(reasons) : ''
    }
  })
  const byArea = new Map<KernelArea, Cell[]>(kernelAreas.map((area) => [area, []]))
  for (const cell of cells) byArea.get(areaOf(cell.name))?.push(cell)
  return [...byArea].map(([area, list]) => ({
    area,
    cells: list.sort((a, b) => rank(a) - rank(b) || (a.name < b.name ? -1 : 1)),
    allowed: list.filter((cell) => cell.allowed).length,
    fresh: list.filter(({ isNew }) => isNew).length,
    denied: list.filter((cell) => cell.denied > 0).length
  }))
}

/** Describes a cell in words for screen readers. */
export function cellWords(cell: Cell): string {
  const words = [
    cell.observed && (cell.count > 0 ? `observed ${atLeast(cell.count)}` : 'observed'),
    cell.allowed && (cell.conditional ? 'approved with conditions' : 'approved'),
    cell.letter === 'b' && 'base',
    cell.letter === 'f' && 'family',
    cell.letter === 'p' && 'by a person',
    cell.letter === 'e' && 'from a base profile',
    cell.isNew && 'not approved',
    cell.denied > 0 && `denied ${plural(cell.denied, 'time')}${cell.expected ? ' on purpose' : ''}`,
    !cell.observed && cell.allowed && 'never observed',
    !cell.observed && !cell.allowed && cell.denied === 0 && 'not allowed, never asked',
    cell.risk !== undefined && `${cell.risk.level} risk`
  ].filter((word) => word !== false)
  return words.join(', ')
}
