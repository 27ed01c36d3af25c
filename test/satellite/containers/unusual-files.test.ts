import { revisionPath } from '../../../src/api/names.js'
import { execFile } from 'node:child_process'
import { mkdir, rm, symlink, truncate, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { test } from 'tap'
import { openStateWatch } from '../../../native/state-watch.js'
import { runcRuntime } from '../../../satellite/containers/runc.js'
import { digestOf } from '../../../src/lib/digest.js'

const run = promisify(execFile)
const child = fileURLToPath(new URL('./file-reader-child.js', import.meta.url))
/** A reader that waits longer is killed. */
const waitMs = 20_000
/** Node with its modules takes less than half of that; the sparse file is four times as large. */
const memoryKib = 256 * 1024

const config = '{"annotations":{"a":"b"}}'
const digest = digestOf(Buffer.from(config))

/** Kinds of files, and how each is created. */
const kinds: [string, (path: string) => Promise<unknown>][] = [
  ['a plain file', (path) => writeFile(path, config, { mode: 0o644 })],
  ['nothing', () => Promise.resolve()],
  ['a FIFO', (path) => run('mkfifo', [path])],
  ['a directory', (path) => mkdir(path)],
  [
    'a link to a plain file',
    async (path) => {
      await writeFile(`${path}.other`, config)
      await symlink(`${path}.other`, path)
    }
  ],
  [
    'a link to a FIFO',
    async (path) => {
      await run('mkfifo', [`${path}.other`])
      await symlink(`${path}.other`, path)
    }
  ],
  ['a link to a device', (path) => symlink('/dev/zero', path)],
  ['a device', (path) => run('mknod', [path, 'c', '1', '5'])],
  [
    'a file of 1 GiB',
    async (path) => {
      await writeFile(path, config)
      await truncate(path, 2 ** 30)
    }
  ]
]

interface Reader {
  /** Path of the unusual file below the folder. */
  path: string
  /** The result for a regular file, for no file, and for anything else. */
  plain: unknown
  nothing: unknown
  other: unknown
  /** Other files that the folder needs. */
  prepare?: (folder: string) => Promise<void>
}

const stateOf = (bundle: string) =>
  JSON.stringify({ init_process_pid: 7, config: { labels: [`bundle=${bundle}`] } })

const readers: Record<string, Reader> = {
  'state config.json': {
    path: 'bundle/config.json',
    plain: { pid: 7, annotations: '{"a":"b"}' },
    nothing: { pid: 7, annotations: '' },
    other: { pid: 7, annotations: '' },
    prepare: (folder) => writeFile(join(folder, 'state.json'), stateOf(join(folder, 'bundle')))
  },
  'state state.json': { path: 'state.json', plain: null, nothing: null, other: null },
  'bundle config.json': { path: 'config.json', plain: { a: 'b' }, nothing: null, other: null },
  'disk revision': {
    path: revisionPath('shop', 'web', digest),
    plain: 'ok',
    nothing: 'missing',
    other: 'changed'
  },
  'installed revision': {
    path: revisionPath('shop', 'web', digest),
    plain: 1,
    nothing: 0,
    other: 0
  }
}

test('only regular files of a limited size are opened and read', async (t) => {
  const root = process.getuid?.() === 0
  for (const [name, reader] of Object.entries(readers)) {
    for (const [kind, put] of kinds) {
      if (kind === 'a device' && !root) {
        t.pass(`${name}: ${kind}`, { skip: 'only root makes one' })
        continue
      }
      const folder = join(t.testdir(), 'files')
      const path = join(folder, reader.path)
      await mkdir(dirname(path), { recursive: true })
      await put(path)
      await reader.prepare?.(folder)
      const args = [child, name.split(' ')[0] ?? '', folder, digest]
      const { stdout } = await run(process.execPath, args, {
        timeout: waitMs,
        killSignal: 'SIGKILL'
      }).catch((error: unknown) => ({
        stdout: JSON.stringify({ value: String(error), memory: 0 })
      }))
      const { value, memory } = JSON.parse(stdout) as { value: unknown; memory: number }
      const expected =
        kind === 'a plain file' ? reader.plain : kind === 'nothing' ? reader.nothing : reader.other
      t.strictSame(value, expected, `${name}: ${kind}`)
      t.ok(memory < memoryKib, `${name}: ${kind}: ${memory} KiB of memory`)
      await rm(folder, { recursive: true })
    }
  }
})

test("a container's bundle is the one that runc writes after the annotations", async (t) => {
  const folder = t.testdir()
  const root = join(folder, 'root')
  const bundles = ['own', 'other'].map((name) => join(folder, name))
  const [own = '', other = ''] = bundles
  for (const bundle of bundles) {
    await mkdir(bundle)
    await writeFile(
      join(bundle, 'config.json'),
      JSON.stringify({ annotations: { from: bundle, 'io.kubernetes.pod.name': bundle } })
    )
  }
  const table: [string, string[], string | undefined][] = [
    ['alone', [`bundle=${own}`], own],
    ['after an annotation of that name', [`bundle=${other}`, `bundle=${own}`], own],
    ['after two', [`bundle=${other}`, `bundle=${other}`, `bundle=${own}`], own],
    ['after others', ['a=b', `bundle=${other}`, 'c=bundle=x', `bundle=${own}`], own],
    ['after an annotation whose key goes on', [`bundle=${other}=x`, `bundle=${own}`], own],
    ['after an annotation with escapes', ['bundle="\\', `bundle=${own}`], own],
    [
      'before what only looks like one',
      [`bundle=${own}`, `bundles=${other}`, ` bundle=${other}`],
      own
    ],
    ['empty', [`bundle=${other}`, 'bundle='], undefined],
    ['of a relative path', [`bundle=${other}`, 'bundle=other'], undefined],
    ['none', ['a=b'], undefined]
  ]
  for (const [at, [what, labels, expected]] of table.entries()) {
    const id = `container-${at}`
    await mkdir(join(root, id), { recursive: true })
    const state = { init_process_pid: 7, config: { labels } }
    await writeFile(join(root, id, 'state.json'), JSON.stringify(state))
    const watch = openStateWatch([root])
    const read = watch.read(join(root, id))
    watch.close()
    const annotations = typeof read === 'object' ? read.annotations : undefined
    const from = annotations === '' ? undefined : annotations
    t.equal(
      from,
      expected && JSON.stringify({ from: expected, 'io.kubernetes.pod.name': expected }),
      what
    )
    const runtime = runcRuntime([root])
    const container = await runtime.byId(id)
    runtime.close?.()
    t.equal(container?.labels['from'], expected, `${what}: its labels`)
    t.equal(container?.bundle, expected, `${what}: as the satellite names it`)
  }
})
