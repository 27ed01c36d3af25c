import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'tap'
import { openRegistry } from '../../../satellite/containers/registry.js'
import { runcRuntime } from '../../../satellite/containers/runc.js'
import { startInspector } from '../../../satellite/inspector/inspector.js'
import { abisOfMachine } from '../../../src/syscalls/abi.js'
import type { LinuxSeccomp } from '../../../src/api/seccomp-profile.js'
import { createLogger } from '../../../src/lib/log.js'
import { declareAnother } from '../../helpers/declare-another.js'
import { quiet } from '../../helpers/quiet.js'
import { makeBundle, makeRootfs, run } from '../../helpers/runc-bundle.js'
import { until } from '../../helpers/until.js'

const denying = (name: string): LinuxSeccomp => ({
  defaultAction: 'SCMP_ACT_ALLOW',
  syscalls: [{ names: [name], action: 'SCMP_ACT_ERRNO' }]
})

test('the filter of a container is compared with what it declares now, not with what it declared', {
  skip: process.getuid?.() === 0 ? false : 'not root: runc cannot run here'
}, async (t) => {
  const rootfs = await makeRootfs()
  const root = await mkdtemp(join(tmpdir(), 'secco-runc-'))
  const args = ['/probe', 'wait']
  const bundle = await makeBundle(rootfs, { args, seccomp: denying('getsid') })
  const logger = createLogger('test', quiet)
  const registry = openRegistry([runcRuntime([root])], logger)
  const inspector = startInspector({
    ...{ registry, logger, seccompRoot: root, holding: () => [], onChange: () => undefined },
    ...{ abis: abisOfMachine(process.arch === 'arm64' ? 'aarch64' : 'x86_64') },
    ...{ scanMs: 50, rescanMs: 100 }
  })
  const id = `secco-declared-${process.pid}`
  t.teardown(async () => {
    await inspector.close()
    registry.close()
    await run('runc', ['--root', root, 'delete', '--force', id])
    for (const folder of [dirname(rootfs), root, bundle])
      await rm(folder, { recursive: true, force: true })
  })
  const child = spawn('runc', ['--root', root, 'run', '-d', '--bundle', bundle, id], {
    stdio: 'ignore'
  })
  await once(child, 'exit')
  const checked = (same: boolean) =>
    until(`a filter that ${same ? 'is' : 'is not'} the declared one`, (note) => {
      const [facts] = inspector.list()
      note(facts)
      return facts?.checked !== 'none' && facts?.same === same ? facts : undefined
    })
  t.match(await checked(true), { checked: 'bytes', difference: '' })
  await declareAnother(join(root, id), denying('getpgid'))
  t.match(await checked(false), {
    checked: 'table',
    difference: /^get(sid|pgid) \(\w+\): SCMP_ACT_\w+.* instead of SCMP_ACT_/
  })
  await declareAnother(join(root, id), denying('getsid'))
  t.match(await checked(true), { checked: 'bytes', difference: '' })
})
