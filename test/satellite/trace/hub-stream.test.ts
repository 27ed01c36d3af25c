import { spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { t, test } from 'tap'
import { probeTracing } from '../../../native/recorder.js'
import { startSatellite } from '../../../satellite/main.js'
import type { Uplink } from '../../../satellite/uplink/uplink.js'
import type { Hub } from '../../../webhook/hub/hub.js'
import type { RunningTrace, TraceTarget } from '../../../webhook/hub/traces/trace.js'
import { makeBundle, makeRootfs, run } from '../../helpers/runc-bundle.js'
import { until } from '../../helpers/until.js'
import { createRig } from '../../webhook/hub/rig.js'

t.setTimeout(300_000)
const probe = probeTracing()
const skip = probe.available ? false : (probe.reason ?? 'nothing can be traced')

/** Makes a thousand calls of getsid for each SIGUSR1, and ends at SIGTERM. */
const source = `
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>
static volatile sig_atomic_t wanted;
static void more(int signal) { (void)signal; wanted++; }
static void end(int signal) { (void)signal; _exit(0); }
int main(void)
{
	signal(SIGUSR1, more);
	signal(SIGTERM, end);
	for (;;) {
		for (; wanted > 0; wanted--)
			for (int at = 0; at < 1000; at++) syscall(SYS_getsid, 0);
		usleep(1000);
	}
}
`

async function startCounter(folder: string, root: string, id: string) {
  const rootfs = await makeRootfs()
  await writeFile(join(folder, 'counter.c'), source)
  await run('gcc', ['-O1', '-static', '-o', join(rootfs, 'counter'), join(folder, 'counter.c')])
  const bundle = await makeBundle(rootfs, { args: ['/counter'] })
  const runc = (...args: string[]) => run('runc', ['--root', root, ...args])
  const running = spawn('runc', ['--root', root, 'run', '--bundle', bundle, id], {
    stdio: 'ignore'
  })
  await until('the container to run', async () =>
    (await runc('state', id)).stdout.includes('"running"') ? true : undefined
  )
  return {
    signal: (name: string) => runc('kill', id, name),
    exec: (...args: string[]) => runc('exec', id, ...args),
    async clean() {
      await runc('kill', id, 'KILL').catch(() => undefined)
      if (running.exitCode === null) await new Promise((resolve) => running.once('exit', resolve))
      for (const path of [dirname(rootfs), bundle]) await rm(path, { recursive: true, force: true })
    }
  }
}

async function targetOf(hub: Hub, id: string): Promise<TraceTarget> {
  const found = await until('the container in the inventory', () =>
    [...hub.inventory.all()].find(({ container }) => container?.id === id)
  )
  return {
    ...{ key: found.id, node: found.node, id, namespace: '', workload: `Container/${id}`, pod: '' },
    ...{ name: id, image: '', state: 'other', profile: '' }
  }
}

const sinceOf = (trace: RunningTrace, wanted: string) =>
  trace.calls().find(({ name }) => name === wanted)?.since ?? 0

test('a hub traces a container of a satellite over its stream', { skip }, async (t) => {
  const rig = await createRig()
  const folder = await mkdtemp(join(tmpdir(), 'secco-hub-trace-'))
  const root = join(folder, 'runc')
  const id = `counter-${process.pid}`
  const counter = await startCounter(folder, root, id)
  const hub = await rig.hub({ timing: { traceRenewMs: 500, traceViewerMs: 1500 } })
  let uplink: Uplink | undefined
  const satellite = await startSatellite({
    node: 'n1',
    connect: async (ends) =>
      (uplink = await rig.uplink(hub.address.port, 'n1', { ...ends, onWelcome: ends.onWelcome })),
    seccompRoot: join(folder, 'seccomp'),
    runcRoots: [root],
    logger: rig.log.logger
  })
  t.teardown(async () => {
    await satellite.close()
    await counter.clean()
    await rig.dispose()
    await rm(folder, { recursive: true, force: true })
  })
  const target = await targetOf(hub, id)
  const begun = performance.now()
  const trace = await hub.traces.start(target, 'dora')
  const startedIn = performance.now() - begun
  const leave = hub.traces.watch(trace.id, () => undefined)
  t.equal(sinceOf(trace, 'getsid'), 0)

  const asked = performance.now()
  await counter.signal('USR1')
  await until('a thousand calls', () => (sinceOf(trace, 'getsid') === 1000 ? true : undefined))
  const countedIn = performance.now() - asked
  t.comment(`started in ${Math.round(startedIn)} ms, counted in ${Math.round(countedIn)} ms`)

  await t.test('a probe that ends between two readings counts', async (t) => {
    await counter.exec('/probe', 'getpgid', 'getpgid', 'getpgid')
    await until('its calls', () => (sinceOf(trace, 'getpgid') === 3 ? true : undefined))
    t.equal(sinceOf(trace, 'getsid'), 1000)
  })

  await t.test('a reconnect: the counts go on', async (t) => {
    let isLost = false
    const leave = hub.onChange(() => (isLost ||= hub.node('n1')?.connected === false))
    uplink?.setTls(await rig.clientTls('n1'))
    await until('the loss', () => isLost || undefined)
    leave()
    await counter.signal('USR1')
    await until('two thousand', () => (sinceOf(trace, 'getsid') === 2000 ? true : undefined))
    t.match(trace, { ended: false, connected: true })
    t.equal(sinceOf(trace, 'getpgid'), 3)
    const [total] = await satellite.current()
    const own = total?.abis[0]?.syscalls.find(({ name }) => name === 'getsid')?.count
    t.equal(trace.calls().find(({ name }) => name === 'getsid')?.total, own, 'as on the node')
  })

  await t.test('stop: the last counts are in it', async (t) => {
    const other = await hub.traces.start(target, 'dora')
    // Without a viewer it would end by itself.
    const leaveOther = hub.traces.watch(other.id, () => undefined)
    await counter.signal('USR1')
    await until('all calls', () => (sinceOf(trace, 'getsid') === 3000 ? true : undefined))
    await hub.traces.stop(other.id)
    leaveOther()
    t.match(other, { ended: true, problem: '' })
    t.equal(sinceOf(other, 'getsid'), 1000, 'counted from its own start')
  })

  await t.test('the viewer leaves: it ends here and on the node', async (t) => {
    const line = rig.log.seen(/trace ended.*stopped by the hub|stopped by the hub.*trace ended/)
    leave()
    await until('the end', () => (trace.ended ? true : undefined))
    t.match(trace.problem, /nobody watched/)
    t.ok(await line)
  })

  await t.test('the container ends: the trace ends with its last counts', async (t) => {
    const last = await hub.traces.start(target, 'dora')
    const leaveLast = hub.traces.watch(last.id, () => undefined)
    await counter.signal('TERM')
    await until('the end', () => (last.ended ? true : undefined))
    leaveLast()
    t.match(last, { ended: true, problem: '' })
    t.ok(sinceOf(last, 'exit_group') + sinceOf(last, 'exit') > 0)
    await t.rejects(hub.traces.start(target, 'dora'), { code: 'CONTAINER_NOT_FOUND' })
  })
})
