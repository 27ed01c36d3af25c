import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { LinuxSeccomp } from '../../src/api/seccomp-profile.js'
import { mustRun } from '../../cli/walk-through/run.js'
import { spawnSecco } from '../helpers/secco-command.js'
import { makeBundle, makeRootfs, run } from '../helpers/runc-bundle.js'
import type { BenchRow } from './row.js'

const perSecond = 200
const seconds = 20

/** Denies getpriority; the program asks 200 times a second, and says when on its own clock. */
const source = `
#include <stdio.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
int main(void)
{
	for (int n = 0; n < ${perSecond * seconds}; n++) {
		struct timespec now, rest = { 0, ${1_000_000_000 / perSecond} };
		syscall(SYS_getpriority, 0, 0);
		clock_gettime(CLOCK_REALTIME, &now);
		printf("%lld.%09ld\\n", (long long)now.tv_sec, now.tv_nsec);
		fflush(stdout);
		nanosleep(&rest, NULL);
	}
	pause();
}
`

const denying: LinuxSeccomp = {
  defaultAction: 'SCMP_ACT_ALLOW',
  syscalls: [{ names: ['getpriority'], action: 'SCMP_ACT_ERRNO' }]
}

/** From each denied call to the line of \`secco denials -f\` that counts it, end to end. */
export async function benchDenialLatency(): Promise<BenchRow[]> {
  const state = await mkdtemp(join(tmpdir(), 'secco-latency-'))
  const rootfs = await makeRootfs()
  await writeFile(join(state, 'ask.c'), source)
  await mustRun('gcc', ['-O1', '-static', '-o', join(rootfs, 'ask'), join(state, 'ask.c')])
  const root = join(state, 'runc')
  const free = '127.0.0.1:0'
  const up = spawnSecco([
    ...['up', '-o', 'json', '--state', state, '--seccomp-root', join(state, 'seccomp')],
    ...['--listen', free, '--hub-listen', free, '--ui-listen', free, '--runc-root', root]
  ])
  up.stderr.resume()
  await once(up.stdout, 'data')
  const follow = spawnSecco(['denials', '-f', '-o', 'json', '--state', state])
  const seen: { at: number; count: number }[] = []
  createInterface({ input: follow.stdout }).on('line', (line) => {
    const { syscall, count } = JSON.parse(line) as { syscall: string; count: number }
    if (syscall === 'getpriority') seen.push({ at: Date.now(), count })
  })
  const bundle = await makeBundle(rootfs, { args: ['/ask'], seccomp: denying })
  const child = spawn('runc', ['--root', root, 'run', '--bundle', bundle, 'latency'], {
    stdio: ['ignore', 'pipe', 'inherit']
  })
  const asked: number[] = []
  createInterface({ input: child.stdout }).on('line', (line) => asked.push(Number(line) * 1000))
  const until = Date.now() + (seconds + 30) * 1000
  while ((seen.at(-1)?.count ?? 0) < perSecond * seconds && Date.now() < until) {
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
  follow.kill('SIGINT')
  await run('runc', ['--root', root, 'delete', '--force', 'latency'])
  up.kill('SIGTERM')
  await once(up, 'close')
  await rm(state, { recursive: true, force: true })
  const latencies = asked.map((at, index) => {
    const line = seen.find(({ count }) => count >= index + 1)
    return line === undefined ? Number.POSITIVE_INFINITY : line.at - at
  })
  const sorted = latencies.sort((a, b) => a - b)
  const at = (share: number) => sorted[Math.floor(share * (sorted.length - 1))] ?? 0
  const row = (name: string, value: number): BenchRow => ({
    ...{ case: `denial to secco denials -f, ${perSecond}/s: ${name}`, unit: 'ms' },
    ...{ min: sorted[0] ?? 0, median: value, rounds: sorted.length, ratio: {} }
  })
  return [row('median', at(0.5)), row('99th percentile', at(0.99)), row('longest', at(1))]
}
