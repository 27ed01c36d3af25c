import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'tap'
import { mntnsOf, startTimeOf } from '../../../satellite/containers/processes.js'
import { openRegistry } from '../../../satellite/containers/registry.js'
import { runcRuntime } from '../../../satellite/containers/runc.js'
import { startInspector } from '../../../satellite/inspector/inspector.js'
import { startTicksOf } from '../../../satellite/lib/proc-text.js'
import { abisOfMachine } from '../../../src/syscalls/abi.js'
import { createLogger } from '../../../src/lib/log.js'
import { quiet } from '../../helpers/quiet.js'
import { makeBundle, makeRootfs, run } from '../../helpers/runc-bundle.js'
import { until } from '../../helpers/until.js'

/** Its first thread ends at once and leaves a zombie; another one stays. */
const leaving = `
#include <pthread.h>
#include <unistd.h>
static void *stay(void *unused) { for (;;) pause(); return unused; }
int main(void)
{
	pthread_t other;
	pthread_create(&other, 0, stay, 0);
	pthread_exit(0);
}
`

test('a container whose first thread ended runs on: it is known, and so is its filter', {
  skip: process.getuid?.() === 0 ? false : 'not root: runc cannot run here'
}, async (t) => {
  const rootfs = await makeRootfs()
  const root = await mkdtemp(join(tmpdir(), 'secco-runc-'))
  await writeFile(join(root, 'leave.c'), leaving)
  const leave = join(rootfs, 'leave')
  await run('gcc', ['-O1', '-static', '-pthread', '-o', leave, join(root, 'leave.c')])
  const bundle = await makeBundle(rootfs, {
    args: ['/leave'],
    seccomp: {
      defaultAction: 'SCMP_ACT_ALLOW',
      syscalls: [{ names: ['getsid'], action: 'SCMP_ACT_ERRNO' }]
    }
  })
  const logger = createLogger('test', quiet)
  const registry = openRegistry([runcRuntime([root])], logger)
  const id = `secco-leaving-${process.pid}`
  t.teardown(async () => {
    registry.close()
    await run('runc', ['--root', root, 'delete', '--force', id])
    for (const folder of [dirname(rootfs), root, bundle])
      await rm(folder, { recursive: true, force: true })
  })
  const args = ['--root', root, 'run', '-d', '--bundle', bundle, id]
  await once(spawn('runc', args, { stdio: 'ignore' }), 'exit')
  await registry.refresh()
  const found = () => registry.all().find((one) => one.id === id)
  const pid = found()?.pid ?? 0
  t.ok(pid > 0)
  const isZombie = async () => {
    const { stdout } = await run('cat', [`/proc/${pid}/stat`])
    return /\) Z /.test(stdout) || undefined
  }
  await until('the first thread to end', isZombie)
  t.equal(mntnsOf(pid), found()?.mntns)
  t.ok((startTimeOf(pid) ?? 0) > 0 && startTimeOf(pid) === startTicksOf(pid))
  await registry.refresh()
  t.match(found(), { pid, status: 'running' })

  const inspector = startInspector({
    ...{ registry, logger, seccompRoot: root, holding: () => [], onChange: () => undefined },
    ...{ abis: abisOfMachine(process.arch === 'arm64' ? 'aarch64' : 'x86_64') },
    ...{ scanMs: 50, rescanMs: 100 }
  })
  t.teardown(() => inspector.close())
  const facts = await until('its filter to be read', (note) => {
    const [one] = inspector.list()
    note(one)
    return one?.checked !== 'none' && one?.same === true ? one : undefined
  })
  t.match(facts, { running: true, mode: 2, checked: 'bytes', difference: '' })

  await run('runc', ['--root', root, 'kill', id, 'KILL']).catch(() => process.kill(pid, 'SIGKILL'))
  await until('its end', async () => {
    await registry.refresh()
    return found()?.pid === 0 || undefined
  })
  t.equal(mntnsOf(pid), undefined)
  t.equal(startTimeOf(pid), undefined)
})
