// What a killed test run leaves, and its removal: processes, containers, cgroups, clusters, mounts, pinned BPF programs,
// sockets of containerd's shims, and last the folder of the run. A thing is the run's if it lies in that folder or has its
// name as a mark; nothing else is touched.
import { spawnSync } from 'node:child_process'
import { existsSync, lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { rmdirSync, rmSync, unlinkSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { endProcesses } from './leftover-processes.mjs'

const cgroupRoot = '/sys/fs/cgroup'
const pinRoot = '/sys/fs/bpf'

const entries = (folder) => {
  try {
    return readdirSync(folder, { withFileTypes: true })
  } catch {
    return []
  }
}
const foldersIn = (folder) =>
  entries(folder)
    .filter((one) => one.isDirectory())
    .map(({ name }) => join(folder, name))
/** Returns a folder and all below it, the deepest first. */
const tree = (folder) => [...foldersIn(folder).flatMap(tree), folder]

/** Returns the mount points in a folder, in the order in which they can be unmounted. */
function mountsIn(folder) {
  const unescaped = (path) =>
    path.replace(/\\([0-7]{3})/g, (_, octal) => String.fromCharCode(parseInt(octal, 8)))
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .flatMap((line) => unescaped(line.split(' ')[4] ?? ''))
    .filter((target) => target.startsWith(`${folder}/`))
    .reverse()
}

/** Returns files of these names in a folder, without what is mounted there and what containers have as their files. */
function filesNamed(folder, names) {
  const wanted = names.flatMap((name) => ['-o', '-name', name]).slice(1)
  const inContainers = ['(', '-name', 'rootfs', '-o', '-path', '*/snapshots/*/fs', ')', '-prune']
  const args = [
    folder,
    '-xdev',
    ...inContainers,
    '-o',
    '-type',
    'f',
    '(',
    ...wanted,
    ')',
    '-print0'
  ]
  const { stdout } = spawnSync('find', args, { encoding: 'utf8', maxBuffer: 1 << 26 })
  // A bind mount can be of the same file system.
  const mounts = mountsIn(folder)
  return (stdout ?? '')
    .split('\0')
    .filter((path) => path !== '' && !mounts.some((mount) => path.startsWith(`${mount}/`)))
}

/** Returns what is made of a file's text. Undefined: it is gone, or nothing can be made of it. */
function parsed(path, parse = JSON.parse) {
  try {
    return parse(readFileSync(path, 'utf8'))
  } catch {
    return undefined
  }
}

/** Returns those of the cgroups in a state file that can be a container's own: no hierarchy's root, nothing outside. */
function groupsOf(state) {
  const roots = hierarchies()
  const texts = (values) => values.filter((one) => typeof one === 'string' && one !== '')
  const ofCrun = texts([state['cgroup-path']]).map((path) => resolve('/', path))
  return [
    ...texts(Object.values(state.cgroup_paths ?? {})).map((path) => resolve('/', path)),
    ...ofCrun.flatMap((path) => roots.map((root) => resolve(join(root, path))))
  ].filter((path) => roots.some((root) => path.startsWith(`${root}/`)) && existsSync(path))
}

/** Returns the containers whose state runc or crun keeps in the folder. What a file says is not proven. */
function containersIn(folder) {
  return filesNamed(folder, ['state.json', 'status']).flatMap((path) => {
    const state = parsed(path) ?? {}
    const [pid, start] =
      basename(path) === 'status'
        ? [state.pid, state['process-start-time']]
        : [state.init_process_pid, state.init_process_start]
    if (typeof pid !== 'number') return []
    return [{ id: basename(dirname(path)), pid, start: Number(start), groups: groupsOf(state) }]
  })
}

/** Returns the roots of the cgroup hierarchies, the unified one last. */
function hierarchies() {
  if (existsSync(join(cgroupRoot, 'cgroup.controllers'))) return [cgroupRoot]
  const isUnified = (path) => existsSync(join(path, 'cgroup.controllers'))
  const all = foldersIn(cgroupRoot)
  return [...all.filter((path) => !isUnified(path)), ...all.filter(isUnified)]
}

/** Returns the numbers of a run's clusters (test/helpers/kubernetes/ground.ts), and its other cgroups. */
function cgroupsOf(name) {
  const all = tree(cgroupRoot)
  const numberOf = (path) => /\/secco-cluster-(\d+)\/[^/]+$/.exec(path)?.[1]
  return {
    clusters: all.filter((path) => basename(path) === name).flatMap((path) => numberOf(path) ?? []),
    cgroups: all.filter((path) => basename(path).startsWith(`${name}-`))
  }
}

const cluster = (number) => hierarchies().map((root) => join(root, `secco-cluster-${number}`))

/** Returns the folders of pinned BPF programs: those that have the mark, and those of a state folder in the run's folder. */
function pinsOf({ name, folder }) {
  const isOfState = (path) => {
    try {
      return readlinkSync(join(path, 'state')).startsWith(`${folder}/`)
    } catch {
      return false
    }
  }
  return [
    ...foldersIn(pinRoot).filter((path) => basename(path).startsWith(`${name}-`)),
    ...foldersIn(join(pinRoot, 'secco-up')).filter(isOfState)
  ]
}

/** Returns the sockets that containerd's shims have outside of the folder; their addresses are files in it. */
function socketsOf(folder) {
  const address = /^unix:\/\/(\/run\/containerd\/s\/[0-9a-f]{64})$/
  const ofShim = /\/io\.containerd\.runtime\.v2\.task\/[^/]+\/[^/]+\/address$/
  const paths = filesNamed(folder, ['address'])
    .filter((path) => ofShim.test(path))
    .map((path) => parsed(path, (text) => address.exec(text)?.[1]))
  // The containers of a pod have one shim.
  return [...new Set(paths)].filter((path) => path !== undefined && existsSync(path))
}

/** Removes a cgroup with all below it. It takes a moment until the kernel has forgotten the last process. */
async function removeCgroup(path) {
  for (let tries = 0; existsSync(path); tries += 1) {
    try {
      for (const one of tree(path)) rmdirSync(one)
    } catch (error) {
      if (tries === 40) throw error
      await delay(50)
    }
  }
}

function executeWithin(timeout, command, ...args) {
  const { status, stderr, error } = spawnSync(command, args, { encoding: 'utf8', timeout })
  if (status !== 0) throw new Error(error?.message ?? stderr.trim())
}

const execute = (command, ...args) => executeWithin(10_000, command, ...args)

/** Removes a cluster: its cgroup in the unified hierarchy, which makes its number taken, comes last. */
async function removeCluster(number, name) {
  // It may have ended by itself, and another run have its number.
  if (!cgroupsOf(name).clusters.includes(number)) return
  const bridge = `secco${number}`
  if (existsSync(`/sys/class/net/${bridge}`)) execute('ip', 'link', 'delete', bridge)
  for (const path of cluster(number)) await removeCgroup(path)
}

/** Removes files and folders of a bpf file system: a link that is pinned nowhere and held by nobody is detached. */
function removePins(folder) {
  for (const path of tree(folder)) {
    for (const one of entries(path)) if (!one.isDirectory()) unlinkSync(join(path, one.name))
    rmdirSync(path)
  }
  // The folder of all state folders goes with the last one of them.
  if (dirname(folder) !== pinRoot && entries(dirname(folder)).length === 0)
    rmdirSync(dirname(folder))
}

async function removeFolder(folder) {
  for (let tries = 0; existsSync(folder); tries += 1) {
    const [mount] = mountsIn(folder)
    if (mount !== undefined) throw new Error(`${mount} is still mounted`)
    try {
      // Node's own removal would also empty what is mounted there meanwhile.
      executeWithin(120_000, 'rm', '-rf', '--one-file-system', '--', folder)
    } catch (error) {
      if (tries === 20) throw error
      await delay(50)
    }
  }
}

/**
 * Finds what an ended run left, except for processes.
 * @returns `{ run, containers, clusters, cgroups, mounts, pins, sockets }`
 */
export function findLeftovers(run) {
  return {
    run,
    containers: containersIn(run.folder),
    ...cgroupsOf(run.name),
    mounts: mountsIn(run.folder),
    pins: pinsOf(run),
    sockets: socketsOf(run.folder)
  }
}

/** Returns the steps that remove what was found, in their order: `[what, how, what a person does when it fails]`. */
function stepsFor({ run, containers, clusters, cgroups, mounts, pins, sockets }) {
  return [
    ...containers.map(({ id, groups }) => [
      `container ${id}`,
      async () => {
        for (const path of groups) await removeCgroup(path)
      },
      `look who is in its cgroup: cat ${groups[0]}/cgroup.procs`
    ]),
    ...clusters.map((number) => [
      `cluster ${number}: bridge secco${number} and its cgroups`,
      () => removeCluster(number, run.name),
      `ip link delete secco${number}; rmdir ${cgroupRoot}/*/secco-cluster-${number}`
    ]),
    ...cgroups.map((path) => [`cgroup ${path}`, () => removeCgroup(path), `rmdir ${path}`]),
    ...mounts.map((path) => [
      `mount ${path}`,
      () => execute('umount', '--lazy', path),
      `umount --lazy ${path}`
    ]),
    ...pins.map((path) => [`pins ${path}`, () => removePins(path), `rm -r ${path}`]),
    ...sockets.map((path) => [`socket ${path}`, () => rmSync(path, { force: true }), `rm ${path}`])
  ]
}

async function tryStep([what, remove, next]) {
  try {
    await remove()
    return { what }
  } catch (error) {
    return { what, problem: error.message, next }
  }
}

/**
 * Removes what an ended run left. The folder goes last, and only after everything else: by it the next run finds the rest.
 * @returns each thing as `{ what }`, with `problem` and `next` if it is still there
 */
export async function removeLeftovers(run) {
  const ownedNow = () => {
    const { clusters, cgroups } = cgroupsOf(run.name)
    return [...cgroups, ...clusters.flatMap(cluster)]
  }
  const { folder } = run
  const ended = await endProcesses({ folder, containers: containersIn(folder), ownedNow })
  const results = ended.map(({ pid, name, isLeft }) => ({
    what: `process ${pid} (${name})`,
    ...(isLeft && { problem: 'SIGKILL did not end it', next: `cat /proc/${pid}/stack` })
  }))
  // Processes may have made more until they ended, such as the rest of a container.
  for (const step of stepsFor(findLeftovers(run))) results.push(await tryStep(step))
  const isKept = results.some(({ problem }) => problem !== undefined)
  const remove = async () => {
    if (isKept) throw new Error('something else of the run is still there')
    return removeFolder(folder)
  }
  return [
    ...results,
    await tryStep([`folder ${folder}`, remove, 'remove the rest and run it again'])
  ]
}
