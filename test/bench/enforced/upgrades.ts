import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { debianRootfs, type Suite } from '../../helpers/debian-rootfs.js'
import { repositoryRoot } from '../../helpers/repository.js'
import type { ProofArgs, ProofResult } from '../proofs.js'
import type { TraceReport } from '../../../satellite/trace/trace-report.js'
import type { LinuxSeccomp } from '../../../src/api/seccomp-profile.js'
import { families } from '../../../src/seccomp/render/families.js'
import { familyNames, makeRig, namesOnly, profileOf, type Rig, withoutNames } from './rig.js'
import { allPackages, servers } from './servers.js'

interface Row {
  workload: string
  from: Suite
  to: Suite
  /** Calls in the trace. */
  learned: number
  serves: boolean
  /** The same without families, and with EPERM for everything denied. */
  plainServes: boolean
  namesOnlyServes: boolean
  /** Families without which it does not serve; those that only lend a name that is asked for. */
  needed: string[]
  used: string[]
}

const ways: readonly (readonly [Suite, Suite])[] = [
  ['bookworm', 'trixie'],
  ['trixie', 'bookworm']
]

function table(rows: readonly Row[]): string {
  const lines = rows.map(
    (row) =>
      `| ${row.workload} | ${row.from} → ${row.to} | ${row.learned} | ` +
      `${row.serves ? 'serves' : 'FAILS'} | ${row.plainServes ? 'serves' : 'fails'} | ` +
      `${row.namesOnlyServes ? 'serves' : 'fails'} | ${row.needed.join('; ') || '–'} | ` +
      `${row.used.join('; ') || '–'} |\n`
  )
  const failed = rows.filter(({ serves }) => !serves).length
  const plain = rows.filter(({ plainServes }) => !plainServes).length
  const others = rows.filter(({ namesOnlyServes }) => !namesOnlyServes).length
  return [
    '| workload | learned on → enforced on | calls learned | our profile | no families, ' +
      'EPERM for all | names only, EPERM | fails without | asked for through a family |\n' +
      '| --- | --- | --- | --- | --- | --- | --- | --- |\n',
    ...lines,
    '\n' +
      `${failed} of ${rows.length} fail with our profile, ${plain} of ${rows.length} ` +
      `without families and with EPERM for everything denied, ${others} of ${rows.length} ` +
      'with the names alone\n'
  ].join('')
}

/** Families that lend a name which the other release asks for, and those without which it fails. */
async function familiesThatMatter(
  rig: Rig,
  profile: LinuxSeccomp,
  lent: ReadonlySet<string>,
  target: TraceReport
): Promise<{ needed: string[]; used: string[] }> {
  const asked = new Set(Object.values(target.abis).flatMap((counts) => Object.keys(counts)))
  const [needed, used]: [string[], string[]] = [[], []]
  for (const { members } of families) {
    const names = members.filter((name) => lent.has(name) && asked.has(name))
    if (names.length === 0) continue
    // The rest of the profile stays as it is: one family at a time.
    const syscalls = (profile.syscalls ?? [])
      .map((rule) => ({ ...rule, names: rule.names.filter((name) => !names.includes(name)) }))
      .filter((rule) => rule.names.length > 0)
    const serves = await rig.tryUnder({ ...profile, syscalls })
    ;(serves ? used : needed).push(names.join(' '))
  }
  return { needed, used }
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
        const [report, target] = [await before.learn(), await after.learn()]
        const profile = profileOf(report)
        const serves = await after.tryUnder(profile)
        const lent = familyNames(report)
        const plainServes = await after.tryUnder(withoutNames(profile, lent))
        const { needed, used } = await familiesThatMatter(after, profile, lent, target)
        const namesOnlyServes = await after.tryUnder(namesOnly(report))
        const learned = Object.keys(report.abis['x86_64'] ?? {}).length
        rows.push({
          ...{ workload: server.name, from, to, learned, serves },
          ...{ plainServes, namesOnlyServes, needed, used }
        })
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
