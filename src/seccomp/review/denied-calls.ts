import { plural } from '../../lib/plural.js'

/** DeniedCall is a call that a filter denies, or would deny: a person allows it, mutes it, or changes the program. */
export interface DeniedCall {
  /** In the syntax of `secco denials allow`: SYSCALL, or SYSCALL:ARG=VALUE. */
  call: string
  name: string
  times: number
  /** The names of the processes that made it, sorted; none where no name is known. */
  by: string[]
  /** It succeeded, and audit logged it: enforce would deny it. It is also observed, so an approval proposes it. */
  logged: boolean
  /** An emergency block denies it in every profile, whatever people approve. */
  blocked?: true
}

/** The part of a denial that is needed here. */
interface Denied {
  syscall: string
  call: string
  count: number
  comm: string
  action: string
  state: string
  /** What unblocks the call; absent where no emergency block denies it. */
  block?: string
}

const mostNamed = 5

/** Returns the calls of denials that wait for a decision; what was denied before what was only logged. */
export function deniedCallsOf(denials: readonly Denied[]): DeniedCall[] {
  const found = new Map<string, Omit<DeniedCall, 'by'> & { by: Set<string> }>()
  for (const { syscall, call, count, comm, action, state, block } of denials) {
    if (state !== 'open') continue
    const logged = action === 'SCMP_ACT_LOG'
    const key = `${logged ? 1 : 0} ${call}`
    const one = found.get(key) ?? { call, name: syscall, times: 0, by: new Set<string>(), logged }
    one.times += count
    if (comm !== '') one.by.add(comm)
    if (block !== undefined) one.blocked = true
    found.set(key, one)
  }
  return [...found]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, one]) => ({ ...one, by: [...one.by].sort() }))
}

/** Returns how often a call was denied, and to whom: `3 times, by app`. */
export function deniedText({ times, by }: Pick<DeniedCall, 'times' | 'by'>): string {
  const more = by.length - mostNamed
  const names = [...by.slice(0, mostNamed), ...(more > 0 ? [`${more} more`] : [])].join(', ')
  return `${plural(times, 'time')}, by ${by.length === 0 ? 'an unknown process' : names}`
}

/** Returns calls in words after what they are: `denied: getsid (2 times, by app)`. */
function callWords(what: string, calls: readonly DeniedCall[]): string[] {
  if (calls.length === 0) return []
  const named = calls.slice(0, mostNamed).map((one) => `${one.call} (${deniedText(one)})`)
  const more = calls.length - named.length
  return [`${what}: ${[...named, ...(more > 0 ? [plural(more, 'more call')] : [])].join('; ')}`]
}

/** Returns the calls that are denied now, and those that enforce would deny, in words. */
export function deniedWords(calls: readonly DeniedCall[]): string {
  const words = [
    ...callWords(
      'denied',
      calls.filter(({ logged }) => !logged)
    ),
    ...callWords(
      'logged, and denied in enforce mode',
      calls.filter(({ logged }) => logged)
    )
  ]
  return words.length === 0 ? 'no denied call waits for a decision' : words.join('; ')
}
