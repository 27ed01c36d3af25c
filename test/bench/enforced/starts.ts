import { type ChildProcess, spawn } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import type { LinuxSeccomp } from '../../../src/api/seccomp-profile.js'
import { debianRootfs } from '../../helpers/debian-rootfs.js'
import { repositoryRoot } from '../../helpers/repository.js'
import type { ProofArgs, ProofResult } from '../proofs.js'
import { makeRig, profileOf, type Rig } from './rig.js'
import { allPackages, servers } from './servers.js'

const startsPerCase = 100
/** Containers that start at a time: a start mostly waits. */
const atOnce = 4

/** noNewPrivileges and user: what makes the runtime's last steps differ. */
const cases = [
  { noNewPrivileges: true, uid: undefined },
  { noNewPrivileges: true, uid: 65534 },
  { noNewPrivileges: false, uid: undefined },
  { noNewPrivileges: false, uid: 65534 }
] as const

function keepBusy(): ChildProcess[] {
  return cpus().map(() => spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' }))
}

/** One case as far as it has come; kept between runs, with the profile of its one learning run. */
interface Progress {
  workload: string
  noNewPrivileges: boolean
  user: string
  profile: LinuxSeccomp
  starts: number
  right: number
}

const stateFile = (workload: string) =>
  join(repositoryRoot, '.cache', 'bench', `starts-${workload}.json`)

async function readProgress(workload: string): Promise<Progress[]> {
  const text = await readFile(stateFile(workload), 'utf8').catch(() => '[]')
  return JSON.parse(text) as Progress[]
}

async function keepProgress(workload: string, rows: readonly Progress[]): Promise<void> {
  const file = stateFile(workload)
  await mkdir(join(file, '..'), { recursive: true })
  await writeFile(`${file}.new`, JSON.stringify(rows))
  await rename(`${file}.new`, file)
}

/** Starts a case until it has `starts` or the time is out, several containers at a time. */
async function goOn(
  row: Progress,
  rigs: readonly Rig[],
  starts: number,
  deadline: number,
  keep: () => Promise<void>
): Promise<void> {
  let begun = row.starts
  await Promise.all(
    rigs.map(async (rig) => {
      while (begun < starts && Date.now() < deadline) {
        begun += 1
        const right = await rig.tryUnder(row.profile)
        row.starts += 1
        if (right) row.right += 1
        if (row.starts % 10 === 0) {
          process.stderr.write(`starts: ${row.right} of ${row.starts} right\n`)
        }
      }
    })
  )
  await keep()
}

/**
 * Starts under load: a profile that was learned in one run, and a start is right when the server comes
 * up and gives the right answers. `--rounds N` sets the starts of each case (default 100 here), `--minutes N`
 * ends a run early; the next one goes on where it ended (.cache/bench; deleted when all is done).
 */
export async function benchStarts(args: ProofArgs): Promise<ProofResult> {
  const deadline = Date.now() + args.minutes * 60_000
  const [server] = servers.filter(({ name }) => name === (args.only ?? 'python3'))
  if (server === undefined)
    throw new RangeError(`--only takes one of ${servers.map((s) => s.name).join(', ')}`)
  const work = await mkdtemp(join(tmpdir(), 'secco-starts-'))
  const cache = join(repositoryRoot, '.cache', 'debian')
  const rootfs = await debianRootfs(cache, 'bookworm', allPackages)
  const starts = args.rounds === 3 ? startsPerCase : args.rounds
  const rows = await readProgress(server.name)
  const busy = keepBusy()
  try {
    for (const { noNewPrivileges, uid } of cases) {
      if (Date.now() > deadline) break
      const user = uid === undefined ? 'root' : String(uid)
      const rig = (suffix: string) =>
        makeRig({
          ...{ work, server, rootfs, noNewPrivileges },
          suffix: `${noNewPrivileges ? 'nnp' : 'esc'}-${user}-${suffix}`,
          ...(uid === undefined ? {} : { uid })
        })
      let row = rows.find((one) => one.noNewPrivileges === noNewPrivileges && one.user === user)
      if (row === undefined) {
        const profile = profileOf(await (await rig('learn')).learn())
        row = { workload: server.name, noNewPrivileges, user, profile, starts: 0, right: 0 }
        rows.push(row)
      }
      if (row.starts >= starts) continue
      const rigs = await Promise.all(
        Array.from({ length: atOnce }, async (_, at) => rig(String(at)))
      )
      await goOn(row, rigs, starts, deadline, () => keepProgress(server.name, rows))
    }
  } finally {
    for (const child of busy) child.kill('SIGKILL')
    await rm(work, { recursive: true, force: true })
  }
  const complete = rows.length === cases.length && rows.every((row) => row.starts >= starts)
  if (complete) await rm(stateFile(server.name), { force: true })
  const lines = rows.map(
    (row) =>
      `| ${row.workload} | ${String(row.noNewPrivileges)} | ${row.user} | ${row.starts} | ${row.right} |\n`
  )
  const head =
    '| workload | noNewPrivileges | user | starts, every core busy | right answers |\n| --- | --- | --- | --- | --- |\n'
  const rest = complete ? '' : `\nnot finished (${starts} of each): run it again to go on\n`
  const plain = rows.map((row) => ({ ...row, profile: undefined }))
  const text = args.json ? `${JSON.stringify(plain, null, 2)}\n` : head + lines.join('') + rest
  return { text, holds: complete && rows.every((row) => row.right === row.starts) }
}
