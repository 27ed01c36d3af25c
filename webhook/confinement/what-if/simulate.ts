import { type Abi, abis } from '../../../src/syscalls/abi.js'
import { Slices } from '../../../src/lib/slices.js'
import { syscallName } from '../../../src/syscalls/syscall-table.js'
import type { LearnedArgument } from '../../../src/api/evidence-schema.js'
import { type FleetSets, rowWords } from '../../hub/nodes/used-sets.js'
import { type Plan, planOf, type Trial } from './simulation-plan.js'

/** SimulatedDenial is a syscall that would be denied. Containers that used the same syscalls share it. */
interface SimulatedDenial {
  abi: Abi
  nr: number
  syscall: string
  /** `arg0=38`; empty where the number alone decides. */
  argument: string
  /** False: its arguments decide, and they are not known well enough. */
  certain: boolean
}

/** WouldBeDenied is a syscall that a container would be denied. */
export interface WouldBeDenied extends Omit<SimulatedDenial, 'nr'> {
  /** Calls of that number so far; of a certain argument it is the upper limit. */
  count: number
}

/** Denials that were computed, with what they were computed from. */
interface Computed {
  used: Uint32Array
  denials: readonly SimulatedDenial[]
}

/** Names by number, looked up once because a simulation needs very many. */
const names = Object.fromEntries(
  abis.map((abi) => [abi, Array.from({ length: rowWords * 32 }, (_, nr) => syscallName(abi, nr))])
) as unknown as Record<Abi, readonly string[]>

const noArguments: readonly LearnedArgument[] = []

/** PlanWord is a word of each row that has syscalls of the plan. */
interface PlanWord {
  abi: Abi
  at: number
  rows: Uint32Array
  denied: number
  mask: number
}

function wordsOf(plan: Plan, sets: FleetSets): PlanWord[] {
  return plan.words.map(({ abi, at }) => {
    const denied = plan.denied[abi][at] ?? 0
    const mask = denied | (plan.conditional[abi][at] ?? 0)
    return { abi, at, rows: sets.rows(abi), denied, mask }
  })
}

/** Denials that are kept in case that another container has the same: with arguments of their own, none has. */
const mostKept = 50_000

/** RowReader reads one row after the other, and keeps what it computed from their sets. */
function createRowReader(plan: Plan, words: readonly PlanWord[]) {
  /** Containers often differ only in other syscalls, so denials are computed once per set of simulated ones. */
  const computed = new Map<readonly LearnedArgument[], Map<number, Computed[]>>()
  const scratch = new Uint32Array(words.length)
  let kept = 0

  function denialsOf(learned: readonly LearnedArgument[]): SimulatedDenial[] {
    return words.flatMap(({ abi, at, denied }, index) => {
      const found: SimulatedDenial[] = []
      // Takes the lowest set bit each time: most words have none or few.
      for (let left = scratch[index] ?? 0; left !== 0; left &= left - 1) {
        const bit = 31 - Math.clz32(left & -left)
        const nr = at * 32 + bit
        const syscall = names[abi][nr] ?? ''
        const isDenied = ((denied >>> bit) & 1) === 1
        const verdict = isDenied
          ? { argument: '', certain: true }
          : plan.judges.get(`${abi} ${syscall}`)?.(learned)
        if (verdict !== undefined) found.push({ abi, nr, syscall, ...verdict })
      }
      return found
    })
  }

  return {
    /** Reads what a row has of the simulated syscalls; returns a hash of it, or undefined where it is nothing. */
    read(row: number): number | undefined {
      let hit = 0
      let hash = 0
      const first = row * rowWords
      // A counting loop: an iterator would create an object for each word of each container.
      for (let index = 0; index < words.length; index += 1) {
        const word = words[index]
        if (word === undefined) continue
        const used = (word.rows[first + word.at] ?? 0) & word.mask
        scratch[index] = used
        hit |= used
        hash = Math.imul(hash ^ used, 0x01000193) ^ (hash >>> 15)
      }
      return hit === 0 ? undefined : hash
    },
    /** Returns the denials of the row that was read last, and whether they had to be computed. */
    denials(hash: number, learned: readonly LearnedArgument[]): Computed & { isNew: boolean } {
      const byHash = computed.get(learned) ?? new Map<number, Computed[]>()
      if (byHash.size === 0) computed.set(learned, byHash)
      const alike = byHash.get(hash) ?? []
      if (alike.length === 0) byHash.set(hash, alike)
      for (const one of alike) {
        let index = 0
        while (index < scratch.length && one.used[index] === scratch[index]) index += 1
        if (index === scratch.length) return { ...one, isNew: false }
      }
      const found = { used: scratch.slice(), denials: denialsOf(learned) }
      alike.push(found)
      kept += found.denials.length + 1
      if (kept > mostKept) {
        computed.clear()
        kept = 0
      }
      return { ...found, isNew: true }
    }
  }
}

/** Containers that are read before the event loop may have its turn: asking for each takes longer than reading it. */
const rowsAtOnce = 32

/**
 * Reads the sets of running containers and calls back with the syscalls of each that would be denied; `countsOf` of
 * the sets returns how often they were made. Containers without denials are left out. Others have their turn of the event
 * loop meanwhile: a container that starts then is not read.
 * @param wanted returns whether a container is simulated
 */
export async function simulate(
  sets: FleetSets,
  trial: Trial,
  wanted: (id: string) => boolean,
  onHit: (id: string, row: number, denials: readonly SimulatedDenial[]) => void
): Promise<{ considered: number }> {
  const slices = new Slices()
  const plan = planOf(trial)
  const words = wordsOf(plan, sets)
  const hasConditions = words.some(({ denied, mask }) => mask !== denied)
  const reader = createRowReader(plan, words)
  const live = sets.ids()
  const ids = [...live]
  let considered = 0
  /** Rows since the last pause. One whose denials are computed counts as many. */
  let unpaused = 0
  for (let at = 0; at < ids.length; at += 1) {
    const id = ids[at] ?? ''
    unpaused += 1
    if (unpaused >= rowsAtOnce) {
      unpaused = 0
      await slices.pause()
      for (const word of words) word.rows = sets.rows(word.abi)
    }
    // During a pause a container may have ended, and its row may be that of another one.
    const row = live[at] === id ? at : sets.rowOf(id)
    if (id === '' || row === undefined || !wanted(id)) continue
    considered += 1
    const hash = reader.read(row)
    if (hash === undefined) continue
    const learned = hasConditions ? sets.argumentsOf(row) : noArguments
    const { denials, isNew } = reader.denials(hash, learned)
    if (isNew) unpaused += rowsAtOnce
    if (denials.length > 0) onHit(id, row, denials)
  }
  return { considered }
}
