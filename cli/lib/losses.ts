import type { ImportLoss } from '../../src/seccomp/import/loss.js'
import { type Io, paint, plain } from './io.js'

/** A loss with its source. */
export type FoundLoss = ImportLoss & { where: string }

/** Prints each loss on stderr: where, what, why, and the next step. */
export function printLosses(io: Io, losses: readonly FoundLoss[]): void {
  for (const { where, path, what, why, fix } of losses) {
    const at = path === '' ? where : `${where}: ${path}`
    io.stderr(
      `${paint(io, 'yellow', 'lost:')} ${plain(`${at}: ${what}: ${why}`)}\n  next: ${plain(fix)}\n`
    )
  }
}
