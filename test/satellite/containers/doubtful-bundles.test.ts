import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, chown, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { test } from 'tap'
import { openStateWatch } from '../../../native/state-watch.js'
import { placeOf } from '../../../satellite/containers/bundle-place.js'
import { runcRuntime } from '../../../satellite/containers/runc.js'
import { hex } from '../../helpers/container-facts.js'
import { makeBundle, makeRootfs } from '../../helpers/runc-bundle.js'

const run = promisify(execFile)
const isRoot = process.getuid?.() === 0
const other = hex.replace(/^./, 'f')

interface Read {
  doubt: string
  annotations: string
  privileged: boolean | undefined
  name: string | undefined
  runtime: string | undefined
}

/** Reads a state that names a bundle, in both ways in which the satellite reads it. */
async function readWith(root: string, id: string, bundle: string): Promise<Read> {
  await mkdir(join(root, id), { recursive: true })
  const state = { init_process_pid: 7, config: { labels: [`bundle=${bundle}`] } }
  await writeFile(join(root, id, 'state.json'), JSON.stringify(state))
  const watch = openStateWatch([root])
  const read = watch.read(join(root, id))
  watch.close()
  const runtime = runcRuntime([root])
  const container = await runtime.byId(id)
  runtime.close?.()
  await rm(join(root, id), { recursive: true })
  if (typeof read !== 'object') throw new Error('no state')
  const { doubt, annotations } = read
  const { privileged, name, runtime: shown } = container ?? {}
  return { doubt, annotations, privileged, name, runtime: shown }
}

const etcd = { 'io.kubernetes.container.name': 'etcd' }

test('a bundle counts only where a runtime of the node writes that of this container', {
  skip: isRoot ? false : 'only root can make the folders of others'
}, async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'secco-places-'))
  t.teardown(() => rm(folder, { recursive: true }))
  const task = 'io.containerd.runtime.v2.task'
  const storage = 'storage/overlay-containers'
  const table: [string, string, '' | 'bundle', ((path: string) => Promise<unknown>)?][] = [
    ['of runc by hand', 'by-hand', ''],
    ["containerd's own", `${task}/k8s.io/${hex}`, ''],
    ["containerd 1.x's own", `io.containerd.runtime.v1.linux/k8s.io/${hex}`, ''],
    ["another container's", `${task}/k8s.io/${other}`, 'bundle'],
    ['in the own root file system', `${task}/k8s.io/${hex}/rootfs/${hex}`, 'bundle'],
    ["in another's root file system", `${task}/k8s.io/${other}/rootfs/b`, 'bundle'],
    ["containerd's folder itself", `${task}/k8s.io`, 'bundle'],
    ["podman's own", `${storage}/${hex}/userdata`, ''],
    ['of runc by hand, in a folder that is named like one of podman', 'my-containers/web', ''],
    ["podman's, another container's", `${storage}/${other}/userdata`, 'bundle'],
    ["podman's, a folder in it", `${storage}/${hex}/userdata/shm`, 'bundle'],
    ['in a merged root file system', `overlay/${hex}/merged/b`, 'bundle'],
    ['in a layer', `overlay/${hex}/diff/b`, 'bundle'],
    ['in a snapshot', 'snapshots/12/fs/b', 'bundle'],
    ['in a volume of a pod', 'kubelet/pods/u-1/volumes/empty/b', 'bundle'],
    ['in a folder that everybody writes', 'open/b', 'bundle', (at) => chmod(dirname(at), 0o777)],
    ['that everybody writes', 'b2', 'bundle', (at) => chmod(at, 0o777)],
    ['of another user', 'b3', 'bundle', (at) => chown(at, 1000, 1000)],
    ['in a folder of another user', 'home/b', 'bundle', (at) => chown(dirname(at), 1000, 1000)],
    [
      'of a group that writes',
      'b4',
      'bundle',
      (at) => chown(at, 0, 1000).then(() => chmod(at, 0o775))
    ],
    ['in a sticky folder', 'tmp/b', '', (at) => chmod(dirname(at), 0o1777)]
  ]
  for (const [what, path, doubt, change] of table) {
    const bundle = join(folder, path)
    await mkdir(bundle, { recursive: true, mode: 0o755 })
    await writeFile(join(bundle, 'config.json'), JSON.stringify({ annotations: etcd }))
    await change?.(bundle)
    const read = await readWith(join(folder, 'roots'), hex, bundle)
    t.equal(read.doubt, doubt, what)
    t.equal(placeOf(bundle, hex), doubt === '' ? 'own' : 'foreign', `${what}: under crun`)
    t.equal(read.annotations, doubt === '' ? JSON.stringify(etcd) : '', `${what}: what is read`)
    if (doubt === '') continue
    t.match(read, { name: hex, runtime: 'unknown' }, `${what}: who it is`)
    await rm(join(folder, path.split('/')[0] ?? ''), { recursive: true })
  }
  await mkdir(join(folder, 'real'))
  await writeFile(join(folder, 'real/config.json'), JSON.stringify({ annotations: etcd }))
  await symlink(join(folder, 'real'), join(folder, 'link'))
  const odd: [string, string, string][] = [
    ['a link', join(folder, 'link'), 'bundle'],
    ['a path with ..', `${folder}/real/../real`, 'bundle'],
    ['a path with an empty name', `${folder}//real`, 'bundle'],
    ['the files of a process', `/proc/self/root${folder}/real`, 'bundle'],
    ['a descriptor of a process', '/proc/self/cwd', 'bundle'],
    ['nothing there', join(folder, 'nothing'), '']
  ]
  for (const [what, bundle, doubt] of odd) {
    const read = await readWith(join(folder, 'roots'), hex, bundle)
    t.match(read, { doubt, annotations: '' }, what)
    t.equal(placeOf(bundle, hex), doubt === '' ? 'gone' : 'foreign', `${what}: under crun`)
  }
})

const bounding = '["CAP_SYS_ADMIN","CAP_SYS_MODULE","CAP_SYS_RAWIO","CAP_SYS_BOOT"]'

/**
 * Configurations that two parsers can read differently; `DATA` is the rest of the members of that object. runc reads
 * them with encoding/json of Go.
 */
const variants: [string, (config: string) => string][] = [
  ['as it is', (config) => config],
  ['annotations twice', (config) => insert(config, '"annotations":{"who":"other"}')],
  ['annotations in another case', (config) => insert(config, '"ANNOTATIONS":{"who":"other"}')],
  [
    'annotations by a Kelvin sign',
    (config) => append(config, '"annotation\u017f":{"who":"other"}')
  ],
  ['annotations with an escape', (config) => append(config, '"\\u0061nnotations":{"who":"other"}')],
  ['annotations in another case at the end', (c) => append(c, '"Annotations":{"who":"other"}')],
  ['annotations again at the end', (config) => append(config, '"annotations":{"who":"other"}')],
  ['linux twice', (config) => insert(config, '"linux":{"maskedPaths":[]}')],
  ['linux again at the end', (config) => append(config, '"linux":{"maskedPaths":[]}')],
  ['Linux at the end', (config) => append(config, '"Linux":{"maskedPaths":[]}')],
  [
    'capabilities twice',
    (config) => config.replace('"process":{', `"process":{"capabilities":{"bounding":${bounding}},`)
  ],
  [
    'bounding in another case',
    (config) => config.replace('"capabilities":{', `"capabilities":{"Bounding":${bounding},`)
  ],
  [
    'seccomp twice',
    (config) => config.replace('"linux":{', '"linux":{"seccomp":{"defaultAction":"SCMP_ACT_LOG"},')
  ],
  [
    'a default action in another case',
    (c) => c.replace('"seccomp":{', '"seccomp":{"DefaultAction":"SCMP_ACT_LOG",')
  ],
  [
    'a rule with two actions',
    (config) =>
      config.replace(
        '"syscalls":[',
        '"syscalls":[{"names":["acct"],"action":"SCMP_ACT_ALLOW","Action":"SCMP_ACT_ERRNO"},'
      )
  ]
]

const insert = (config: string, member: string): string => config.replace('{', `{${member},`)
const append = (config: string, member: string): string => config.replace(/\}$/, `,${member}}`)

test('a configuration that runc may read differently is not believed', {
  skip: isRoot ? false : 'not root: runc cannot run here'
}, async (t) => {
  const rootfs = await makeRootfs()
  const root = await mkdtemp(join(tmpdir(), 'secco-runc-'))
  const bundles: string[] = []
  t.teardown(async () => {
    for (const path of [dirname(rootfs), root, ...bundles]) await rm(path, { recursive: true })
  })
  for (const [at, [what, change]] of variants.entries()) {
    const id = `secco-variant-${process.pid}-${at}`
    const bundle = await makeBundle(rootfs, {
      args: ['/probe', 'wait'],
      annotations: { who: 'own' },
      seccomp: {
        defaultAction: 'SCMP_ACT_ALLOW',
        syscalls: [{ names: ['reboot'], action: 'SCMP_ACT_ERRNO' }]
      }
    })
    bundles.push(bundle)
    const path = join(bundle, 'config.json')
    await writeFile(path, change(await readFile(path, 'utf8')))
    // Without pipes: the container would keep them open.
    const create = spawn('runc', ['--root', root, 'create', '--bundle', bundle, id], {
      stdio: 'ignore'
    })
    const [code] = (await once(create, 'exit')) as [number]
    if (code !== 0) {
      t.not(what, 'as it is')
      t.pass(`${what}: runc does not accept it`)
      continue
    }
    const state = JSON.parse((await run('runc', ['--root', root, 'state', id])).stdout) as {
      annotations?: Record<string, string>
    }
    const runtime = runcRuntime([root])
    const container = await runtime.byId(id)
    runtime.close?.()
    await run('runc', ['--root', root, 'delete', '--force', id])
    const ours = container?.doubt === undefined ? container?.labels['who'] : undefined
    const theirs = state.annotations?.['who']
    t.comment(`${what}: runc ${theirs ?? 'none'}, Secco ${ours ?? 'no identity'}`)
    if (what === 'as it is') t.strictSame([ours, theirs], ['own', 'own'], what)
    else t.match(container, { doubt: /ambiguous/, labels: {}, name: id, runtime: 'unknown' }, what)
    t.ok(ours === undefined || ours === theirs, `${what}: never another answer than runc's`)
  }
})
