import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Observation } from '../../src/api/gen/hub.js'
import { baseNames } from '../../src/seccomp/base.js'
import { idsOf, openFleet, signatureCalls, signatureOf } from './container-fleet.js'
import { callsIn, startRecorded } from './recorded.js'

export interface ShortLivedResult {
  inARow: number
  atOnce: number
  /** Containers that were observed, complete, with their own set and nothing else. */
  right: number
  /** What is wrong with the others. */
  wrong: string[]
  /** Milliseconds from the first call to the last new one, of those in a row. */
  medianMs: number
  longestMs: number
  /** The same of those at once. */
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
  const lived: number[] = []
  const livedAtOnce: number[] = []
  const run = async (n: number): Promise<void> => {
    const code = await fleet.live(idOf(n), maskOf(n))
    if (code !== 0) throw new Error(`runc could not run ${idOf(n)}: ${code}`)
  }
  const check = async (n: number, into: number[]): Promise<void> => {
    const observations = await recorded.ended(idOf(n)).catch((): Observation[] => [])
    const problem = fault(observations, maskOf(n))
    if (problem !== undefined) wrong.push(`${idOf(n)} (${maskOf(n)}): ${problem}`)
    into.push(...observations.map(livedMs))
  }
  try {
    for (let n = 0; n < inARow; n += 1) await run(n)
    const row = Array.from({ length: inARow }, (_, n) => n)
    await Promise.all(row.map((n) => check(n, lived)))
    const rest = Array.from({ length: atOnce }, (_, n) => inARow + n)
    await Promise.all(rest.map(run))
    await Promise.all(rest.map((n) => check(n, livedAtOnce)))
    const { tableFull, recursionMisses } = recorded.losses()
    return {
      inARow,
      atOnce,
      right: inARow + atOnce - wrong.length,
      wrong,
      medianMs: median(lived),
      longestMs: Math.max(0, ...lived),
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

/** `bench short-lived`: 500 in a row, 200 at once. */
export async function benchShortLived(args: {
  json: boolean
}): Promise<{ text: string; holds: boolean }> {
  const result = await shortLived(500, 200)
  const { inARow, atOnce, right, wrong, medianMs, longestMs, longestAtOnceMs, lost } = result
  const table = [
    '| in a row | at once | right | median life, ms | longest life in a row, ms | longest life at once, ms | lost |',
    '| --- | --- | --- | --- | --- | --- | --- |',
    `| ${inARow} | ${atOnce} | ${right} of ${inARow + atOnce} | ${medianMs} | ${longestMs} | ${longestAtOnceMs} | ${lost} |`,
    ...wrong.map((one) => `wrong: ${one}`)
  ]
  const text = args.json ? JSON.stringify(result, undefined, 2) : table.join('\n')
  return { text: `${text}\n`, holds: wrong.length === 0 && lost === 0 }
}
