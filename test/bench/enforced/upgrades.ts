import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { debianRootfs, type Suite } from '../../helpers/debian-rootfs.js'
import { repositoryRoot } from '../../helpers/repository.js'
import type { ProofArgs, ProofResult } from '../proofs.js'
import { makeRig, namesOnly, profileOf } from './rig.js'
import { allPackages, servers } from './servers.js'

interface Row {
  workload: string
  from: Suite
  to: Suite
  /** Calls in the trace. */
  learned: number
  serves: boolean
  namesOnlyServes: boolean
}

const ways: readonly (readonly [Suite, Suite])[] = [
  ['bookworm', 'trixie'],
  ['trixie', 'bookworm']
]

function table(rows: readonly Row[]): string {
  const lines = rows.map(
    (row) =>
      `| ${row.workload} | ${row.from} → ${row.to} | ${row.learned} | ${row.serves ? 'serves' : 'FAILS'} | ${row.namesOnlyServes ? 'serves' : 'fails'} |\n`
  )
  const failed = rows.filter(({ serves }) => !serves).length
  const others = rows.filter(({ namesOnlyServes }) => !namesOnlyServes).length
  return [
    '| workload | learned on → enforced on | calls learned | our profile | names only, EPERM |\n| --- | --- | --- | --- | --- |\n',
    ...lines,
    `\n${failed} of ${rows.length} fail with our profile, ${others} of ${rows.length} with the names alone\n`
  ].join('')
}

/**
 * Profiles that are learned on one Debian release and enforced on the next, and the way back. The last
 * column is what a plain list of the same names would do.
 */
export async function benchUpgrades(args: ProofArgs): Promise<ProofResult> {
  const cache = join(repositoryRoot, '.cache', 'debian')
  const work = await mkdtemp(join(tmpdir(), 'secco-upgrades-'))
  const rows: Row[] = []
  try {
    const roots = new Map<Suite, string>()
    for (const suite of ['bookworm', 'trixie'] as const) {
      process.stderr.write(`upgrades: root file system of ${suite} (kept in ${cache}) …\n`)
      roots.set(suite, await debianRootfs(cache, suite, allPackages))
    }
    const wanted = servers.filter(({ name }) => args.only === undefined || name.includes(args.only))
    for (const server of wanted) {
      for (const [from, to] of ways) {
        const rig = (suite: Suite) =>
          makeRig({ work, server, rootfs: roots.get(suite) ?? '', suffix: suite })
        const [before, after] = [await rig(from), await rig(to)]
        const report = await before.learn()
        const serves = await after.tryUnder(profileOf(report))
        const namesOnlyServes = await after.tryUnder(namesOnly(report))
        const learned = Object.keys(report.abis['x86_64'] ?? {}).length
        rows.push({ workload: server.name, from, to, learned, serves, namesOnlyServes })
        process.stderr.write(
          `upgrades: ${server.name} ${from} → ${to}: ${serves ? 'serves' : 'FAILS'}\n`
        )
      }
    }
  } finally {
    await rm(work, { recursive: true, force: true })
  }
  const text = args.json ? `${JSON.stringify(rows, null, 2)}\n` : table(rows)
  return { text, holds: rows.every(({ serves }) => serves) }
}
