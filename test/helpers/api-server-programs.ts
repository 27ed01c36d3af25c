import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  accessSync,
  constants,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync
} from 'node:fs'
import { homedir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import process from 'node:process'
import { repositoryRoot } from './repository.js'

/** Paths of a real control plane's programs. `kubectl` is there when the folder that was found has it. */
export interface ApiServerPrograms {
  etcd: string
  apiServer: string
  kubectl?: string
  /** Where they come from, for the log. */
  source: string
}

/** What a real node needs beside them: the same binary under other names. */
export interface NodePrograms extends ApiServerPrograms {
  controllerManager: string
  scheduler: string
  kubelet: string
  kubectl: string
}

/** Either the programs or a true reason to skip. */
type FoundApiServer =
  | { programs: ApiServerPrograms; skip?: undefined }
  | { skip: string; programs?: undefined }

/** What Kubernetes 1.34's go.mod asks for. */
const neededGo = [1, 24] as const
const kubernetesVersion = 'v1.34.4'

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

function inFolder(folder: string, source: string): ApiServerPrograms | undefined {
  const etcd = join(folder, 'etcd')
  const apiServer = join(folder, 'kube-apiserver')
  if (!isProgram(etcd) || !isProgram(apiServer)) return undefined
  const kubectl = join(folder, 'kubectl')
  return { etcd, apiServer, source, ...(isProgram(kubectl) ? { kubectl } : {}) }
}

/** Names that the one binary of test/cluster goes by. */
const names = [
  'etcd',
  'kube-apiserver',
  'kube-controller-manager',
  'kube-scheduler',
  'kubelet',
  'kubectl'
]

/** Links for every name; a build of an earlier time may lack some. */
function linkNames(folder: string): void {
  for (const name of names) {
    try {
      symlinkSync('cluster', join(folder, name))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
  }
}

function onPath(name: string, path: string): string | undefined {
  return path
    .split(delimiter)
    .map((folder) => join(folder, name))
    .find((candidate) => isProgram(candidate))
}

/** Folder of this module's build: the same sources give the same folder, changed ones another. */
function cacheFolder(env: NodeJS.ProcessEnv): string {
  const hash = createHash('sha256')
  for (const name of ['go.mod', 'go.sum', 'main.go']) {
    hash.update(readFileSync(join(repositoryRoot, 'test/cluster', name)))
  }
  const xdg = env['XDG_CACHE_HOME']
  const cache = xdg === undefined || xdg === '' ? join(homedir(), '.cache') : xdg
  return join(cache, 'secco', `api-server-${hash.digest('hex').slice(0, 16)}`)
}

/** Says what stands in the way of a build, or nothing. */
function whyNotBuild(): string | undefined {
  const asked = spawnSync('go', ['env', 'GOVERSION'], { encoding: 'utf8', cwd: '/' })
  if (asked.status !== 0) {
    return `no kube-apiserver in KUBEBUILDER_ASSETS, on PATH or in the cache, and no go to build one with`
  }
  const [, major, minor] = /^go(\d+)\.(\d+)/.exec(asked.stdout.trim()) ?? []
  const [wantMajor, wantMinor] = neededGo
  const tooOld =
    Number(major) < wantMajor || (Number(major) === wantMajor && Number(minor) < wantMinor)
  if (major === undefined || tooOld) {
    const found = `${asked.stdout.trim()} is too old to build one (${wantMajor}.${wantMinor} or later)`
    return `no kube-apiserver in KUBEBUILDER_ASSETS, on PATH or in the cache, and ${found}`
  }
  return undefined
}

/** Compiles test/cluster into `folder` (atomically, once however many ask). Minutes the first time; Go's own cache shortens later ones. */
async function build(
  folder: string,
  say: (line: string) => void,
  signal?: AbortSignal
): Promise<string | undefined> {
  mkdirSync(dirname(folder), { recursive: true })
  const temporary = mkdtempSync(`${folder}.building-`)
  const version = 'k8s.io/component-base/version'
  const flags = `-s -w -X ${version}.gitVersion=${kubernetesVersion} -X ${version}.gitMajor=1 -X ${version}.gitMinor=34`
  linkNames(temporary)
  const started = Date.now()
  const seconds = (): number => Math.round((Date.now() - started) / 1000)
  say('building etcd and kube-apiserver from test/cluster with go: some minutes, once per machine')
  const ticker = setInterval(() => say(`still building, ${seconds()} s`), 30_000)
  try {
    const child = spawn(
      // Test files run side by side: the first builds, the others wait for its result.
      'flock',
      [
        `${folder}.lock`,
        'sh',
        '-c',
        '[ -e "$1/cluster" ] || { nice go build -trimpath -buildvcs=false -gcflags=all=-dwarf=false ' +
          '-ldflags "$2" -o "$3/cluster" . && mv -T "$3" "$1"; }',
        'build',
        folder,
        flags,
        temporary
      ],
      {
        cwd: join(repositoryRoot, 'test/cluster'),
        env: {
          ...process.env,
          CGO_ENABLED: '0',
          GOFLAGS: '-mod=readonly',
          GOWORK: 'off',
          // Of the compilers' time a good part is collection of memory, and they need little of it.
          GOGC: '400',
          // An interrupted go leaves its folder behind: it goes with ours.
          GOTMPDIR: temporary
        },
        stdio: ['ignore', 'ignore', 'pipe'],
        // A group of its own can be ended as a whole; without a signal Ctrl-C has to reach it.
        detached: signal !== undefined
      }
    )
    const end = (): void => {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGINT')
    }
    signal?.addEventListener('abort', end)
    let errors = ''
    child.stderr
      .setEncoding('utf8')
      .on('data', (chunk: string) => (errors = (errors + chunk).slice(-4000)))
    const code = await new Promise<number>((done) => {
      child.on('error', (error) => {
        errors += error.message
        done(1)
      })
      child.on('close', (status) => done(status ?? 1))
    })
    signal?.removeEventListener('abort', end)
    signal?.throwIfAborted()
    if (code !== 0) {
      const last = errors.trim().split('\n').slice(-3).join(' | ')
      return `building kube-apiserver with go failed: ${last}`
    }
    say(`built in ${seconds()} s`)
    return undefined
  } finally {
    clearInterval(ticker)
    rmSync(temporary, { recursive: true, force: true })
  }
}

/**
 * Finds etcd and kube-apiserver: KUBEBUILDER_ASSETS, then PATH, then the cache keyed by the module's
 * digest, else builds them when a fitting `go` is there (minutes; a line every 30 s through `say`).
 */
export async function findApiServer(
  say: (line: string) => void = (line) => process.stderr.write(`api server: ${line}\n`),
  env: NodeJS.ProcessEnv = process.env
): Promise<FoundApiServer> {
  const assets = env['KUBEBUILDER_ASSETS']
  if (assets !== undefined && assets !== '') {
    const programs = inFolder(assets, 'KUBEBUILDER_ASSETS')
    if (programs !== undefined) return { programs }
    say('KUBEBUILDER_ASSETS has no etcd and kube-apiserver: looking further')
  }
  const path = env['PATH'] ?? ''
  const etcd = onPath('etcd', path)
  const apiServer = onPath('kube-apiserver', path)
  if (etcd !== undefined && apiServer !== undefined) {
    const kubectl = onPath('kubectl', path)
    return {
      programs: { etcd, apiServer, source: 'PATH', ...(kubectl === undefined ? {} : { kubectl }) }
    }
  }
  return await cachedOrBuilt(say, env)
}

async function cachedOrBuilt(
  say: (line: string) => void,
  env: NodeJS.ProcessEnv,
  signal?: AbortSignal
): Promise<FoundApiServer> {
  const folder = cacheFolder(env)
  const cached = inFolder(folder, 'cache')
  if (cached !== undefined) return { programs: cached }
  const skip = whyNotBuild() ?? (await build(folder, say, signal))
  if (skip !== undefined) return { skip }
  const built = inFolder(folder, 'built')
  return built === undefined ? { skip: `the build left nothing in ${folder}` } : { programs: built }
}

/**
 * Finds what a whole cluster with a real node is made of: KUBEBUILDER_ASSETS when it has all six
 * programs, else the cache or the build of test/cluster, which always have.
 * @param signal ends the build and rejects with its reason
 */
export async function findNodePrograms(
  say: (line: string) => void = (line) => process.stderr.write(`cluster: ${line}\n`),
  env: NodeJS.ProcessEnv = process.env,
  signal?: AbortSignal
): Promise<{ programs: NodePrograms; skip?: undefined } | { skip: string; programs?: undefined }> {
  const assets = env['KUBEBUILDER_ASSETS']
  if (assets !== undefined && names.every((name) => isProgram(join(assets, name)))) {
    return { programs: nodePrograms(assets, 'KUBEBUILDER_ASSETS') }
  }
  const found = await cachedOrBuilt(say, env, signal)
  if (found.programs === undefined) return found
  const folder = dirname(found.programs.apiServer)
  linkNames(folder)
  return { programs: nodePrograms(folder, found.programs.source) }
}

function nodePrograms(folder: string, source: string): NodePrograms {
  return {
    etcd: join(folder, 'etcd'),
    apiServer: join(folder, 'kube-apiserver'),
    controllerManager: join(folder, 'kube-controller-manager'),
    scheduler: join(folder, 'kube-scheduler'),
    kubelet: join(folder, 'kubelet'),
    kubectl: join(folder, 'kubectl'),
    source
  }
}
