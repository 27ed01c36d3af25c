import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Names and counts that `strace -f` saw of a command, its output thrown away. */
export async function straceCounts(command: readonly string[]): Promise<Map<string, number>> {
  const folder = await mkdtemp(join(tmpdir(), 'secco-strace-'))
  try {
    const file = join(folder, 'log')
    const child = spawn('strace', ['-f', '-qq', '-o', file, '--', ...command], { stdio: 'ignore' })
    await once(child, 'exit')
    const counts = new Map<string, number>()
    for (const line of (await readFile(file, 'utf8')).split('\n')) {
      // "1234 openat(AT_FDCWD, …" begins a call; "<... openat resumed>" ends one that was counted.
      const name = /^\d+\s+([a-z_0-9]+)\(/.exec(line)?.[1]
      if (name !== undefined) counts.set(name, (counts.get(name) ?? 0) + 1)
    }
    return counts
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
