import type { Limit } from './row.js'
import { setCases } from './sets.js'
import { subjects } from './treatments.js'

const recorded = ['recorder', 'recorder, denials watched']

/** What the recorder may cost. A denied call has no limit: it is noted, whoever asked for it. */
export const recorderLimits: readonly Limit[] = [
  ...recorded.flatMap((name) => [
    { case: `${subjects.filter}, ${name}`, of: 'empty', most: 1.1 },
    { case: `${subjects.filter}, ${name}`, of: 'untraced', most: 1.45 },
    { case: `${subjects.plain}, ${name}`, of: 'empty', most: 1.12 }
  ]),
  ...Object.values(subjects).map((subject) => ({
    ...{ case: `${subject}, after detach`, of: 'untraced', most: 1.02 }
  })),
  { case: setCases.seen, of: 'median', most: 100 }
]
