// What test runs leave when they are killed, for the test of its removal.
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { copyFile, mkdir, readFile, rm, rmdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import process from 'node:process'
import { promisify } from 'node:util'
import type { Test } from 'tap'
import { pinsOfState, preparePinsOf } from '../../cli/programs/up-pins.js'
import { openRecorder, probeTracing } from '../../native/recorder.js'
import { removeUpPins } from './up-recorder.js'

const run = promisify(execFile)

export const nameOf = (folder: string): string => folder.slice(folder.lastIndexOf('/') + 1)
export const unified = existsSync('/sys/fs/cgroup/unified')
  ? '/sys/fs/cgroup/unified'
  : '/sys/fs/cgroup'

/** Starts a process that waits, in a session of its own. */
export function startSleep(t: Test, env: NodeJS.ProcessEnv = {}): ChildProcess & { pid: number } {
  const child = spawn('sleep', ['300'], { stdio: 'ignore', detached: true, env })
  t.teardown(() => child.kill('SIGKILL'))
  return child as ChildProcess & { pid: number }
}

export async function end(child: ChildProcess): Promise<void> {
  child.kill('SIGKILL')
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
}

export const isThere = (pid: number): boolean => {
  try {
    // A process that nobody has waited for is no longer there.
    return !/^\d+ \(.*\) Z/s.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}

/** Things is what a run has on the machine: each as a probe that tells whether it is still there. */
export type Things = Record<string, () => boolean>

/** Makes a container of runc whose state and files are in a folder, in a cgroup of its own name. */
async function makeContainer(t: Test, folder: string, id: string): Promise<() => boolean> {
  const [root, bundle] = [join(folder, 'state/runc'), join(folder, 'bundle')]
  for (const name of ['bin', 'proc', 'dev', 'sys'])
    await mkdir(join(bundle, 'rootfs', name), { recursive: true })
  const { stdout } = await run('sh', ['-c', 'command -v busybox'])
  await copyFile(stdout.trim(), join(bundle, 'rootfs/bin/sleep'))
  await run('runc', ['spec', '--bundle', bundle])
  const path = join(bundle, 'config.json')
  const config = JSON.parse(await readFile(path, 'utf8')) as {
    process: { terminal: boolean; args: string[] }
    linux: Record<string, unknown>
  }
  config.process.terminal = false
  config.process.args = ['/bin/sleep', '300']
  config.linux['cgroupsPath'] = `/${id}`
  await writeFile(path, JSON.stringify(config))
  const child = spawn('runc', ['--root', root, 'run', '-d', '--bundle', bundle, id], {
    stdio: 'ignore'
  })
  t.teardown(() => run('runc', ['--root', root, 'delete', '--force', id]).catch(() => undefined))
  const [code] = (await once(child, 'exit')) as [number]
  t.equal(code, 0, `a container in ${folder}`)
  const state = JSON.parse(await readFile(join(root, id, 'state.json'), 'utf8')) as {
    init_process_pid: number
    cgroup_paths: Record<string, string>
  }
  const groups = Object.values(state.cgroup_paths)
  return () => isThere(state.init_process_pid) || groups.some((path) => existsSync(path))
}

/** Makes a cgroup with a process in it that nothing else marks. */
async function makeCgroup(t: Test, name: string): Promise<() => boolean> {
  const path = join(unified, name)
  await mkdir(join(path, 'below'), { recursive: true })
  const member = startSleep(t)
  await writeFile(join(path, 'below/cgroup.procs'), String(member.pid))
  t.teardown(async () => {
    if (!existsSync(path)) return
    await end(member)
    for (const one of [join(path, 'below'), path]) await rmdir(one)
  })
  return () => existsSync(path) || isThere(member.pid)
}

/** Makes a folder. False: it is there already. */
async function isMade(path: string): Promise<boolean> {
  try {
    await mkdir(path)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    return false
  }
}

/** Makes what a cluster of test/helpers/kubernetes/ground.ts leaves, under the highest free number. */
async function makeCluster(t: Test, mark: string | undefined): Promise<() => boolean> {
  for (let number = 99; number > 0; number -= 1) {
    const [path, bridge] = [join(unified, `secco-cluster-${number}`), `secco${number}`]
    // Only one of those that try at once makes the folder.
    if (!(await isMade(path))) continue
    if (mark !== undefined) await mkdir(join(path, mark))
    await run('ip', ['link', 'add', bridge, 'type', 'bridge'])
    const link = `/sys/class/net/${bridge}`
    t.teardown(async () => {
      if (existsSync(link)) await run('ip', ['link', 'delete', bridge])
      if (mark !== undefined && existsSync(join(path, mark))) await rmdir(join(path, mark))
      if (existsSync(path)) await rmdir(path)
    })
    return () => existsSync(path) || existsSync(link)
  }
  throw new Error('no number is free')
}

async function makeMount(t: Test, path: string): Promise<() => boolean> {
  await mkdir(path)
  await run('mount', ['-t', 'tmpfs', 'tmpfs', path])
  const isMounted = () => readFileSync('/proc/self/mountinfo', 'utf8').includes(` ${path} `)
  t.teardown(async () => {
    if (isMounted()) await run('umount', [path])
  })
  return isMounted
}

/** Leaves a recorder attached and pinned, as `secco up` on a state folder does that was killed. */
async function makePins(t: Test, folder: string, name: string): Promise<() => boolean> {
  const state = join(folder, 'pinned')
  await mkdir(state)
  preparePinsOf(state)
  const pin = pinsOfState(state)
  const recorder = openRecorder({ pin, slots: 64 })
  recorder.attach()
  recorder.stop({ keep: true })
  const other = `/sys/fs/bpf/${name}-pins`
  await mkdir(other)
  await symlink('x', join(other, 'link'))
  t.teardown(async () => {
    removeUpPins(state)
    await rm(other, { recursive: true, force: true })
  })
  return () => existsSync(pin) || existsSync(other)
}

/** Makes a thing of each kind in a folder; `mark` is the name of its run. */
export async function makeThings(
  t: Test,
  folder: string,
  mark: string | undefined
): Promise<Things> {
  await mkdir(join(folder, 'tmp'))
  const name = mark ?? `secco-unmarked-${process.pid}`
  const child = startSleep(t, { TMPDIR: join(folder, 'tmp') })
  const tracing = probeTracing()
  return {
    process: () => isThere(child.pid),
    container: await makeContainer(t, folder, `leftover-${nameOf(folder)}-${process.pid}`),
    cgroup: await makeCgroup(t, `${name}-groups`),
    cluster: await makeCluster(t, mark),
    mount: await makeMount(t, join(folder, 'mount')),
    ...(tracing.available ? { pins: await makePins(t, folder, name) } : {}),
    folder: () => existsSync(folder)
  }
}
