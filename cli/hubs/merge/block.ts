import type { Radius } from '../../../webhook/confinement/what-if/blast-radius.js'
import type { BlockProgress } from '../../../webhook/confinement/what-if/block-progress.js'
import { once } from './once.js'
import { mergeRadii } from './radius.js'

/** Merges the lists of containers to restart; each container is listed once. */
export function mergeRestarts<Row extends { key: string }>(
  lists: readonly (readonly Row[])[]
): Row[] {
  return once(
    lists,
    ({ key }) => key,
    () => false
  )
}

/** Merges answers of `GET /api/v1/block`: the progress of a block on the nodes of all hubs. */
export function mergeProgress(answers: readonly BlockProgress[]): BlockProgress {
  const lists = answers.map(({ restart }) => restart)
  const restart = mergeRestarts(lists)
  const twice = lists.flat().length - restart.length
  const total = answers.reduce((sum, one) => sum + one.total, 0) - twice
  const done = total === 0 ? 100 : Math.floor((100 * (total - restart.length)) / total)
  return { restart, total, done, beyond: answers.reduce((sum, one) => sum + one.beyond, 0) }
}

/** Merges answers of `POST /api/v1/block`. */
export function mergeBlocks(
  answers: readonly (BlockProgress & { users: Radius })[]
): BlockProgress & { users: Radius } {
  return { users: mergeRadii(answers.map(({ users }) => users)), ...mergeProgress(answers) }
}
