import type { Test } from 'tap'
import { until } from '../../helpers/until.js'
import { type Difference, differences, type Facts, isMoving, printed } from './facts.js'

/** A difference that a restart may leave. */
export interface Allowed<Victim> {
  path: RegExp
  /** What it says before or after the restart; default: anything. */
  text?: RegExp
  /** The programs whose restart may cause it. */
  of: readonly Victim[]
  because: string
}

/** An installation with programs that can be restarted. */
export interface Stage<Victim> {
  /** Returns all views once they stay as they are. */
  settled: () => Promise<Facts>
  read: () => Promise<Facts>
  /** Ends these programs, and starts them again. */
  restart: (victims: readonly Victim[]) => Promise<void>
  /** What is restarted, one after the other. */
  rounds: readonly (readonly Victim[])[]
  allowed: readonly Allowed<Victim>[]
  /** Times that differ by so many ms after a restart are as good as each other; 0: they must be the same. */
  nearMs: (victims: readonly Victim[]) => number
}

const time = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g

const isNear = (one: string, other: string, nearMs: number): boolean =>
  Math.abs(Date.parse(one) - Date.parse(other)) <= nearMs

/** Returns facts in which a path that was not there before is one that was, but for a time that is as good. */
function withTimesOf(before: Facts, after: Facts, nearMs: number): Facts {
  const known = [...new Set([...before.keys()].join('\n').match(time) ?? [])]
  const earlierPath = (path: string) =>
    (path.match(time) ?? [])
      .flatMap((own) =>
        known.filter((each) => isNear(own, each, nearMs)).map((each) => path.replaceAll(own, each))
      )
      .find((each) => before.has(each) && !after.has(each))
  return new Map(
    [...after].map(([path, value]) => [
      before.has(path) ? path : (earlierPath(path) ?? path),
      value
    ])
  )
}

/** Whether two values are the same but for times that are as good as each other. */
function isSame({ before, after }: Difference, nearMs: number): boolean {
  const [own = [], other = []] = [before.match(time), after.match(time)].map((each) => each ?? [])
  return (
    before.replace(time, '') === after.replace(time, '') &&
    own.every((each, at) => isNear(each, other[at] ?? '', nearMs))
  )
}

function isAllowed<Victim>(
  { path, before, after }: Difference,
  allowed: readonly Allowed<Victim>[],
  victims: readonly Victim[]
): boolean {
  if (isMoving(path)) return true
  return allowed.some(
    (one) =>
      one.path.test(path) &&
      (one.text === undefined || one.text.test(before) || one.text.test(after)) &&
      one.of.some((each) => victims.includes(each))
  )
}

/** A restart changes nothing that anybody reads, but for what is allowed. */
export async function restartLaw<Victim extends string>(
  t: Test,
  { settled, read, restart, rounds, allowed, nearMs }: Stage<Victim>
): Promise<void> {
  let before = await settled()
  t.ok(before.size > 1000, `${before.size} facts`)
  for (const victims of rounds) {
    const names = victims.join(' and ')
    let last = before
    await restart(victims)
    const near = nearMs(victims)
    const now = await until(
      `the views to be as before the end of ${names}`,
      async () => {
        last = await read()
        const now = near > 0 ? withTimesOf(before, last, near) : last
        const wrong = differences(before, now).filter(
          (one) => !isAllowed(one, allowed, victims) && !(near > 0 && isSame(one, near))
        )
        if (wrong.length > 0) throw new Error(`${wrong.length} facts differ:\n${printed(wrong)}`)
        return last
      },
      { timeoutMs: 120_000, everyMs: 1000 }
    ).catch((error: unknown) => {
      t.fail(`${names}: not as before`, { error: String(error) })
      return last
    })
    // The next restart is compared with what this one left.
    before = now
    t.pass(`${names}: ended and started again`)
  }
}
