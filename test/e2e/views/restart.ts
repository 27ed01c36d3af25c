import type { Test } from 'tap'
import type { Program } from './programs.js'
import { readViews } from './read.js'
import { type Allowed, restartLaw } from './restart-law.js'
import type { Scene } from './scene.js'

/** Every difference that a restart may leave. Whatever else differs is untrue. */
const allowed: readonly Allowed<Program>[] = [
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
    path: / \/ (drift \/ \w+|unprotected) \/ since$/,
    of: ['hub'],
    because: 'no hub keeps the history of containers: a hub reports since when it knows'
  }
]

/** A restart of hub, satellite or both changes nothing that anybody reads. */
export async function restart(t: Test, scene: Scene): Promise<void> {
  await restartLaw<Program>(t, {
    settled: () => scene.settled(),
    read: () => readViews(scene.place, 'all'),
    restart: async (victims) => {
      await Promise.all(victims.map((each) => scene.programs.kill(each)))
      for (const each of victims) await scene.programs.start(each)
    },
    rounds: [['hub'], ['satellite'], ['hub', 'satellite']],
    allowed,
    nearMs: () => 0
  })
}
