import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, statSync } from 'node:fs'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { createInterface } from 'node:readline'
import { type Test, test } from 'tap'
import { findNodePrograms } from '../helpers/api-server-programs.js'
import { whyNoNode } from '../helpers/kubernetes/real-cluster.js'
import { repositoryRoot } from '../helpers/repository.js'

const unable = whyNoNode()
const found = unable === undefined ? await findNodePrograms() : { skip: unable }
const skip = found.skip ?? false

interface Place {
  path: string
  /** Number of the folder's inode: another cluster may take the name afterwards. */
  id: number
}

const idOf = (path: string): number | undefined => statSync(path, { throwIfNoEntry: false })?.ino

/** Returns the cgroups and bridges of the clusters whose folders are in this one. */
function placesOf(folder: string): Place[] {
  const numbers = readdirSync(folder).flatMap(
    (name) => /^secco-cluster-(\d+)-/.exec(name)?.[1] ?? []
  )
  const hierarchies = ['', ...readdirSync('/sys/fs/cgroup')].map((name) => `/sys/fs/cgroup/${name}`)
  return numbers
    .flatMap((number) => [
      ...hierarchies.map((hierarchy) => join(hierarchy, `secco-cluster-${number}`)),
      join('/sys/devices/virtual/net', `secco${number}`)
    ])
    .flatMap((path) => {
      const id = idOf(path)
      return id === undefined ? [] : [{ path, id }]
    })
}

const remaining = (places: readonly Place[]): Place[] =>
  places.filter(({ path, id }) => idOf(path) === id)

interface Started {
  child: ChildProcess
  said: () => string
  /** Exit code; resolves after the last line. */
  ended: Promise<number | null>
}

/**
 * Starts what `npm run cluster` starts after bin/setup, with a folder of its own for temporary files. Its group
 * is its own, too: what Ctrl-C on a terminal reaches.
 */
function startCommand(
  t: Test,
  folder: string,
  args: readonly string[],
  heard: RegExp
): Started & {
  heard: Promise<void>
} {
  const program = join(repositoryRoot, 'build/test/helpers/kubernetes/main.js')
  const child = spawn('/usr/bin/env', ['-u', 'NODE_OPTIONS', process.execPath, program, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, TMPDIR: folder },
    detached: true
  })
  t.teardown(() => child.kill('SIGKILL'))
  let said = ''
  const matched = new Promise<void>((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => {
        said += `${line}\n`
        t.comment(line)
        if (heard.test(line)) resolve()
      })
    }
    child.once('close', () => reject(new Error(`it never said ${String(heard)}: ${said}`)))
  })
  matched.catch(() => undefined)
  const ended = once(child, 'close').then(([code]) => code as number | null)
  return { child, said: () => said, ended, heard: matched }
}

async function temporaryFolder(t: Test): Promise<string> {
  // Short: the sockets of the cluster's containerd are below it, and a socket's path has at most 107 bytes.
  const folder = await mkdtemp(join(tmpdir(), 'own-'))
  // After a failure the cluster's guardian still removes its own folder in here.
  const retries = { maxRetries: 50, retryDelay: 100 }
  t.teardown(() => rm(folder, { recursive: true, force: true, ...retries }))
  return folder
}

test('npm run cluster: Secco runs from its image, each printed command works, nothing is left', {
  skip,
  timeout: 600_000
}, async (t) => {
  const folder = await temporaryFolder(t)
  const command = startCommand(t, folder, ['--once'], /^Ready/)
  await command.heard
  const places = placesOf(folder)
  t.ok(
    places.some(({ path }) => path.includes('/net/')),
    'a bridge'
  )
  const running = command.said()
  t.match(running, /^secco-system +secco-\w+-\w+ +1\/1 +Running /m, 'hub and webhook')
  t.match(running, /^secco-system +secco-satellite-\w+ +1\/1 +Running /m, 'the satellite')
  t.equal(await command.ended, 0)
  const said = command.said()
  t.match(said, /\$ secco profile approve web\.app/, 'the commands were run')
  t.match(said, /unshare denied errno 1/)
  t.match(said, /the whole chain works/)
  t.match(said, /"syscall":"keyctl"/)
  t.same(await readdir(folder), [], 'no temporary files')
  t.same(remaining(places), [], 'no cgroup and no bridge')
})

test('npm run cluster: Ctrl-C while it starts leaves nothing', {
  skip,
  timeout: 300_000
}, async (t) => {
  const folder = await temporaryFolder(t)
  const command = startCommand(t, folder, ['--without-secco'], /the API server serves/)
  await command.heard
  const places = placesOf(folder)
  t.ok(places.length > 1, 'something is there to be removed')
  const stopped = Date.now()
  process.kill(-(command.child.pid ?? 0), 'SIGINT')
  t.equal(await command.ended, 130)
  t.ok(Date.now() - stopped < 90_000, `${Date.now() - stopped} ms`)
  t.notMatch(command.said(), /^Ready|^error/m)
  t.match(command.said(), /^interrupted; nothing of the cluster is left$/m)
  t.same(await readdir(folder), [], 'no temporary files')
  t.same(remaining(places), [], 'no cgroup and no bridge')
})
