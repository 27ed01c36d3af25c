import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { freePort } from '../helpers/child-program.js'
import type { LinuxSeccomp } from '../../src/api/seccomp-profile.js'
import { buildRootfs } from '../../cli/walk-through/rootfs.js'
import { runtimeDefault } from '../../src/seccomp/policy/runtime-default.js'
import { allowAll, idsOf } from './container-fleet.js'
import { type Neighbours, startNeighbours } from './neighbours.js'
import { callsIn, type Recorded, startRecorded } from './recorded.js'
import { runTraced } from './traced-run.js'
import { compiledWorkloads } from './workloads/compiled.js'
import { interpreters } from './workloads/interpreters.js'
import { servers } from './workloads/servers.js'
import { tools } from './workloads/tools.js'
import type { Place, Workload } from './workloads/workload.js'

/** Debian packages that the workloads' one root file system is made of; libraries come by themselves. */
const packages =
  `nginx nginx-common redis-server redis-tools postgresql-15 postgresql-client-15 sqlite3
dash python3.11-minimal libpython3.11-stdlib libsqlite3-0 libpam0g perl perl-base perl-modules-5.36 bash
coreutils grep sed gawk findutils tar gzip git
curl openssl busybox-static dpkg apt`.split(/\s+/)

/** A neighbour's mark that the workload makes itself proves nothing: so many others have to be left. */
const marksNeeded = 15

export interface CompletenessRow {
  workload: string
  /** Distinct calls (ABI and number) over all rounds. */
  strace: number
  ours: number
  missing: string[]
  foreign: string[]
  /**
   * Calls that strace counted, and names with another count in ours. A thread that is killed on its way
   * into a call passes sys_exit with that number, and never stops for a tracer: one more in ours then.
   */
  calls: number
  countsDiffer: string[]
  rounds: number
  /** Why a round proves nothing: the workload did not do its work, or the two could not be compared. */
  failed: string[]
}

export interface Comparison {
  missing: string[]
  foreign: string[]
  countsDiffer: string[]
}

/** Ours against strace's; both observed the same run. */
export function compare(
  strace: ReadonlyMap<string, number>,
  ours: ReadonlyMap<string, number>
): Comparison {
  return {
    missing: [...strace.keys()].filter((key) => !ours.has(key)).sort(),
    foreign: [...ours.keys()].filter((key) => !strace.has(key)).sort(),
    countsDiffer: [...strace]
      .filter(([key, count]) => ours.has(key) && ours.get(key) !== count)
      .map(([key, count]) => `${key} ${count} ours ${ours.get(key) ?? 0}`)
  }
}

/** What the three rounds run under: nothing denied; the runtimes' default; that with Kubernetes' default of privileges. */
const filters: readonly { seccomp: LinuxSeccomp; noNewPrivileges: boolean }[] = [
  { seccomp: allowAll, noNewPrivileges: true },
  { seccomp: runtimeDefault(), noNewPrivileges: true },
  { seccomp: runtimeDefault(), noNewPrivileges: false }
]

async function servePage(): Promise<{ server: Server; url: string }> {
  const server = createServer((_request, response) => response.end('a page\n'))
  server.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` }
}

interface Bench {
  folder: string
  root: string
  rootfs: string
  recorded: Recorded
  neighbours: Neighbours
  page: string
  idOf: (n: number) => string
}

let runs = 0

async function compareRun(bench: Bench, workload: Workload, round: number) {
  const place: Place = { port: await freePort(), page: bench.page }
  const filter = filters[round % filters.length] ?? { seccomp: allowAll, noNewPrivileges: true }
  runs += 1
  const id = bench.idOf(runs)
  const folder = join(bench.folder, id)
  const { root, rootfs } = bench
  const strace = await runTraced({ workload, place, folder, root, rootfs, id, ...filter })
  const observations = await bench.recorded.ended(id)
  if (!observations.every(({ complete }) => complete)) throw new Error(`${id} is not complete`)
  const left = [...bench.neighbours.marks].filter((key) => !strace.has(key))
  if (left.length < marksNeeded)
    throw new Error(`${workload.name} makes the neighbours' calls itself`)
  await rm(folder, { recursive: true, force: true })
  return { strace, ours: callsIn(observations) }
}

async function measure(bench: Bench, workload: Workload, rounds: number): Promise<CompletenessRow> {
  const row: CompletenessRow = {
    workload: workload.name,
    strace: 0,
    ours: 0,
    missing: [],
    foreign: [],
    calls: 0,
    countsDiffer: [],
    rounds,
    failed: []
  }
  const [all, own] = [new Set<string>(), new Set<string>()]
  for (let round = 0; round < rounds; round += 1) {
    const run = await compareRun(bench, workload, round).catch((error: unknown) => {
      row.failed.push(error instanceof Error ? error.message : String(error))
    })
    if (run === undefined) continue
    const { strace, ours } = run
    const { missing, foreign, countsDiffer } = compare(strace, ours)
    for (const key of strace.keys()) all.add(key)
    for (const key of ours.keys()) own.add(key)
    row.calls += [...strace.values()].reduce((sum, count) => sum + count, 0)
    row.missing.push(...missing)
    row.foreign.push(...foreign)
    row.countsDiffer.push(...countsDiffer)
  }
  return { ...row, strace: all.size, ours: own.size }
}

/** Did the neighbours do what they are there for, and was it recorded as theirs? */
function checkNeighbours(bench: Bench, seen: ReadonlyMap<string, number>): void {
  const unseen = [...bench.neighbours.marks].filter((key) => (seen.get(key) ?? 0) < 100)
  if (unseen.length > 0) throw new Error(`the neighbours were not busy with ${unseen.join(', ')}`)
  if (bench.neighbours.lives() < 3) throw new Error('no neighbour came and went')
}

/** Every workload, or those whose name contains `only`, against strace. */
export async function completeness(
  rounds: number,
  say: (line: string) => void,
  only = ''
): Promise<{ rows: CompletenessRow[]; lives: number }> {
  const cache = join(homedir(), '.cache/secco')
  const rootfs = await buildRootfs(cache, packages, say)
  // runc gives a tmpfs the mode of the folder that it covers.
  await chmod(join(rootfs, 'tmp'), 0o1777)
  const folder = await mkdtemp(join(tmpdir(), 'secco-complete-'))
  const compiled = await compiledWorkloads(join(folder, 'programs'))
  const root = join(folder, 'runc')
  const idOf = idsOf('complete')
  const own = idOf(0).replace(/0$/, '')
  const recorded = await startRecorded(root, (id) => id.startsWith(own))
  const page = await servePage()
  const neighbours = await startNeighbours(join(folder, 'neighbours'), root, `${own}n`)
  const bench: Bench = { folder, root, rootfs, recorded, neighbours, page: page.url, idOf }
  try {
    const rows: CompletenessRow[] = []
    for (const workload of [...servers, ...interpreters, ...tools, ...compiled]) {
      if (!workload.name.includes(only)) continue
      say(`completeness: ${workload.name}`)
      rows.push(await measure(bench, workload, rounds))
    }
    const busy = (await recorded.loop.current()).filter(({ container }) =>
      Object.values(neighbours.ids).includes(container?.id ?? '')
    )
    if (busy.length !== 2) throw new Error(`${busy.length} of 2 neighbours were recorded`)
    for (const one of busy) checkNeighbours(bench, callsIn([one]))
    return { rows, lives: neighbours.lives() }
  } finally {
    page.server.close()
    await neighbours.close()
    await recorded.close()
    await rm(folder, { recursive: true, force: true })
  }
}

function line(row: CompletenessRow): string {
  const list = (names: readonly string[]): string =>
    names.length === 0 ? '0' : `${names.length}: ${names.join(', ')}`
  const { workload, strace, ours, calls, countsDiffer, rounds, failed } = row
  if (failed.length > 0) return `| ${workload} | failed: ${failed.join('; ')} |`
  const cells = [workload, strace, ours, list(row.missing), list(row.foreign), rounds, calls]
  return `| ${[...cells, list(countsDiffer)].join(' | ')} |`
}

/** `bench completeness [--rounds N]`. */
export async function benchCompleteness(args: {
  rounds: number
  json: boolean
  only?: string
}): Promise<{ text: string; holds: boolean }> {
  const say = (text: string): void => {
    process.stderr.write(`${text}\n`)
  }
  const { rows, lives } = await completeness(args.rounds, say, args.only)
  const head = [
    '| workload | calls in strace | ours | missing | foreign | rounds | times called | counts that differ |',
    '| --- | --- | --- | --- | --- | --- | --- | --- |'
  ]
  say(`${rows.length} workloads; a neighbour came and went ${lives} times meanwhile`)
  const text = args.json
    ? JSON.stringify(rows, undefined, 2)
    : [...head, ...rows.map(line)].join('\n')
  const holds = rows.every(
    ({ missing, foreign, failed }) => missing.length + foreign.length + failed.length === 0
  )
  return { text: `${text}\n`, holds }
}
