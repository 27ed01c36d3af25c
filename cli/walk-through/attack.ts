import { mkdir, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { packageRoot } from '../../native/paths.js'
import { mustRun } from './run.js'

export interface Attempt {
  call: string
  denied: boolean
  /** errno of the denied call. */
  errno?: number
}

/** Compiles the attack program (a static executable) into `folder`; returns its path. */
export async function compileAttack(folder: string): Promise<string> {
  await mkdir(folder, { recursive: true })
  const program = join(folder, 'attack')
  const source = join(packageRoot(), 'cli/walk-through/attack.c')
  const work = `${program}.${process.pid}`
  await mustRun('cc', ['-static', '-O1', '-Wall', '-Wextra', '-Werror', '-o', work, source])
  await rename(work, program)
  return program
}

/** Parses the output of the attack program. */
export function parseAttempts(text: string): Attempt[] {
  const attempts: Attempt[] = []
  for (const line of text.split('\n')) {
    const [, call, outcome, errno] = /^(\w+) (OK|DENIED errno (\d+))$/.exec(line) ?? []
    if (call === undefined) continue
    attempts.push({
      call,
      denied: outcome !== 'OK',
      ...(errno === undefined ? {} : { errno: Number(errno) })
    })
  }
  return attempts
}
