import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'tap'
import { openRecorder, probeTracing } from '../../../../native/recorder.js'
import { openRegistry } from '../../../../satellite/containers/registry.js'
import { runcRuntime } from '../../../../satellite/containers/runc.js'
import { startRecorderLoop } from '../../../../satellite/recorder/recorder-loop.js'
import { endingOf } from '../../../../satellite/recorder/slots/phases.js'
import type { Observation } from '../../../../src/api/gen/hub.js'
import { createLogger } from '../../../../src/lib/log.js'
import { quiet } from '../../../helpers/quiet.js'
import { makeBundle, makeRootfs, run } from '../../../helpers/runc-bundle.js'
import { until } from '../../../helpers/until.js'

const probe = probeTracing()
const skip = probe.available ? false : (probe.reason ?? 'nothing can be traced')

/** The first process of a container: ends in a way of its own at SIGTERM, or at once. */
const source = `
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
static volatile sig_atomic_t told;
static void tell(int number) { told = number; }
static void *other(void *whole)
{
	while (!told) usleep(1000);
	usleep(20000);
	if (whole) _exit(0);
	syscall(SYS_exit, 0);
	return NULL;
}
int main(int count, char **args)
{
	const char *how = args[1];
	signal(SIGTERM, tell);
	if (!strcmp(how, "child-is-killed")) {
		pid_t child = fork();
		if (child == 0) pause();
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
		return 0;
	}
	if (!strcmp(how, "first-thread-ends") || !strcmp(how, "threads-end")) {
		pthread_t thread;
		pthread_create(&thread, NULL, other, how[0] == 'f' ? args : NULL);
		while (!told) usleep(1000);
		syscall(SYS_exit, 0);
	}
	while (!told) usleep(1000);
	if (!strcmp(how, "child-remains") && fork() == 0) pause();
	if (!strcmp(how, "crashes")) {
		signal(SIGSEGV, SIG_DFL);
		*(volatile int *)0 = 0;
	}
	return !strcmp(how, "says-137") ? 137 : 0;
}
`

/** How the program ends, the signal that it is sent, whether there is a filter, and what is said of it. */
const table: [how: string, signal: string, filter: boolean, expected: string][] = [
  ['returns', 'TERM', true, 'stop'],
  ['returns', 'TERM', false, 'stop'],
  ['returns', 'KILL', true, 'killed'],
  ['returns', 'KILL', false, 'killed'],
  ['first-thread-ends', 'TERM', true, 'stop'],
  ['first-thread-ends', 'KILL', true, 'killed'],
  ['threads-end', 'TERM', true, 'stop'],
  ['child-is-killed', '', true, 'stop'],
  ['child-remains', 'TERM', true, 'stop'],
  ['crashes', 'TERM', true, 'killed SIGSEGV'],
  ['says-137', 'TERM', true, 'stop']
]

test('how real containers ended', { skip, timeout: 300_000 }, async (t) => {
  const rootfs = await makeRootfs()
  const root = await mkdtemp(join(tmpdir(), 'secco-endings-'))
  await writeFile(join(root, 'ends.c'), source)
  await run('gcc', ['-O1', '-static', '-pthread', '-o', join(rootfs, 'ends'), join(root, 'ends.c')])
  const logger = createLogger('test', quiet)
  const registry = openRegistry([runcRuntime([root])], logger)
  const recorder = openRecorder()
  const offered: Observation[] = []
  const loop = await startRecorderLoop({
    ...{ recorder, registry, logger, node: 'n', bootId: 'b', machine: 'x86_64' as const },
    selfTest: false,
    onObservation: (one) => void offered.push(one)
  })
  t.teardown(async () => {
    await loop.stop()
    registry.close()
    await rm(root, { recursive: true })
    await rm(dirname(rootfs), { recursive: true })
  })
  const of = (id: string, ended: boolean) =>
    offered.findLast(
      (one) => one.container?.id === id && one.part === 'entry' && one.ended === ended
    )
  for (const [nth, [how, signal, filter, expected]] of table.entries()) {
    const id = `secco-ends-${process.pid}-${nth}`
    const bundle = await makeBundle(rootfs, {
      args: ['/ends', how],
      ...(filter ? {} : { seccomp: 'none' as const })
    })
    const started = spawn('runc', ['--root', root, 'run', '--detach', '--bundle', bundle, id], {
      stdio: 'ignore'
    })
    t.same(await once(started, 'exit'), [0, null], `${id} started`)
    if (signal !== '') {
      await until(`${id} is known`, () => of(id, false), { timeoutMs: 60_000 })
      await run('runc', ['--root', root, 'kill', id, signal])
    }
    const end = await until(`the end of ${id}`, () => of(id, true), { timeoutMs: 60_000 })
    const events = end.events.filter((each) => each !== 'start')
    t.strictSame(events, [expected], `${how}, ${signal}, filter: ${String(filter)}`)
    await run('runc', ['--root', root, 'delete', '--force', id])
    await rm(bundle, { recursive: true })
  }
})

test('what a status says of an end', (t) => {
  const own = { pid: 7, firstPid: 7 }
  const slots: [what: string, ending: number | undefined, of: typeof own, expected: string][] = [
    ['exit 0', 0, own, 'stop'],
    ['exit 137', 137 << 8, own, 'stop'],
    ['SIGTERM', 15, own, 'stop'],
    ['SIGINT', 2, own, 'stop'],
    ['SIGHUP', 1, own, 'stop'],
    ['SIGQUIT, with a core', 131, own, 'stop'],
    ['SIGSEGV', 11, own, 'killed SIGSEGV'],
    ['SIGSEGV, with a core', 139, own, 'killed SIGSEGV'],
    ['SIGABRT', 6, own, 'killed SIGABRT'],
    ['SIGSYS, of a filter', 31, own, 'killed SIGSYS'],
    ['a signal of the program', 40, own, 'killed SIG40'],
    ['SIGKILL', 9, own, 'killed'],
    ['nobody saw it', undefined, own, 'ended'],
    ['another process of the container', 0, { pid: 0, firstPid: 8 }, 'ended'],
    ['a runtime that forgets the first process', 0, { pid: 0, firstPid: 0 }, 'stop']
  ]
  for (const [what, ending, container, expected] of slots)
    t.equal(endingOf({ pid: 7, ending }, container), expected, what)
  t.end()
})
