import type { Radius } from '../../../webhook/confinement/what-if/blast-radius.js'
import type { BlockProgress } from '../../../webhook/confinement/what-if/block-progress.js'
import { once } from './once.js'
import { mergeRadii } from './radius.js'

/** Containers that are to be restarted, each once. */
export function mergeRestarts<Row extends { key: string }>(
  lists: readonly (readonly Row[])[]
): Row[] {
  return once(
    lists,
    ({ key }) => key,
    () => false
  )
}

/** `GET /api/v1/block`: how far it has come on the nodes of all hubs. */
export function mergeProgress(answers: readonly BlockProgress[]): BlockProgress {
  const lists = answers.map(({ restart }) => restart)
  const restart = mergeRestarts(lists)
  const twice = lists.flat().length - restart.length
  const total = answers.reduce((sum, one) => sum + one.total, 0) - twice
  const done = total === 0 ? 100 : Math.floor((100 * (total - restart.length)) / total)
  return { restart, total, done, beyond: answers.reduce((sum, one) => sum + one.beyond, 0) }
}

/** `POST /api/v1/block`. */
export function mergeBlocks(
  answers: readonly (BlockProgress & { users: Radius })[]
): BlockProgress & { users: Radius } {
  return { users: mergeRadii(answers.map(({ users }) => users)), ...mergeProgress(answers) }
}
