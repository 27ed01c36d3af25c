import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { repositoryRoot } from '../helpers/repository.js'
import { makeRootfs } from '../helpers/runc-bundle.js'
import { type Boot, boot } from './boot.js'
import { kernelImage, KernelMissing, kernelSources, type KernelSource } from './image.js'

const execute = promisify(execFile)

const identity = ['runc, side by side', 'runc, one after the other']
/**
 * With cgroup v1 only nothing names a container that ended before its runtime's state was read: those
 * that last are what is promised there.
 */
const lastingIdentity = ['runc, lasting, side by side', 'runc, lasting, one by one']
/** In the order of the table. */
export const allChecks: readonly string[] = [
  'tp_btf self-test',
  'raw_tp self-test',
  'with the rights of a pod',
  'shared counters',
  'denials by count',
  'ABIs apart',
  'no less than strace',
  ...identity
]

/** What is booted: everything on cgroup v2, identity on cgroup v1 too. */
const boots: { source: KernelSource; cgroup: Boot['cgroup']; checks: readonly string[] }[] =
  kernelSources.flatMap((source) => [
    { source, cgroup: 'v2', checks: allChecks },
    { source, cgroup: 'v1', checks: lastingIdentity }
  ])

export interface CheckResult {
  check: string
  ok: boolean
  detail: string
}

export interface KernelResult {
  /** e.g. "6.1 cgroup v2" */
  title: string
  release: string
  seconds: number
  /** Why it was not booted; then there are no checks. */
  missing?: string
  checks: CheckResult[]
}

/** What a guest cannot make quickly is made here: small programs and a container's root. */
async function makePrograms(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'secco-kernels-'))
  const source = join(repositoryRoot, 'test/native/calls.c')
  await execute('cc', ['-O1', '-pthread', '-o', join(folder, 'calls'), source])
  const rootfs = await makeRootfs()
  await rename(rootfs, join(folder, 'rootfs'))
  await rm(dirname(rootfs), { recursive: true })
  return folder
}

const quote = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`

function jobFor(programs: string, checks: readonly string[]): string {
  const guest = join(repositoryRoot, 'build/test/kernels/guest.js')
  const words = [process.execPath, guest, programs, ...checks].map(quote).join(' ')
  return [
    'export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root',
    `${words} >/run/share/answer 2>/run/share/errors || cat /run/share/errors`
  ].join('\n')
}

function readAnswer(
  answer: string | undefined,
  wanted: readonly string[],
  said: string
): CheckResult[] {
  const given = new Map(
    (answer ?? '')
      .split('\n')
      .filter((line) => line.endsWith('}'))
      .map((line) => JSON.parse(line) as CheckResult)
      .map((result) => [result.check, result])
  )
  const lines = said.trim().split('\n')
  // A kernel that broke says first why.
  const broke = lines.findIndex((line) =>
    /\b(BUG|Oops|general protection|invalid opcode|Kernel panic)\b/.test(line)
  )
  const last = (broke < 0 ? lines.slice(-5) : lines.slice(broke, broke + 60)).join(' | ')
  return wanted.map(
    (check) =>
      given.get(check) ?? { check, ok: false, detail: `the guest said nothing of it: ${last}` }
  )
}

/** Boots Debian's kernels one after the other and gives what each check said. */
export async function runKernels(
  timeoutMs = 300_000,
  wanted: (source: KernelSource, cgroup: Boot['cgroup']) => boolean = () => true
): Promise<KernelResult[]> {
  if (!existsSync('/usr/bin/qemu-system-x86_64')) throw new Error('there is no qemu-system-x86_64')
  const programs = await makePrograms()
  const results: KernelResult[] = []
  try {
    for (const { source, cgroup, checks } of boots.filter((one) =>
      wanted(one.source, one.cgroup)
    )) {
      const title = `Linux ${source.series}, cgroup ${cgroup}`
      try {
        const image = await kernelImage(source)
        const done = await boot({ image, cgroup, timeoutMs, job: jobFor(programs, checks) })
        results.push({
          title,
          release: image.release,
          seconds: done.seconds,
          checks: readAnswer(done.answer, checks, done.console)
        })
      } catch (error) {
        if (!(error instanceof KernelMissing)) throw error
        results.push({ title, release: '', seconds: 0, missing: error.message, checks: [] })
      }
    }
    return results
  } finally {
    await rm(programs, { recursive: true, force: true })
  }
}
