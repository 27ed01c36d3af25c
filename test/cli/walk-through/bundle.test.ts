import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'tap'
import { writeBundle } from '../../../cli/walk-through/bundle.js'

test('containers of two state folders have cgroups of their own, also when their IDs are the same', async (t) => {
  const dir = t.testdir()
  const cgroupOf = async (state: string, profile: string): Promise<unknown> => {
    const folder = await writeBundle(join(dir, state, 'bundle'), {
      ...{ rootfs: '/rootfs', args: ['/app'], files: [], writable: [], seccomp: undefined },
      ...{ profile, noNewPrivileges: true }
    })
    const config = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8')) as {
      linux: { cgroupsPath: unknown; namespaces: unknown }
    }
    t.ok(config.linux.namespaces, 'the other members stay')
    return config.linux.cgroupsPath
  }
  const first = await cgroupOf('one', 'shop')
  t.match(first, /^\/secco-[0-9a-f]{12}-shop$/)
  t.equal(await cgroupOf('one', 'shop'), first, 'the same after a restart')
  t.not(await cgroupOf('two', 'shop'), first)
  t.not(await cgroupOf('one', 'cart'), first)
})
