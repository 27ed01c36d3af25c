import type { Test } from 'tap'
import { until } from '../../helpers/until.js'
import { type Difference, differences, type Facts, isMoving, printed } from './facts.js'
import type { Program } from './programs.js'
import { readViews } from './read.js'
import type { Scene } from './scene.js'

interface Allowed {
  path: RegExp
  /** The programs whose restart may cause it. */
  of: readonly Program[]
  because: string
}

/** Every difference that a restart may leave. Whatever else differs is untrue. */
const allowed: readonly Allowed[] = [
  {
    path: /audit.* makeLink( \/|$)/,
    of: ['hub'],
    because: 'the hub prints a log-in link when it starts, and that is noted'
  },
  {
    path: /^GET \/audit \/ page \//,
    of: ['hub'],
    because: 'the line about that link; GET /api/v1/audit compares the lines one by one'
  },
  {
    path: /metadata \/ resourceVersion$/,
    of: ['satellite'],
    because: 'where the time of an instance is measured as earlier, the earlier one is stored'
  },
  {
    path: / \/ (drift \/ \w+|unprotected) \/ since$/,
    of: ['hub'],
    because: 'no hub keeps the history of containers: a hub reports since when it knows'
  }
]

function isAllowed({ path }: Difference, victims: readonly Program[]): boolean {
  if (isMoving(path)) return true
  return allowed.some((one) => one.path.test(path) && one.of.some((each) => victims.includes(each)))
}

/** The kernel counts from the boot in steps of 10 ms, and each satellite measures when the boot was. */
const clockMs = 25
const time = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g

const isNear = (one: string, other: string): boolean =>
  Math.abs(Date.parse(one) - Date.parse(other)) <= clockMs

/** Returns facts in which a path that was not there before is one that was, but for a time that is as good. */
function withTimesOf(before: Facts, after: Facts): Facts {
  const known = [...new Set([...before.keys()].join('\n').match(time) ?? [])]
  const earlierPath = (path: string) =>
    (path.match(time) ?? [])
      .flatMap((own) =>
        known.filter((each) => isNear(own, each)).map((each) => path.replaceAll(own, each))
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
function isSame({ before, after }: Difference): boolean {
  const [own = [], other = []] = [before.match(time), after.match(time)].map((each) => each ?? [])
  return (
    before.replace(time, '') === after.replace(time, '') &&
    own.every((each, at) => isNear(each, other[at] ?? ''))
  )
}

/** A restart of hub, satellite or both changes nothing that anybody reads. */
export async function restart(t: Test, scene: Scene): Promise<void> {
  let before = await scene.settled()
  t.ok(before.size > 1000, `${before.size} facts`)
  for (const victims of [['hub'], ['satellite'], ['hub', 'satellite']] as const) {
    let last = before
    await Promise.all(victims.map((each) => scene.programs.kill(each)))
    for (const each of victims) await scene.programs.start(each)
    const now = await until(
      `the views to be as before the end of ${victims.join(' and ')}`,
      async () => {
        last = await readViews(scene.place, 'all')
        const isMeasured = victims.some((each) => each === 'satellite')
        const now = isMeasured ? withTimesOf(before, last) : last
        const wrong = differences(before, now).filter(
          (one) => !isAllowed(one, victims) && !(isMeasured && isSame(one))
        )
        if (wrong.length > 0) throw new Error(`${wrong.length} facts differ:\n${printed(wrong)}`)
        return last
      },
      { timeoutMs: 60_000, everyMs: 1000 }
    ).catch((error: unknown) => {
      t.fail(`${victims.join(' and ')}: not as before`, { error: String(error) })
      return last
    })
    // The next restart is compared with what this one left.
    before = now
    t.pass(`${victims.join(' and ')}: ended and started again`)
  }
}
