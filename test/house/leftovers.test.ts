import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, realpathSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm, rmdir, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { promisify } from 'node:util'
import { type Test, test } from 'tap'
import {
  end,
  isThere,
  makeThings,
  nameOf,
  startSleep,
  type Things,
  unified
} from '../helpers/leftover-things.js'
import { repositoryRoot } from '../helpers/repository.js'
import { until } from '../helpers/until.js'

interface EndedRun {
  name: string
  folder: string
  pid: number
}
const bin = (name: string) => join(repositoryRoot, 'bin', name)
const { baseFolder, endedRuns, makeRunFolder, statOf } = (await import(bin('test-run.mjs'))) as {
  statOf: (pid: number) => { start: number } | undefined
  baseFolder: (folder?: string) => string
  endedRuns: (base: string, over?: string) => EndedRun[]
  makeRunFolder: (base: string, pid?: number) => string
}

const { findLeftovers } = (await import(bin('leftovers.mjs'))) as {
  findLeftovers: (run: EndedRun) => { containers: { id: string; groups: string[] }[] }
}

const run = promisify(execFile)
const removeLeftovers = async (base: string, env: NodeJS.ProcessEnv = process.env) =>
  (await run(process.execPath, [bin('remove-leftovers.mjs'), base], { env })).stdout

async function temporaryFolder(t: Test): Promise<string> {
  const base = realpathSync(await mkdtemp(join(tmpdir(), 'secco-runs-')))
  t.teardown(() => rm(base, { recursive: true, force: true }))
  return base
}

test('the folder of all runs is outside of each run, and a real path', async (t) => {
  // Outside of this run: a name that is none of a run.
  const mine = await mkdtemp(join(baseFolder(), 'my-secco-run-12-ab3-'))
  t.teardown(() => rm(mine, { recursive: true, force: true }))
  const [link, inside] = [join(mine, 'link'), join(mine, 'inside')]
  await symlink(mine, link)
  await mkdir(join(mine, 'secco-run-12-ab3/x'), { recursive: true })
  await symlink(join(mine, 'secco-run-12-ab3/x'), inside)
  const cases: [folder: string, expected: string][] = [
    ['/tmp', realpathSync('/tmp')],
    ['/tmp/secco-run-12-ab3', realpathSync('/tmp')],
    ['/var/tmp/secco-run-12-ab3/secco-run-13-ac/x', realpathSync('/var/tmp')],
    ['/secco-run-1-a', '/'],
    [mine, mine],
    [`${mine}/`, mine],
    [link, mine],
    [join(link, 'secco-run-1-a'), mine],
    [inside, mine]
  ]
  for (const [folder, expected] of cases) t.equal(baseFolder(folder), expected, folder)
})

test('a run has ended when its process has', async (t) => {
  const base = await temporaryFolder(t)
  const owner = startSleep(t)
  const folder = makeRunFolder(base, owner.pid)
  const path = join(folder, 'owner.json')
  const written = JSON.parse(await readFile(path, 'utf8')) as Record<string, unknown>
  const cases: [what: string, change: Record<string, unknown>, ended: boolean][] = [
    ['it runs', {}, false],
    ['another process has its pid', { start: 1 }, true],
    ['it was started before the machine', { boot: 'earlier' }, true],
    ['it runs on another machine', { host: 'other', boot: 'other', start: 1 }, false],
    ['it has a pid of another namespace', { namespace: 'pid:[1]', start: 1 }, false]
  ]
  for (const [what, change, ended] of cases) {
    await writeFile(path, JSON.stringify({ ...written, ...change }))
    t.equal(endedRuns(base).length, ended ? 1 : 0, what)
  }
  await writeFile(path, JSON.stringify(written))
  t.match(endedRuns(base, nameOf(folder)), [{ folder, pid: owner.pid }], 'its caller knows better')
  await end(owner)
  t.strictSame(endedRuns(base), [{ name: nameOf(folder), folder, pid: owner.pid }])
  await rm(path)
  t.strictSame(endedRuns(base), [], 'nobody knows whose it is')
})

const left = (things: Things): string[] =>
  Object.keys(things).filter((name) => things[name]?.() === true)

const needed = ['/usr/sbin/runc', '/usr/bin/runc', '/usr/local/sbin/runc']
const skip =
  process.getuid?.() !== 0
    ? 'not root: no containers, cgroups and mounts'
    : !needed.some((path) => existsSync(path)) && 'there is no runc'

test('of what was left, all that an ended run has the mark of is removed, and nothing else', {
  skip,
  timeout: 120_000
}, async (t) => {
  const base = await temporaryFolder(t)
  const [dead, alive] = [startSleep(t), startSleep(t)]
  const [ended, living] = [makeRunFolder(base, dead.pid), makeRunFolder(base, alive.pid)]
  const unmarked = join(base, 'unmarked')
  await mkdir(unmarked)
  const things = await makeThings(t, ended, nameOf(ended))
  const others = [
    await makeThings(t, living, nameOf(living)),
    await makeThings(t, unmarked, undefined)
  ]
  // In the freezer of cgroup v1 no signal reaches a process.
  const root = join(ended, 'state/runc')
  const id = `leftover-${nameOf(ended)}-${process.pid}`
  await run('runc', ['--root', root, 'pause', id])

  t.equal(await removeLeftovers(base), '', 'nothing is left while its run goes on')
  t.strictSame(left(things), Object.keys(things))
  await end(dead)
  // What removes can have been started with the folder of the ended run.
  const said = await removeLeftovers(base, { ...process.env, TMPDIR: ended })
  await until('processes to be gone', () => left(things).length === 0 || undefined)
  t.comment(said)
  for (const what of [
    `process \\d+ \\(sleep\\)`,
    `container ${id}`,
    `cluster \\d+: bridge secco\\d+ and its cgroups`,
    `cgroup .*/${nameOf(ended)}-groups`,
    `mount ${ended}/mount`,
    ...('pins' in things ? ['pins /sys/fs/bpf/secco-up/\\w+', 'pins .*-pins'] : []),
    `folder ${ended}`
  ]) {
    t.match(said, new RegExp(`^removed  ${what} of an interrupted run \\(pid ${dead.pid}\\)$`, 'm'))
  }
  t.notMatch(said, /cannot/)
  for (const one of others) t.strictSame(left(one), Object.keys(one), 'what others have stays')
  t.equal(await removeLeftovers(base), '', 'nothing is left for a second time')
})

test('a run that a test started ends with the run of the test', async (t) => {
  const base = await temporaryFolder(t)
  const dead = startSleep(t)
  const folder = makeRunFolder(base, dead.pid)
  const owner = startSleep(t, { TMPDIR: folder })
  const started = makeRunFolder(base, owner.pid)
  t.equal(await removeLeftovers(base), '')
  await end(dead)
  t.match(await removeLeftovers(base), new RegExp(`^removed {2}process ${owner.pid} `, 'm'))
  t.notOk(isThere(owner.pid))
  t.notOk(existsSync(started), 'what it left is gone, too')
})

test('what cannot be removed is named with the next step, and tried again', {
  skip
}, async (t) => {
  const base = await temporaryFolder(t)
  const dead = startSleep(t)
  const folder = makeRunFolder(base, dead.pid)
  // A container's cgroup that a container of somebody else shares.
  const path = join(unified, `secco-shared-${process.pid}`)
  await mkdir(path)
  const member = startSleep(t)
  await writeFile(join(path, 'cgroup.procs'), String(member.pid))
  const state = join(folder, 'runc/web/state.json')
  await mkdir(dirname(state), { recursive: true })
  const gone = { init_process_pid: dead.pid, init_process_start: 1, cgroup_paths: { '': path } }
  await writeFile(state, JSON.stringify(gone))
  await end(dead)
  const said = await removeLeftovers(base)
  t.match(said, /^cannot remove container web of an .*: EBUSY.*\n +next: .*cgroup\.procs$/m)
  t.match(said, new RegExp(`^cannot remove folder ${folder} .*still there`, 'm'))
  t.ok(isThere(member.pid), 'the other one runs on')
  await end(member)
  t.match(await removeLeftovers(base), /^removed {2}container web/m)
  t.notOk(existsSync(path))
  t.notOk(existsSync(folder))
})

/** Makes the folder of a run that has ended. */
async function endedRun(t: Test, base: string): Promise<EndedRun> {
  const dead = startSleep(t)
  const folder = makeRunFolder(base, dead.pid)
  await end(dead)
  return { name: nameOf(folder), folder, pid: dead.pid }
}

async function write(path: string, content: unknown): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, typeof content === 'string' ? content : JSON.stringify(content))
}

test('what a run mounted is not emptied, also when a link leads to its folder', {
  skip
}, async (t) => {
  const base = await temporaryFolder(t)
  const [link, kept] = [join(base, 'link'), join(base, 'kept')]
  await write(join(kept, 'file'), '')
  await write(join(base, 'runs/file'), '')
  await symlink(join(base, 'runs'), link)
  const { folder } = await endedRun(t, link)
  const mount = join(realpathSync(folder), 'mount')
  await mkdir(mount)
  await run('mount', ['--bind', kept, mount])
  t.teardown(() => run('umount', [mount]).catch(() => undefined))
  t.match(await removeLeftovers(link), new RegExp(`^removed {2}mount ${mount} `, 'm'))
  t.notOk(existsSync(folder))
  t.ok(existsSync(join(kept, 'file')), 'what was mounted stays')
})

test('only a cgroup below the root of its hierarchy is a container’s', { skip }, async (t) => {
  const ended = await endedRun(t, await temporaryFolder(t))
  const name = `secco-own-${process.pid}`
  const own = join(unified, name)
  await mkdir(own)
  t.teardown(() => rmdir(own))
  const paths = ['', '/', unified, `${unified}/`, `${own}/..`, '/sys/fs/cgroup', '/proc/self']
  const outside = `${unified}/../../../../${repositoryRoot}`
  const cgroup_paths = Object.fromEntries([...paths, outside, `${own}/.`].entries())
  await write(join(ended.folder, 'runc/web/state.json'), { init_process_pid: 1, cgroup_paths })
  const ofCrun = ['', '/', '/..', '.', `${name}/..`, `/../../${name}`]
  for (const [at, path] of ofCrun.entries())
    await write(join(ended.folder, `crun/web${at}/status`), { pid: 1, 'cgroup-path': path })
  const found = findLeftovers(ended).containers.filter(({ groups }) => groups.length > 0)
  t.strictSame(
    found.map(({ id, groups }) => [id, groups]).sort(),
    [
      ['web', [own]],
      ['web5', [own]]
    ],
    'never a root'
  )
})

test('a file in the folder of a run proves nothing of others', { skip }, async (t) => {
  const base = await temporaryFolder(t)
  const { folder } = await endedRun(t, base)
  const [other, alike, half] = [startSleep(t), startSleep(t), startSleep(t)]
  const group = join(unified, `secco-half-${process.pid}`)
  await mkdir(group)
  await writeFile(join(group, 'cgroup.procs'), String(half.pid))
  t.teardown(async () => {
    await end(half)
    if (existsSync(group)) await rmdir(group)
  })
  const stateOf = (pid: number, cgroup: string) => {
    const init_process_start = statOf(pid)?.start
    return { init_process_pid: pid, init_process_start, cgroup_paths: { '': cgroup } }
  }
  await write(join(folder, 'runc/half/state.json'), stateOf(half.pid, group))
  await write(join(folder, 'runc/other/state.json'), stateOf(other.pid, group))
  const start = statOf(alike.pid)?.start
  const status = { pid: alike.pid, 'process-start-time': start, 'cgroup-path': '' }
  await write(join(folder, 'crun/alike/status'), status)
  await write(join(folder, 'bundle/rootfs/runc/in/state.json'), stateOf(other.pid, group))
  await mkdir('/run/containerd/s', { recursive: true })
  const sockets = [0, 1].map(() => `/run/containerd/s/${randomBytes(32).toString('hex')}`)
  t.teardown(() => Promise.all(sockets.map((path) => rm(path, { force: true }))))
  const [own = '', stays = ''] = sockets
  for (const path of sockets) await writeFile(path, '')
  const task = 'io.containerd.runtime.v2.task/k8s.io/web/address'
  await write(join(folder, 'line\nend', task), `unix://${own}`)
  for (const path of ['address', 'io.containerd.runtime.v2.task/web/address', `x/rootfs/${task}`])
    await write(join(folder, 'fake', path), `unix://${stays}`)

  const said = await removeLeftovers(base)
  t.comment(said)
  t.notMatch(said, /cannot|container in /)
  t.ok(isThere(other.pid) && isThere(alike.pid), 'processes of others run on')
  await until('the half-made container to end', () => !isThere(half.pid) || undefined)
  t.strictSame([existsSync(own), existsSync(stays)], [false, true], 'one socket is the run’s')
  t.notOk(existsSync(folder))
})
