import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { LinuxSeccomp } from '../../../src/api/seccomp-profile.js'
import { execInContainer } from '../../../cli/walk-through/container.js'
import { debianRootfs } from '../../helpers/debian-rootfs.js'
import { repositoryRoot } from '../../helpers/repository.js'
import type { ProofArgs, ProofResult } from '../proofs.js'
import { makeRig, profileOf, type Rig } from './rig.js'
import { allPackages, servers } from './servers.js'

const run = promisify(execFile)

/** Every capability that Linux 6.1 has: the filter alone has to hold. */
export const everyCapability = [
  ...[
    'CAP_AUDIT_CONTROL',
    'CAP_AUDIT_READ',
    'CAP_BLOCK_SUSPEND',
    'CAP_BPF',
    'CAP_CHECKPOINT_RESTORE'
  ],
  ...['CAP_DAC_READ_SEARCH', 'CAP_IPC_LOCK', 'CAP_IPC_OWNER', 'CAP_LEASE', 'CAP_LINUX_IMMUTABLE'],
  ...['CAP_MAC_ADMIN', 'CAP_MAC_OVERRIDE', 'CAP_MKNOD', 'CAP_NET_ADMIN', 'CAP_NET_BROADCAST'],
  ...[
    'CAP_PERFMON',
    'CAP_SYS_ADMIN',
    'CAP_SYS_BOOT',
    'CAP_SYS_MODULE',
    'CAP_SYS_NICE',
    'CAP_SYS_PACCT'
  ],
  ...[
    'CAP_SYS_PTRACE',
    'CAP_SYS_RAWIO',
    'CAP_SYS_TIME',
    'CAP_SYS_TTY_CONFIG',
    'CAP_SYSLOG',
    'CAP_WAKE_ALARM'
  ]
]

/** Builds the program into `folder`; gives its path and the names of its attempts in order. */
export async function compileAttacks(
  folder: string
): Promise<{ program: string; names: string[] }> {
  const program = join(folder, 'attacks')
  const source = join(repositoryRoot, 'test/bench/enforced/attacks.c')
  await run('gcc', ['-static', '-O1', '-Wall', '-Wextra', '-Werror', '-o', program, source])
  const { stdout } = await run(program, ['list'])
  return { program, names: stdout.trim().split('\n') }
}

/** How one attempt ended: `ok`, `errno N`, or `killed`. */
type Ending = string

/** Tries everything in a running container, each attempt in an exec of its own. */
export async function attackAll(rig: Rig, names: readonly string[]): Promise<Ending[]> {
  const endings: Ending[] = []
  for (const [at, name] of names.entries()) {
    const done = await execInContainer(rig.container, ['/root/attacks', 'run', String(at)])
    const errno = new RegExp(`^${name} DENIED errno (\\d+)$`, 'm').exec(done.stdout)?.[1]
    if (errno !== undefined) endings.push(`errno ${errno}`)
    else if (done.stdout.includes(`${name} OK`)) endings.push('ok')
    else if (done.code > 128 || done.stderr.includes('signal')) endings.push('killed')
    else endings.push(`did not run: ${done.stderr.trim().split('\n').at(-1) ?? ''}`)
  }
  return endings
}

/** Denied by the filter: no kernel answers these calls so by itself to somebody with all capabilities. */
export const isDenied = (ending: Ending): boolean =>
  ['errno 1', 'errno 38', 'killed'].includes(ending)

export interface AttackRow {
  workload: string
  attempts: number
  /** Not denied without a filter. */
  possible: number
  denied: number
  /** Names of what was allowed. */
  through: string[]
}

/** Learns a server once, and attacks it without a filter and under its profile. */
export async function attackServer(
  work: string,
  server: (typeof servers)[number],
  rootfs: string,
  program: { program: string; names: string[] }
): Promise<AttackRow> {
  const rig = await makeRig({
    ...{ work, server, rootfs, suffix: 'attacked' },
    extraCapabilities: everyCapability,
    extraFiles: [{ source: program.program, target: '/root/attacks' }]
  })
  const under = async (seccomp: LinuxSeccomp | undefined): Promise<Ending[]> => {
    await rig.start(seccomp)
    try {
      return await attackAll(rig, program.names)
    } finally {
      await rig.stop()
    }
  }
  const profile = profileOf(await rig.learn())
  const free = await under(undefined)
  const caged = await under(profile)
  return {
    workload: server.name,
    attempts: program.names.length,
    possible: free.filter((ending) => !isDenied(ending)).length,
    denied: caged.filter(isDenied).length,
    through: program.names.filter((_, at) => !isDenied(caged[at] ?? ''))
  }
}

/** Every attack under every learned profile, as root with all capabilities. */
export async function benchAttacks(args: ProofArgs): Promise<ProofResult> {
  const work = await mkdtemp(join(tmpdir(), 'secco-attacks-'))
  const rows: AttackRow[] = []
  try {
    const program = await compileAttacks(work)
    const cache = join(repositoryRoot, '.cache', 'debian')
    const rootfs = await debianRootfs(cache, 'bookworm', allPackages)
    for (const server of servers) {
      if (args.only !== undefined && !server.name.includes(args.only)) continue
      const row = await attackServer(work, server, rootfs, program)
      rows.push(row)
      process.stderr.write(`attacks: ${server.name}: ${row.denied} of ${row.attempts} denied\n`)
    }
  } finally {
    await rm(work, { recursive: true, force: true })
  }
  const lines = rows.map(
    (row) =>
      `| ${row.workload} | ${row.attempts} | ${row.possible} | ${row.denied} | ${row.through.join(', ') || '–'} |\n`
  )
  const head =
    '| workload | attempts | reach the kernel without a filter | denied under the ' +
    'learned profile | allowed |\n' +
    '| --- | --- | --- | --- | --- |\n'
  const text = args.json ? `${JSON.stringify(rows, null, 2)}\n` : head + lines.join('')
  return { text, holds: rows.every(({ through }) => through.length === 0) }
}
