import type { RunningContainer } from '../../../src/api/gen/hub.js'
import { cutText } from '../../../src/lib/cut-text.js'
import { runtimeDefaultNames } from '../../../src/seccomp/policy/runtime-default.js'
import { isKnownSyscall } from '../../../src/syscalls/syscall-table.js'

/** The default profile allows 45 names more with all capabilities. */
const mostNames = 128
/** Different reports of one node: a real one has a few runtimes, and containers with a few sets of capabilities. */
const mostSets = 16
const longestText = 512

const defaultNames = runtimeDefaultNames()

const kept = (names: readonly string[], isKept: (name: string) => boolean): string[] =>
  [...new Set(names)].filter(isKept).sort()

/** Returns the reported names; undefined, as of a satellite that reports none, where there are more than real ones. */
export function beyondDefaultOf({ beyondDefault }: RunningContainer) {
  if (beyondDefault === undefined || beyondDefault.names.length > mostNames) return undefined
  return { names: kept(beyondDefault.names, isKnownSyscall) }
}

/** Returns the reported difference; undefined where it has more than a real one. */
export function likeDefaultOf({ likeDefault }: RunningContainer) {
  if (likeDefault === undefined || likeDefault.denied.length > mostNames) return undefined
  return {
    difference: cutText(likeDefault.difference, longestText),
    denied: kept(likeDefault.denied, (name) => defaultNames.has(name))
  }
}

type Reported = Pick<RunningContainer, 'likeDefault' | 'beyondDefault'> & { node: string }

/** A report, and how many containers have it. */
interface Known {
  uses: number
  denied: string[]
  names: string[]
}

/** Returns a text that is equal for equal reports; '' where nothing differs from RuntimeDefault. */
function keyOf({ likeDefault, beyondDefault }: Reported): string {
  const [denied = [], names = []] = [likeDefault?.denied, beyondDefault?.names]
  if (denied.length + names.length === 0) return ''
  return [denied.join(' '), beyondDefault === undefined ? '?' : names.join(' ')].join('|')
}

/**
 * DefaultSets counts in how many different ways the containers of each node run under a default: what each of them allows is
 * computed, and their names are kept once.
 */
export class DefaultSets {
  readonly #nodes = new Map<string, Map<string, Known>>()

  /** Counts a container in the place of what it was before. One for which there is no room loses what was reported. */
  add(one: Reported, before: Reported | undefined): void {
    if (before !== undefined) this.remove(before)
    const key = keyOf(one)
    if (key === '') return
    const own = this.#nodes.get(one.node) ?? new Map<string, Known>()
    this.#nodes.set(one.node, own)
    const known = own.get(key)
    const { likeDefault, beyondDefault } = one
    if (known === undefined && own.size >= mostSets) {
      one.beyondDefault = undefined
      if (likeDefault !== undefined) likeDefault.denied = []
    } else if (known === undefined) {
      const { denied } = likeDefault ?? { denied: [] }
      own.set(key, { uses: 1, denied, names: beyondDefault?.names ?? [] })
    } else {
      known.uses += 1
      if (beyondDefault !== undefined) beyondDefault.names = known.names
      if (likeDefault !== undefined) likeDefault.denied = known.denied
    }
  }

  remove(one: Reported): void {
    const own = this.#nodes.get(one.node)
    const key = keyOf(one)
    const known = own?.get(key)
    if (known === undefined) return
    known.uses -= 1
    if (known.uses === 0) own?.delete(key)
  }

  forget(node: string): void {
    this.#nodes.delete(node)
  }
}
