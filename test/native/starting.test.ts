import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { release, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { type Test, test } from 'tap'
import { packageRoot } from '../../native/paths.js'
import { openRecorder, probeTracing } from '../../native/recorder.js'
import type { Recorder, Slot } from '../../native/types.js'
import { makeBundle, makeRootfs, run } from '../helpers/runc-bundle.js'
import { markedName } from '../helpers/test-run.js'

const probe = probeTracing()
const skip = probe.available ? false : `nothing can be traced here: ${probe.reason ?? ''}`

const [major = 0, minor = 0] = release().split('.').map(Number)
/** The tracepoint sched_prepare_exec, without which the beginning of an unfiltered container is not seen exactly. */
const seesPrepareExec = major > 6 || (major === 6 && minor >= 10)

interface Rig {
  recorder: Recorder
  create: (how: string, options?: Options) => Promise<Made>
}

interface Options {
  isUnfiltered?: boolean
  /** Default: true, as in runc's own template. */
  noNewPrivileges?: boolean
}

interface Made {
  id: string
  pid: number
  mntns: number
  runc: (...args: string[]) => Promise<unknown>
  /** Resolves when its program has written something. */
  begun: Promise<unknown>
  /** All that its program wrote; resolves when it has ended. */
  written: Promise<string>
}

async function rig(t: Test): Promise<Rig> {
  const rootfs = await makeRootfs()
  const root = mkdtempSync(join(tmpdir(), 'secco-runc-'))
  const source = join(packageRoot(), 'test', 'native', 'starting.c')
  execFileSync('cc', ['-O1', '-static', '-o', join(rootfs, 'starting'), source])
  const recorder = openRecorder()
  const made: string[] = []
  const bundles: string[] = []
  t.teardown(async () => {
    recorder.stop()
    for (const id of made) await run('runc', ['--root', root, 'delete', '--force', id])
    for (const path of [dirname(rootfs), root, ...bundles]) await rm(path, { recursive: true })
  })

  async function create(how: string, options: Options = {}): Promise<Made> {
    const id = markedName(`starting-${made.length}`)
    const bundle = await makeBundle(rootfs, {
      args: ['/starting', how],
      ...(options.isUnfiltered === true ? { seccomp: 'none' } : {})
    })
    bundles.push(bundle)
    const path = join(bundle, 'config.json')
    const config = JSON.parse(readFileSync(path, 'utf8')) as { process: Record<string, unknown> }
    config.process['noNewPrivileges'] = options.noNewPrivileges ?? true
    writeFileSync(path, JSON.stringify(config))
    const creation = spawn('runc', ['--root', root, 'create', '--bundle', bundle, id], {
      stdio: ['ignore', 'pipe', 'inherit']
    })
    made.push(id)
    let written = ''
    creation.stdout.on('data', (chunk: Buffer) => (written += chunk.toString()))
    const [code] = (await once(creation, 'exit')) as [number]
    if (code !== 0) throw new Error(`runc create ended with ${code}`)
    const state = JSON.parse(readFileSync(join(root, id, 'state.json'), 'utf8')) as {
      init_process_pid: number
    }
    const { init_process_pid: pid } = state
    const mntns = Number(/\d+/.exec(readlinkSync(`/proc/${pid}/ns/mnt`))?.[0])
    const runc = (...args: string[]) => run('runc', ['--root', root, ...args])
    return {
      ...{ id, pid, mntns, runc },
      begun: once(creation.stdout, 'data'),
      written: once(creation.stdout, 'end').then(() => written)
    }
  }
  return { recorder, create }
}

/** Returns the slot of a container's entry point, and gives it back: the number of the mount namespace comes again. */
function entryOf(recorder: Recorder, { mntns }: Made): Slot {
  const found = recorder.slots().find((slot) => slot.mntns === mntns && slot.part === 'entry')
  if (found === undefined) throw new Error(`no slot for ${mntns}`)
  recorder.release(found.index, found.generation)
  return found
}

test('a container that was created before the recorder attached', { skip }, async (t) => {
  const { recorder, create } = await rig(t)
  const cases: [what: string, options: Options, complete: boolean][] = [
    ['a filter', {}, true],
    ['no filter: it begins at its first exec', { isUnfiltered: true }, seesPrepareExec],
    ['a filter that only a privileged process installs', { noNewPrivileges: false }, true]
  ]
  for (const [what, options, complete] of cases) {
    recorder.detach()
    const container = await create('call', options)
    recorder.attach()
    await container.runc('start', container.id)
    t.equal(await container.written, '0')
    t.match(entryOf(recorder, container), { complete, pid: container.pid }, what)
  }
})

test('a container that ran before the recorder attached is not complete', { skip }, async (t) => {
  const { recorder, create } = await rig(t)
  for (const [what, how] of [
    ['it installs its first filter', 'itself'],
    ['its child does, without an exec', 'child'],
    ['an orphan does', 'orphan'],
    ['the first process of a PID namespace inside it does', 'nested'],
    ['it executes a program', 'program'],
    ['it executes a program from memory under the name of runc', 'memory']
  ] as const) {
    recorder.detach()
    const container = await create(how, { isUnfiltered: true })
    await container.runc('start', container.id)
    await container.begun
    recorder.attach()
    process.kill(container.pid, 'SIGUSR1')
    t.equal(await container.written, 'r0')
    t.match(entryOf(recorder, container), { complete: false }, what)
  }
})

test('a container whose exec is the first that the recorder sees is not complete', {
  skip
}, async (t) => {
  const { recorder, create } = await rig(t)
  recorder.detach()
  const container = await create('itself', { isUnfiltered: true })
  await container.runc('start', container.id)
  await container.begun
  recorder.attach()
  await container.runc('exec', container.id, '/starting', 'call')
  t.match(entryOf(recorder, container), { complete: false, comm: 'starting' })
})
