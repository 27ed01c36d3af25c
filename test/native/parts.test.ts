import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, statSync } from 'node:fs'
import { copyFile, mkdir, readFile, rm, rmdir, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { test } from 'tap'
import { packageRoot } from '../../native/paths.js'
import { openRecorder, probeTracing } from '../../native/recorder.js'
import type { Recorder, Slot, SlotPart } from '../../native/types.js'
import { makeBundle, makeRootfs, run } from '../helpers/runc-bundle.js'
import { until as untilGiven } from '../helpers/until.js'

const nr = { getpriority: 140, fork: 57, vfork: 58, execve: 59, exitGroup: 231, socket: 41 }

const probe = probeTracing()
const skip = probe.available ? false : `nothing can be traced here: ${probe.reason ?? ''}`

interface Container {
  id: string
  pid: number
  mntns: number
  /** Inode of its folder in the unified hierarchy. */
  cgroup: bigint
  exec(...args: string[]): Promise<void>
  /** The same on a terminal of its own. */
  session(...args: string[]): Promise<void>
  stop(): Promise<void>
}

let made = 0

function unifiedMount(): string {
  const mounts = readFileSync('/proc/mounts', 'utf8').split('\n')
  return mounts.find((mount) => mount.split(' ')[2] === 'cgroup2')?.split(' ')[1] ?? ''
}

function cgroupOf(pid: number): bigint {
  const path = /^0::(.*)$/m.exec(readFileSync(`/proc/${pid}/cgroup`, 'utf8'))?.[1] ?? '/'
  return statSync(join(unifiedMount(), path), { bigint: true }).ino
}

/** A real container of runc around test/native/calls.c. */
async function startContainer(
  rootfs: string,
  args: string[],
  filtered: boolean,
  program = '/calls'
): Promise<Container> {
  const bundle = await makeBundle(rootfs, { args: [program, ...args] })
  if (!filtered) {
    const path = join(bundle, 'config.json')
    const config = JSON.parse(await readFile(path, 'utf8')) as { linux: { seccomp?: unknown } }
    delete config.linux.seccomp
    await writeFile(path, JSON.stringify(config))
  }
  const id = `secco-parts-${process.pid}-${(made += 1)}`
  await new Promise<void>((resolve, reject) => {
    const child = spawn('runc', ['run', '--detach', '--bundle', bundle, id], { stdio: 'ignore' })
    child.once('exit', (code) => {
      if (code === 0) resolve()
      else reject(new Error(`runc run ended with ${String(code)}`))
    })
  })
  const state = JSON.parse((await run('runc', ['state', id])).stdout) as { pid: number }
  const ended = async (child: ChildProcess): Promise<void> => {
    const [code] = (await once(child, 'exit')) as [number]
    if (code !== 0) throw new Error(`exec ended with ${code}`)
  }
  return {
    id,
    pid: state.pid,
    mntns: statSync(`/proc/${state.pid}/ns/mnt`).ino,
    cgroup: cgroupOf(state.pid),
    exec: (...call) => ended(spawn('runc', ['exec', id, program, ...call], { stdio: 'ignore' })),
    session: (...call) => {
      const command = `runc exec -t ${id} '${program}' ${call.join(' ')}`
      return ended(spawn('script', ['-qec', command, '/dev/null'], { stdio: 'ignore' }))
    },
    stop: async () => {
      await run('runc', ['delete', '--force', id])
      await rm(bundle, { recursive: true })
    }
  }
}

/** Mount namespace numbers are used again at once, by other people's containers too. */
const slotsOf = (recorder: Recorder, of: Container): Slot[] =>
  recorder.slots().filter((slot) => slot.mntns === of.mntns && slot.cgroupId === of.cgroup)

/** Calls of one number by part; parts that were not met are absent. */
function byPart(
  recorder: Recorder,
  of: Container,
  number: number
): Partial<Record<SlotPart, number>> {
  return Object.fromEntries(
    slotsOf(recorder, of).map((slot) => [
      slot.part,
      recorder.read(slot.index, slot.generation)?.native.get(number) ?? 0
    ])
  )
}

const until = (holds: () => boolean) => untilGiven(holds.toString(), () => holds() || undefined)

test('parts of a container', { skip, timeout: 300_000 }, async (t) => {
  const rootfs = await makeRootfs()
  const source = join(packageRoot(), 'test', 'native', 'calls.c')
  execFileSync('cc', ['-O1', '-pthread', '-static', '-o', join(rootfs, 'calls'), source])
  t.teardown(() => rm(dirname(rootfs), { recursive: true }))

  for (const hook of ['tp_btf', 'raw_tp'] as const) {
    for (const filtered of [true, false]) {
      const name = `${hook}, ${filtered ? 'with' : 'without'} a filter`
      await t.test(`${name}: entry, exec, exec on a terminal`, async (t) => {
        const recorder = openRecorder({ hook })
        recorder.attach()
        const container = await startContainer(rootfs, ['serve', '7'], filtered)
        await until(() => byPart(recorder, container, nr.getpriority).entry === 7)
        t.same(byPart(recorder, container, nr.getpriority), { entry: 7 })
        await container.exec('native', '11')
        await container.exec('native', '100')
        t.same(byPart(recorder, container, nr.getpriority), { entry: 7, probe: 111 })
        await container.session('native', '13')
        t.same(byPart(recorder, container, nr.getpriority), { entry: 7, probe: 111, session: 13 })
        // An exec's own children, and what it becomes, stay with it.
        await container.exec('exec', '/calls', 'fork', '4')
        t.same(byPart(recorder, container, nr.vfork), { entry: 0, probe: 2, session: 0 })
        t.same(byPart(recorder, container, nr.execve), { entry: 1, probe: 4, session: 1 })
        // Without BTF a process's last call cannot be read.
        if (hook === 'tp_btf') {
          await until(() => (byPart(recorder, container, nr.exitGroup).probe ?? 0) >= 7)
          t.same(byPart(recorder, container, nr.exitGroup), { entry: 0, probe: 7, session: 1 })
        }
        process.kill(container.pid, 'SIGUSR1')
        await until(() => byPart(recorder, container, nr.getpriority).entry === 8)
        t.same(byPart(recorder, container, nr.getpriority), { entry: 8, probe: 111, session: 13 })
        const slots = slotsOf(recorder, container)
        t.same(
          slots.map((slot) => [slot.part, slot.complete, slot.filtered]).sort(),
          ['entry', 'probe', 'session'].map((part) => [part, true, filtered])
        )
        t.equal(new Set(slots.map((slot) => slot.cgroupId)).size, 1)
        t.equal(new Set(slots.map((slot) => slot.index)).size, 3)
        for (const slot of slots) t.ok(recorder.release(slot.index, slot.generation))
        await container.stop()
        recorder.stop()
      })
    }
  }

  const recorder = openRecorder()
  t.teardown(() => {
    recorder.stop()
  })
  recorder.attach()

  await t.test('filters that the application stacks stay in the entry point', async (t) => {
    const container = await startContainer(rootfs, ['stack', '9'], true)
    const met = (): Slot[] => slotsOf(recorder, container)
    await until(() => byPart(recorder, container, nr.getpriority).entry === 9)
    t.same(
      met().map((slot) => slot.part),
      ['entry']
    )
    t.same(byPart(recorder, container, nr.getpriority), { entry: 9 })
    for (const slot of met()) recorder.release(slot.index, slot.generation)
    await container.stop()
  })

  for (const execFirst of [false, true]) {
    const order = execFirst ? 'adopted after an exec was met' : 'adopted, then an exec'
    await t.test(`a container from before: ${order}`, async (t) => {
      recorder.detach()
      const container = await startContainer(rootfs, ['serve', '7'], true)
      // It has made its calls before anything is attached again.
      const waits = (): boolean =>
        /^128 /.test(readFileSync(`/proc/${container.pid}/syscall`, 'utf8'))
      await until(waits)
      recorder.attach()
      const adopt = (): Slot | undefined =>
        recorder.adopt(container.mntns, container.cgroup, container.pid)
      if (execFirst) await container.exec('native', '5')
      t.match(adopt(), { part: 'entry', complete: false, pid: container.pid })
      if (!execFirst) await container.exec('native', '5')
      process.kill(container.pid, 'SIGUSR1')
      const wanted = execFirst ? 6 : 1
      await until(() => byPart(recorder, container, nr.getpriority).entry === wanted)
      await container.exec('native', '20')
      t.same(byPart(recorder, container, nr.getpriority), {
        entry: wanted,
        probe: execFirst ? 20 : 25
      })
      for (const slot of slotsOf(recorder, container)) {
        recorder.release(slot.index, slot.generation)
      }
      await container.stop()
    })
  }

  await t.test('a session stays one, however many other execs come and go', async (t) => {
    const container = await startContainer(rootfs, ['serve', '7'], false)
    const session = container.session('serve', '3')
    await until(() => byPart(recorder, container, nr.getpriority).session === 3)
    const { stdout } = await run('runc', ['ps', '--format', 'json', container.id])
    const pid = (JSON.parse(stdout) as number[]).find((one) => one !== container.pid)
    if (pid === undefined) throw new Error(`no session among ${stdout}`)
    // More than twice as many as there are places for processes, one after the other: each meets every one.
    await container.exec('fork', '9000')
    process.kill(pid, 'SIGUSR1')
    const calls = () => byPart(recorder, container, nr.getpriority)
    await until(() => (calls().session ?? 0) + (calls().entry ?? 0) === 11)
    t.match(calls(), { entry: 7, session: 4 })
    process.kill(pid, 'SIGTERM')
    await session
    t.equal(recorder.counters().detailsLost, 0)
    for (const slot of slotsOf(recorder, container)) recorder.release(slot.index, slot.generation)
    await container.stop()
  })

  await t.test('threads that a filter reaches through another one', async (t) => {
    const child = spawn(join(rootfs, 'calls'), ['tsync', '3000', '4'], { stdio: 'ignore' })
    const [code] = (await once(child, 'exit')) as [number]
    t.equal(code, 0)
    const slots = recorder.slots().filter((slot) => slot.pid === child.pid)
    t.same(
      slots.map((slot) => [slot.part, slot.complete]),
      [['entry', true]]
    )
    const counts = slots.map((slot) => recorder.read(slot.index, slot.generation)?.native)
    t.equal(counts[0]?.get(nr.getpriority), 12_000)
    for (const slot of slots) recorder.release(slot.index, slot.generation)
  })
})

/** Names of a runtime's own processes inside a container. */
const runtimeNames = ['exe', 'runc', 'crun', 'youki', 'runc:[2:INIT]']

test('a program that has the name of a runtime is counted', {
  skip,
  timeout: 300_000
}, async (t) => {
  const rootfs = await makeRootfs()
  const source = join(packageRoot(), 'test', 'native', 'calls.c')
  const calls = join(rootfs, 'calls')
  execFileSync('cc', ['-O1', '-pthread', '-static', '-o', calls, source])
  for (const name of runtimeNames) await copyFile(calls, join(rootfs, name))
  t.teardown(() => rm(dirname(rootfs), { recursive: true }))
  for (const hook of ['tp_btf', 'raw_tp'] as const) {
    for (const name of runtimeNames) {
      await t.test(`${hook}: ${name}`, async (t) => {
        const recorder = openRecorder({ hook })
        recorder.attach()
        const container = await startContainer(rootfs, ['serve', '7'], false, `/${name}`)
        await until(() => byPart(recorder, container, nr.getpriority).entry === 7)
        await container.exec('native', '11')
        await container.session('native', '13')
        t.same(byPart(recorder, container, nr.getpriority), { entry: 7, probe: 11, session: 13 })
        t.ok(
          slotsOf(recorder, container).every((slot) => slot.complete),
          'from the first instruction'
        )
        await container.stop()
        recorder.stop()
      })
    }
  }
})

test("what a runtime does in a container's cgroup, before it enters the container, is not the container's", {
  skip
}, async (t) => {
  const folder = dirname(await makeRootfs())
  const source = join(packageRoot(), 'test', 'native', 'calls.c')
  const group = join(unifiedMount(), `secco-moved-${process.pid}`)
  t.teardown(async () => {
    await rmdir(group)
    await rm(folder, { recursive: true })
  })
  await mkdir(group)
  // The node's runtime runs in a mount namespace of its own, as in a snap. `move` stands for `runc exec`, which moves its child.
  const move = `echo $$ > ${group}/cgroup.procs`
  const gone = join(folder, 'gone')
  const outside =
    `mkdir -p ${gone}; mount -t tmpfs none ${gone}; cp ${folder}/exe ${gone}; exec 3<${gone}/exe; umount -l ${gone}; ` +
    `exec unshare --mount --propagation private ${folder}/link/exe native 11`
  await mkdir(join(folder, 'link'))
  await symlink('/proc/self/fd/3', join(folder, 'link', 'exe'))
  const table: [
    what: string,
    parent: 'runtime' | 'container' | 'unknown',
    program: string,
    script: string,
    counted: number
  ][] = [
    [
      'it has the name of a runtime',
      ...(['runtime', 'exe', `${move}; exec ${folder}/exe native 11`, 0] as const)
    ],
    [
      'nobody knows yet that it is no container',
      ...(['unknown', 'exe', `${move}; exec ${folder}/exe native 11`, 0] as const)
    ],
    ['it is a service', 'runtime', 'calls', `${move}; exec ${folder}/calls native 11`, 11],
    ['a service of it', 'runtime', 'exe', `${move}; sh -c '${folder}/exe native 11; :'`, 11],
    [
      'a container has its own runtime',
      ...(['container', 'exe', `${move}; exec ${folder}/exe native 11`, 11] as const)
    ],
    // As the first program of a container: an image can have a link to /proc/self/exe, which is the runtime's own file.
    [
      'in a mount namespace of its own, by the name of a runtime, from a file outside',
      ...(['runtime', 'exe', `${move}; ${outside}`, 11] as const)
    ]
  ]
  for (const hook of ['tp_btf', 'raw_tp'] as const) {
    for (const [what, parent, program, script, counted] of table) {
      const recorder = openRecorder({ hook })
      execFileSync('cc', ['-O1', '-pthread', '-static', '-o', join(folder, program), source])
      recorder.attach()
      const apart = ['--mount', '--propagation', 'private', 'sh', '-c', 'read go; sh -c "$0"; :']
      const shell = spawn('unshare', [...apart, script], { stdio: ['pipe', 'inherit', 'inherit'] })
      const own = await untilGiven('the slot of the parent', () =>
        recorder.slots().find(({ pid, filtered }) => pid === shell.pid && !filtered)
      )
      // The satellite ignores what is in no container.
      if (parent === 'runtime') recorder.ignore(own.index, own.generation)
      if (parent === 'container') recorder.name(own.index, own.generation)
      shell.stdin.end('go\n')
      await once(shell, 'exit')
      const id = statSync(group, { bigint: true }).ino
      const found = recorder.slots().filter(({ cgroupId }) => cgroupId === id)
      const counts = found.map(({ index, generation }) =>
        recorder.read(index, generation)?.native.get(nr.getpriority)
      )
      const sum = counts.reduce<number>((total, count = 0) => total + count, 0)
      t.equal(sum, counted, `${hook}: ${what}`)
      recorder.stop()
    }
  }
})
