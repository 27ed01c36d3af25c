import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Observation } from '../../src/api/gen/hub.js'
import { baseNames } from '../../src/seccomp/render/base.js'
import { idsOf, openFleet, signatureCalls, signatureOf } from './container-fleet.js'
import { callsIn, startRecorded } from './recorded.js'

/** What a life in a row may take. */
const briefMs = 50
/** Of each time that is told the rest of a millisecond is cut off. */
const cutMs = 2
/** Where the machine kept one waiting for a CPU, another one is started in its place: so many at most. */
const spare = 300

export interface ShortLivedResult {
  inARow: number
  atOnce: number
  /** Of those in a row: that lived under 50 ms, and that lived longer, each of which has another one in its place. */
  brief: number
  longer: number
  /** All that were run. */
  ran: number
  /** Containers that were observed, complete, with their own set and nothing else. */
  right: number
  /** What is wrong with the others. */
  wrong: string[]
  /** Milliseconds from the filter, which runc loads right before the program, to its exit_group: of the brief ones. */
  medianMs: number
  longestMs: number
  /** The same of the longer ones, and of those at once. */
  longestLongerMs: number
  longestAtOnceMs: number
  lost: number
}

/** What the static program itself makes, whatever its signature (glibc's start and end). */
const ownCalls = `execve brk arch_prctl set_tid_address set_robust_list rseq prlimit64 readlink
readlinkat getrandom mprotect mmap uname newfstatat exit_group`.split(/\s+/)

const base = baseNames([{ name: 'runc', version: '' }])

function livedMs({ firstSeen, lastSeen }: Observation): number {
  return Date.parse(lastSeen) - Date.parse(firstSeen)
}

/** undefined: all of it is right. */
function fault(observations: readonly Observation[], mask: number): string | undefined {
  if (observations.length !== 1) return `${observations.length} sets`
  if (!observations.every(({ complete }) => complete)) return 'not complete'
  const calls = callsIn(observations)
  const names = [...calls.keys()].map((key) => key.replace('x86_64:', ''))
  const marks = signatureCalls.filter((name) => names.includes(name)).sort()
  if (String(marks) !== String(signatureOf(mask))) return `marks ${marks.join(' ')}`
  if (marks.some((name) => calls.get(`x86_64:${name}`) !== 1)) return 'a mark counted twice'
  if (!names.includes('exit_group')) return 'no end'
  const known = new Set([...ownCalls, ...base.keys(), ...marks])
  const foreign = names.filter((name) => !known.has(name))
  return foreign.length > 0 ? `foreign ${foreign.join(' ')}` : undefined
}

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0

/** Containers that live for some milliseconds, first one after the other, then all at once. */
export async function shortLived(inARow: number, atOnce: number): Promise<ShortLivedResult> {
  const folder = await mkdtemp(join(tmpdir(), 'secco-short-'))
  const fleet = await openFleet(folder, 'default/short')
  const idOf = idsOf('short')
  const own = idOf(0).replace(/0$/, '')
  const recorded = await startRecorded(fleet.root, (id) => id.startsWith(own))
  const wrong: string[] = []
  const brief: number[] = []
  const longer: number[] = []
  const run = async (n: number): Promise<void> => {
    const code = await fleet.live(idOf(n), maskOf(n))
    if (code !== 0) throw new Error(`runc could not run ${idOf(n)}: ${code}`)
  }
  /** Notes what is wrong. @returns how long it lived; Infinity where nobody knows. */
  const check = async (n: number): Promise<number> => {
    const observations = await recorded.ended(idOf(n)).catch((): Observation[] => [])
    const problem = fault(observations, maskOf(n))
    if (problem !== undefined) wrong.push(`${idOf(n)} (${maskOf(n)}): ${problem}`)
    return problem === undefined ? Math.max(...observations.map(livedMs)) : Infinity
  }
  let ran = 0
  const next = (count: number): number[] => Array.from({ length: count }, () => ran++)
  try {
    for (
      let open = inARow;
      open > 0;
      open = Math.min(inARow - brief.length, inARow + spare - ran)
    ) {
      const row = next(open)
      for (const n of row) await run(n)
      for (const lived of await Promise.all(row.map(check))) {
        const kind = lived < briefMs - cutMs ? brief : longer
        kind.push(lived)
      }
    }
    const rest = next(atOnce)
    await Promise.all(rest.map(run))
    const livedAtOnce = await Promise.all(rest.map(check))
    const { tableFull, recursionMisses } = recorded.losses()
    return {
      inARow,
      atOnce,
      brief: brief.length,
      longer: longer.length,
      ran,
      right: ran - wrong.length,
      wrong,
      medianMs: median(brief),
      longestMs: Math.max(0, ...brief),
      longestLongerMs: Math.max(0, ...longer),
      longestAtOnceMs: Math.max(0, ...livedAtOnce),
      lost: tableFull + recursionMisses
    }
  } finally {
    await recorded.close()
    await fleet.close()
    await rm(folder, { recursive: true, force: true })
  }
}

/** A signature of its own for each of up to 1,024: neighbours in time differ in many bits. */
function maskOf(n: number): number {
  return (n * 619) % 1024
}

/** `bench short-lived`: 500 in a row that live under 50 ms, 200 at once. */
export async function benchShortLived(args: {
  json: boolean
}): Promise<{ text: string; holds: boolean }> {
  const result = await shortLived(500, 200)
  const { inARow, atOnce, brief, longer, ran, right, wrong, medianMs, longestMs, lost } = result
  const { longestLongerMs, longestAtOnceMs } = result
  const table = [
    `| in a row that lived under ${briefMs} ms | longer ones, run again | at once | ` +
      'right | median life in a row, ms | longest, ms | of the longer ones, ms | longest ' +
      'life at once, ms | lost |',
    '| --- | --- | --- | --- | --- | --- | --- | --- | --- |',
    `| ${brief} of ${inARow} | ${longer} | ${atOnce} | ${right} of ${ran} | ${medianMs} ` +
      `| ${longestMs} | ${longestLongerMs} | ${longestAtOnceMs} | ${lost} |`,
    ...wrong.map((one) => `wrong: ${one}`)
  ]
  const text = args.json ? JSON.stringify(result, undefined, 2) : table.join('\n')
  return { text: `${text}\n`, holds: brief === inARow && wrong.length === 0 && lost === 0 }
}
