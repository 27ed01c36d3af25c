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
import { verb } from '../e2e/views/read.js'
import { until } from '../helpers/until.js'
import { type BenchRow, type Limit } from './row.js'

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

/** Denied getpriority once for each SIGUSR1; it prints when, on its own clock. */
const onceSource = `
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
int main(void)
{
	sigset_t set;
	int signal;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	for (;;) {
		struct timespec now;
		printf("ready\\n");
		fflush(stdout);
		sigwait(&set, &signal);
		syscall(SYS_getpriority, 0, 0);
		clock_gettime(CLOCK_REALTIME, &now);
		printf("%lld.%09ld\\n", (long long)now.tv_sec, now.tv_nsec);
		fflush(stdout);
	}
}
`

const asker = 'asker'
/** Every verb that counts denials. `denials -f` is measured by itself. */
const verbs = [
  'denials -o json',
  `why-eperm ${asker} -o json`,
  `explain ${asker} -o json`,
  `ps -A -o json`,
  `history ${asker} -o json`
]

const followed = `denial to secco denials -f, ${perSecond}/s`
const caseOf = (words: string) => `denial to secco ${words.replace(/ -o json$/, '')}`

/** A denial is in the answer of every verb a second after the call (99th percentile). */
export const denialLatencyLimits: readonly Limit[] = [followed, ...verbs.map(caseOf)].map(
  (one) => ({ case: `${one}: 99th percentile`, of: 'median', most: 1000 })
)

function rowsOf(name: string, latencies: readonly number[]): BenchRow[] {
  const sorted = [...latencies].sort((a, b) => a - b)
  const at = (share: number) => sorted[Math.floor(share * (sorted.length - 1))] ?? 0
  const row = (what: string, value: number): BenchRow => ({
    ...{ case: `${name}: ${what}`, unit: 'ms' },
    ...{ min: sorted[0] ?? 0, median: value, rounds: sorted.length, ratio: {} }
  })
  return [row('median', at(0.5)), row('99th percentile', at(0.99)), row('longest', at(1))]
}

interface Rig {
  state: string
  root: string
  /** Starts a program in a container that is denied getpriority; the lines that it prints go to the listener. */
  start: (id: string, program: string, onLine: (line: string) => void) => Promise<void>
  close: () => Promise<void>
}

async function startRig(): Promise<Rig> {
  const state = await mkdtemp(join(tmpdir(), 'secco-latency-'))
  const rootfs = await makeRootfs()
  const root = join(state, 'runc')
  const free = '127.0.0.1:0'
  const up = spawnSecco([
    ...['up', '-o', 'json', '--state', state, '--seccomp-root', join(state, 'seccomp')],
    ...['--listen', free, '--hub-listen', free, '--ui-listen', free, '--runc-root', root]
  ])
  up.stderr.resume()
  await once(up.stdout, 'data')
  const ids: string[] = []
  return {
    ...{ state, root },
    async start(id, program, onLine) {
      const file = join(state, `${id}.c`)
      await writeFile(file, program)
      await mustRun('gcc', ['-O1', '-static', '-o', join(rootfs, id), file])
      const bundle = await makeBundle(rootfs, { args: [`/${id}`], seccomp: denying })
      ids.push(id)
      const child = spawn('runc', ['--root', root, 'run', '--bundle', bundle, id], {
        stdio: ['ignore', 'pipe', 'inherit']
      })
      createInterface({ input: child.stdout }).on('line', onLine)
    },
    async close() {
      for (const id of ids) await run('runc', ['--root', root, 'delete', '--force', id])
      up.kill('SIGINT')
      await once(up, 'close')
      await rm(state, { recursive: true, force: true })
    }
  }
}

/** From each denied call to the line of `secco denials -f` that counts it, end to end. */
async function followLatencies({ state, start }: Rig): Promise<number[]> {
  const follow = spawnSecco(['denials', '-f', '-o', 'json', '--state', state])
  const seen: { at: number; count: number }[] = []
  createInterface({ input: follow.stdout }).on('line', (line) => {
    const { syscall, count } = JSON.parse(line) as { syscall: string; count: number }
    if (syscall === 'getpriority') seen.push({ at: Date.now(), count })
  })
  const asked: number[] = []
  await start('latency', source, (line) => asked.push(Number(line) * 1000))
  const end = Date.now() + (seconds + 30) * 1000
  while ((seen.at(-1)?.count ?? 0) < perSecond * seconds && Date.now() < end) {
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
  follow.kill('SIGINT')
  return asked.map((at, index) => {
    const line = seen.find(({ count }) => count >= index + 1)
    return line === undefined ? Number.POSITIVE_INFINITY : line.at - at
  })
}

/** Returns how many denials of the container an answer knows, wherever it has them. */
function knownOf(answer: unknown, isOwn: boolean): number {
  if (typeof answer !== 'object' || answer === null) return 0
  const { id, name, container, syscall, count, denials, instance } = answer as Record<
    string,
    unknown
  >
  const isHere = isOwn || [id, name, container].includes(asker)
  if (syscall === 'getpriority' && typeof count === 'number')
    return isHere || instance !== undefined ? count : 0
  const own = isHere && typeof denials === 'number' ? denials : 0
  return Math.max(own, ...Object.values(answer).map((one) => knownOf(one, isHere)))
}

/** From each denied call to when a verb was called first that had it in its answer. */
async function verbLatencies(rig: Rig, rounds: number): Promise<Map<string, number[]>> {
  const lines: string[] = []
  await rig.start(asker, onceSource, (line) => lines.push(line))
  const place = { options: ['--state', rig.state], env: {}, files: {} }
  const latencies = new Map<string, number[]>(verbs.map((words) => [words, []]))
  let denied = 0
  for (let round = 0; round < rounds; round += 1) {
    for (const words of verbs) {
      const ready = 2 * denied + 1
      await until('the program to wait', () => lines.length >= ready || undefined)
      await run('runc', ['--root', rig.root, 'kill', asker, 'USR1'])
      denied += 1
      await until('the denied call', () => lines.length > ready || undefined)
      const called = Number(lines[ready]) * 1000
      const ask = async () => {
        const at = Date.now()
        const { stdout } = (await verb(place, words)) as { stdout: unknown }
        return knownOf(stdout, words.includes(asker)) >= denied ? at : undefined
      }
      const first = await until(`${words} to know it`, ask, { everyMs: 10, steady: true })
      latencies.get(words)?.push(Math.max(0, first - called))
    }
  }
  return latencies
}

/** Returns how many ms after denied calls each verb knew of them, by what is typed after `secco`. */
export async function denialLatencies(rounds: number): Promise<Map<string, number[]>> {
  const rig = await startRig()
  try {
    return await verbLatencies(rig, rounds)
  } finally {
    await rig.close()
  }
}

/** How long it takes until people can read of a denied call. */
export async function benchDenialLatency(): Promise<BenchRow[]> {
  const rig = await startRig()
  try {
    const rows = rowsOf(followed, await followLatencies(rig))
    const byVerb = await verbLatencies(rig, 50)
    return [...rows, ...[...byVerb].flatMap(([words, each]) => rowsOf(caseOf(words), each))]
  } finally {
    await rig.close()
  }
}
