import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { LinuxSeccomp } from '../../src/api/seccomp-profile.js'
import { makeBundle, run } from './runc-bundle.js'

/** For each byte that it reads: one getsid and two times, then one byte back. Nobody else can know better how many. */
const source = `
#include <sys/syscall.h>
#include <unistd.h>
int main(void)
{
	char byte;
	while (read(0, &byte, 1) == 1) {
		syscall(SYS_getsid, 0);
		syscall(SYS_times, 0);
		syscall(SYS_times, 0);
		if (write(1, "x\\n", 2) != 2) return 1;
	}
	return 0;
}
`

/** A container that makes as many calls as it is told to, and says when it has. */
export interface CountedContainer {
  /** Calls of getsid since it began; twice as many of times. */
  readonly calls: number
  /** Resolves when it has called that often more. */
  call: (times: number) => Promise<void>
  stop: () => Promise<void>
}

/** Starts a container of runc that counts what it calls. */
export async function startCounted(
  place: { rootfs: string; work: string; root: string },
  id: string,
  seccomp: LinuxSeccomp
): Promise<CountedContainer> {
  const { rootfs, work, root } = place
  await writeFile(join(work, 'counted.c'), source)
  await run('gcc', ['-O1', '-static', '-o', join(rootfs, 'counted'), join(work, 'counted.c')])
  const bundle = await makeBundle(rootfs, { args: ['/counted'], seccomp })
  const child = spawn('runc', ['--root', root, 'run', '--bundle', bundle, id], {
    stdio: ['pipe', 'pipe', 'inherit']
  })
  const ended = once(child, 'close')
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  let calls = 0
  return {
    get calls() {
      return calls
    },
    async call(times) {
      for (let at = 0; at < times; at += 1) {
        child.stdin.write('x')
        const { done } = await lines.next()
        if (done === true) throw new Error(`${id} ended`)
        calls += 1
      }
    },
    async stop() {
      if (!child.stdin.writableEnded) child.stdin.end()
      await ended
      await rm(bundle, { recursive: true, force: true })
    }
  }
}
