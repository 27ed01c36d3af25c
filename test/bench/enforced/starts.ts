import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { debianRootfs } from '../../helpers/debian-rootfs.js'
import { repositoryRoot } from '../../helpers/repository.js'
import type { ProofArgs, ProofResult } from '../proofs.js'
import { makeRig, profileOf } from './rig.js'
import { allPackages, servers } from './servers.js'

const startsPerCase = 100

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

interface StartRow {
  workload: string
  noNewPrivileges: boolean
  user: string
  starts: number
  right: number
}

/**
 * Starts under load: a profile that was learned in one run, and a start is right when the server comes
 * up and gives the right answers. `--rounds N` sets the starts of each case (default 100 here).
 */
export async function benchStarts(args: ProofArgs): Promise<ProofResult> {
  const work = await mkdtemp(join(tmpdir(), 'secco-starts-'))
  const rootfs = await debianRootfs(
    join(repositoryRoot, '.cache', 'debian'),
    'bookworm',
    allPackages
  )
  const starts = args.rounds === 3 ? startsPerCase : args.rounds
  const rows: StartRow[] = []
  const [server] = servers.filter(({ name }) => name === (args.only ?? 'python3'))
  if (server === undefined)
    throw new RangeError(`--only takes one of ${servers.map((s) => s.name).join(', ')}`)
  const busy = keepBusy()
  try {
    for (const { noNewPrivileges, uid } of cases) {
      const rig = await makeRig({
        ...{ work, server, rootfs, noNewPrivileges },
        suffix: `${noNewPrivileges ? 'nnp' : 'esc'}-${uid ?? 0}`,
        ...(uid === undefined ? {} : { uid })
      })
      const profile = profileOf(await rig.learn())
      let right = 0
      for (let at = 0; at < starts; at++) {
        if (await rig.tryUnder(profile)) right += 1
        if (at % 25 === 24) process.stderr.write(`starts: ${right} of ${at + 1} right\n`)
      }
      rows.push({
        workload: server.name,
        noNewPrivileges,
        user: uid === undefined ? 'root' : String(uid),
        starts,
        right
      })
    }
  } finally {
    for (const child of busy) child.kill('SIGKILL')
    await rm(work, { recursive: true, force: true })
  }
  const lines = rows.map(
    (row) =>
      `| ${row.workload} | ${String(row.noNewPrivileges)} | ${row.user} | ${row.starts} | ${row.right} |\n`
  )
  const head =
    '| workload | noNewPrivileges | user | starts, every core busy | right answers |\n| --- | --- | --- | --- | --- |\n'
  const text = args.json ? `${JSON.stringify(rows, null, 2)}\n` : head + lines.join('')
  return { text, holds: rows.every((row) => row.right === row.starts) }
}
