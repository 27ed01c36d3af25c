import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { type Test, test } from 'tap'
import { openRegistry } from '../../../satellite/containers/registry.js'
import { mntnsOf } from '../../../satellite/containers/processes.js'
import { runcRuntime } from '../../../satellite/containers/runc.js'
import type { Container, ContainerRuntime } from '../../../satellite/containers/runtime.js'
import { Attachment } from '../../../satellite/recorder/attachment.js'
import { createLogger } from '../../../src/lib/log.js'
import { quiet } from '../../helpers/quiet.js'
import { until } from '../../helpers/until.js'

const lingerMs = 20
const mntns = mntnsOf(process.pid)
/** This process stands for the container's. */
const created: Container = {
  ...{ id: 'web', runtime: 'runc', name: 'web', pid: process.pid, status: 'created', labels: {} },
  ...(mntns === undefined ? {} : { mntns })
}

/** An attachment to a recorder that does nothing, after a first listing. The runtime begins to create a container by `begin`. */
async function attachmentOf(t: Test, fake: Partial<ContainerRuntime>) {
  const state = { attached: false, detached: 0, begin: (): void => undefined }
  const logger = createLogger('test', quiet)
  const runtime: ContainerRuntime = {
    name: 'runc',
    list: () => Promise.resolve([]),
    byId: () => Promise.resolve(undefined),
    version: () => Promise.resolve(''),
    follow: (onCreate) => {
      state.begin = onCreate
      return true
    },
    ...fake
  }
  const registry = openRegistry([runtime], logger)
  await registry.refresh()
  const attachment = new Attachment({
    ...{ mode: 'unprofiled', registry, logger, lingerMs },
    attached: () => state.attached,
    held: () => new Set(),
    onChange: () => undefined,
    loop: {
      attach: () => {
        state.attached = true
        return Promise.resolve()
      },
      detach: (isWanted) => {
        if (isWanted?.() !== true) {
          state.attached = false
          state.detached += 1
        }
        return Promise.resolve()
      }
    }
  })
  t.teardown(async () => {
    await attachment.close()
    registry.close()
  })
  return state
}

const detachedOf = (state: { attached: boolean }) =>
  until('the recorder to be detached', () => (state.attached ? undefined : true))

test('a container that no change has reported yet keeps the recorder attached', async (t) => {
  let listings = 0
  const listed: Container[] = []
  const state = await attachmentOf(t, {
    list: () => {
      listings += 1
      return Promise.resolve([...listed])
    }
  })
  state.begin()
  t.equal(state.attached, true)
  listed.push(created)
  const before = listings
  await until('a decision', () => (listings > before || state.detached > 0 ? true : undefined))
  await setImmediate()
  t.equal(state.detached, 0, 'it was listed before the decision')
})

test('a creation that takes longer than the linger keeps the recorder attached', async (t) => {
  const creation = { asked: 0, goesOn: true }
  const state = await attachmentOf(t, {
    isCreating: () => {
      creation.asked += 1
      return creation.goesOn
    }
  })
  state.begin()
  await until('several decisions', () =>
    creation.asked > 3 || state.detached > 0 ? true : undefined
  )
  t.equal(state.detached, 0)
  creation.goesOn = false
  await detachedOf(state)
  t.equal(state.detached, 1, 'nothing came of it')
})

test('runc creates a container from its fifo to its state', async (t) => {
  const root = mkdtempSync(join(tmpdir(), 'secco-creation-'))
  t.teardown(() => rmSync(root, { recursive: true }))
  const runtime = runcRuntime([root, join(root, 'missing')])
  t.teardown(() => runtime.close?.())
  const isCreating = async (): Promise<boolean | undefined> => {
    await runtime.list()
    return runtime.isCreating?.()
  }
  t.equal(await isCreating(), false)
  for (const [what, folder] of [
    ['a container', join(root, 'web')],
    ['a container in a namespace', join(root, 'k8s.io', 'web')]
  ] as const) {
    mkdirSync(folder, { recursive: true })
    t.equal(await isCreating(), false, `${what}: a folder may be anything`)
    const fifo = join(folder, 'exec.fifo')
    writeFileSync(fifo, '')
    t.equal(await isCreating(), true, what)
    utimesSync(fifo, 0, 0)
    t.equal(await isCreating(), false, `${what}: given up long ago`)
    utimesSync(fifo, Date.now() / 1000, Date.now() / 1000)
    writeFileSync(join(folder, 'state.json'), '{}')
    t.equal(await isCreating(), false, `${what}: it has a state`)
    rmSync(folder, { recursive: true })
  }
})
