import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { assertAlive, end, start } from '../helpers/child-program.js'
import { repositoryRoot } from '../helpers/repository.js'
import { until } from '../helpers/until.js'
import { type BenchRow, least, type Limit, round3, toRow } from './row.js'

const floor = 'node -e 0'
/** Of all rounds together: it does not depend on what runs beside. */
const cpuRatio = 'its processor time'

export const cliLimits: readonly Limit[] = [
  { case: 'secco --help', of: cpuRatio, most: 3 },
  { case: 'secco get profiles', of: cpuRatio, most: 4 },
  { case: 'secco ps', of: cpuRatio, most: 4 }
]

/** Without what Node 20 reads at each start, and without the loader of a test runner. */
function environment(): NodeJS.ProcessEnv {
  const env = { ...process.env }
  for (const name of ['NODE_EXTRA_CA_CERTS', 'NODE_OPTIONS']) Reflect.deleteProperty(env, name)
  return env
}

const profiles = Array.from(
  { length: 10 },
  (_, nth) => `apiVersion: secco.dev/v1alpha1
kind: SeccompProfile
metadata: {name: web-${nth}, namespace: shop}
spec:
  seccomp:
    defaultAction: SCMP_ACT_ERRNO
    syscalls: [{names: [accept4, bind, close, connect, listen, read, write], action: SCMP_ACT_ALLOW}]
`
).join('---\n')

/** Processor time of children that have ended, in ms (proc_pid_stat(5), cutime and cstime, in steps of 10 ms). */
function childrenMs(): number {
  const stat = readFileSync('/proc/self/stat', 'latin1')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return 10 * (Number(fields[13]) + Number(fields[14]))
}

/** Verbs of the command line on a folder with ten profiles and a hub, beside Node that does nothing. */
export async function benchCli(options: { rounds: number }): Promise<BenchRow[]> {
  const state = mkdtempSync(join(tmpdir(), 'secco-bench-cli-'))
  const [program, env] = [join(repositoryRoot, 'bin/secco'), environment()]
  const runNode = (args: readonly string[]): number => {
    const began = performance.now()
    const { status, stderr } = spawnSync(process.execPath, args, { env })
    if (status !== 0) throw new Error(`${args.join(' ')}: ${stderr.toString()}`)
    return performance.now() - began
  }
  const any = ['--listen', '--hub-listen', '--ui-listen'].flatMap((name) => [name, '127.0.0.1:0'])
  const hub = start('hub', process.execPath, [program, '--state', state, 'webhook', ...any], {
    env
  })
  const secco = (...args: string[]) => [program, '--state', state, ...args]
  try {
    const ui = await until('the hub', () => {
      assertAlive(hub)
      return /pages (\S+?)\/?\s/.exec(hub.tail())?.[1]
    })
    // As `secco up` writes it: a hub without a satellite records nothing, and needs no kernel for itself.
    writeFileSync(join(state, 'addresses.json'), JSON.stringify({ pid: hub.child.pid, ui }))
    writeFileSync(join(state, 'profiles.yaml'), profiles)
    runNode(secco('profile', 'apply', '-f', join(state, 'profiles.yaml')))
    const cases: [string, string[]][] = [
      [floor, ['-e', '0']],
      ['secco --help', secco('--help')],
      ['secco --version', secco('--version')],
      ['secco get profiles', secco('get', 'profiles')],
      ['secco ps', secco('ps')]
    ]
    // Once before: Node that can keeps what it compiled.
    for (const [, args] of cases) runNode(args)
    const measured = cases.map(([name, args]) => ({ name, args, times: [] as number[], cpu: 0 }))
    for (let round = 0; round < options.rounds; round += 1) {
      for (const each of measured) {
        const before = childrenMs()
        each.times.push(runNode(each.args))
        each.cpu += childrenMs() - before
      }
    }
    const [idle] = measured
    return measured.map(({ name, times, cpu }) => {
      if (idle === undefined || name === floor) return toRow(name, 'ms', times)
      return toRow(name, 'ms', times, {
        [floor]: round3(least(times) / least(idle.times)),
        [cpuRatio]: round3(cpu / idle.cpu)
      })
    })
  } finally {
    await end(hub)
    rmSync(state, { recursive: true, force: true })
  }
}
