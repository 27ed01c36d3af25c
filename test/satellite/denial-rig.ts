import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { packageRoot } from '../../native/paths.js'
import { type Satellite, startSatellite } from '../../satellite/main.js'
import type { Observation } from '../../src/api/gen/hub.js'
import type { LinuxSeccomp } from '../../src/api/seccomp-profile.js'
import { createLogger } from '../../src/lib/log.js'
import type { Hub } from '../../webhook/hub/hub.js'
import { quiet } from '../helpers/quiet.js'
import { makeBundle, makeRootfs, run } from '../helpers/runc-bundle.js'
import { createRig } from '../webhook/hub/rig.js'

/** A rig with real parts only: runc, the recorder, a satellite, its uplink, a hub. */
export async function everything(): Promise<{
  hub: Hub
  satellite: Satellite
  offered: Observation[]
  seen: Awaited<ReturnType<typeof createRig>>['log']['seen']
  store: Awaited<ReturnType<typeof createRig>>['store']
  runc: (...args: string[]) => Promise<{ stdout: string }>
  bundle: (args: string[], seccomp: LinuxSeccomp) => Promise<string>
  root: string
  dispose: () => Promise<void>
}> {
  const folder = await mkdtemp(join(tmpdir(), 'secco-denials-'))
  const rootfs = await makeRootfs()
  const source = join(packageRoot(), 'test', 'satellite', 'denied.c')
  await run('gcc', ['-O1', '-static', '-o', join(rootfs, 'denied'), source])
  const root = join(folder, 'runc')
  const rig = await createRig()
  const hub = await rig.hub({ timing: { coalesceMs: 150, perSecond: 100, burst: 2000 } })
  const offered: Observation[] = []
  const satellite = await startSatellite({
    node: 'n1',
    // The timing of a real node: measured times are those that a user sees.
    connect: rig.connector(hub.address.port, 'n1', offered, { timing: { coalesceMs: 200 } }),
    seccompRoot: join(folder, 'seccomp'),
    runcRoots: [root],
    containerdSocket: join(folder, 'none.sock'),
    logger: createLogger('test', quiet)
  })
  const bundles: string[] = []
  return {
    ...{ hub, satellite, offered, seen: rig.log.seen, store: rig.store, root },
    runc: (...args) => run('runc', ['--root', root, ...args]),
    bundle: async (args, seccomp) => {
      const made = await makeBundle(rootfs, { args: ['/denied', ...args], seccomp })
      bundles.push(made)
      return made
    },
    dispose: async () => {
      await satellite.close()
      await rig.dispose()
      for (const path of [...bundles, folder, dirname(rootfs)]) {
        await rm(path, { recursive: true, force: true })
      }
    }
  }
}
