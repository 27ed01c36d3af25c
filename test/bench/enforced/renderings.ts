import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import fc from 'fast-check'
import type { LinuxSeccomp } from '../../../src/api/seccomp-profile.js'
import { run } from '../../../cli/walk-through/run.js'
import { askFilter, compileOracle } from '../../helpers/filter-oracle.js'
import { overlayOf, randomProfile, randomDenials, tryRender } from '../../helpers/random-profile.js'
import type { ProofArgs, ProofResult } from '../proofs.js'

const seed = 5
const atOnce = 4

/** The least that a container can run. */
const program = `void _start(void) {
  __asm__ volatile("syscall" :: "a"(60), "D"(0) : "rcx", "r11", "memory");
}
`

/** Runs `each` for every item, some at a time, until the time is out; gives how many were begun. */
async function forAll<T>(
  items: readonly T[],
  deadline: number,
  each: (item: T, at: number) => Promise<void>
): Promise<number> {
  let next = 0
  const worker = async () => {
    while (next < items.length && Date.now() < deadline) {
      const at = next++
      await each(items[at] as T, at)
    }
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
  return next
}

/** What became of one real start. */
type Start = 'ran' | 'rejected' | 'denied what it needs'

async function startUnder(work: string, at: number, seccomp: LinuxSeccomp): Promise<Start> {
  const bundle = join(work, `bundle-${at}`)
  await mkdir(bundle)
  const config = {
    ociVersion: '1.0.2',
    process: { user: { uid: 0, gid: 0 }, args: ['/app'], cwd: '/', noNewPrivileges: true },
    root: { path: join(work, 'rootfs'), readonly: true },
    mounts: [{ destination: '/proc', type: 'proc', source: 'proc' }],
    linux: { namespaces: ['pid', 'mount', 'ipc', 'uts'].map((type) => ({ type })), seccomp }
  }
  await writeFile(join(bundle, 'config.json'), JSON.stringify(config))
  const id = `secco-rendering-${process.pid}-${at}`
  const root = ['--root', join(work, 'state')]
  const done = await run('runc', [...root, 'run', '-b', bundle, id])
  if (done.code !== 0) await run('runc', [...root, 'delete', '--force', id])
  await rm(bundle, { recursive: true, force: true })
  if (done.code === 0) return 'ran'
  if (!/seccomp|filter/i.test(done.stderr)) return 'denied what it needs'
  process.stderr.write(`renderings: ${at}: ${done.stderr.trim()}\n`)
  return 'rejected'
}

/**
 * Random profiles and emergency overlays, rendered in both modes: each is built by libseccomp, asked about calls
 * at the borders of its conditions, and loaded into the kernel; then the enforced ones are started by runc
 * for as long as `--minutes` says. `--rounds N` sets how many profiles (default 1,000 here).
 */
export async function benchRenderings(args: ProofArgs): Promise<ProofResult> {
  const work = await mkdtemp(join(tmpdir(), 'secco-renderings-'))
  const count = args.rounds === 3 ? 1000 : args.rounds
  const ends = Date.now() + args.minutes * 60_000
  try {
    const oracle = await compileOracle(work)
    const samples = fc.sample(fc.record({ profile: randomProfile, denials: randomDenials }), {
      numRuns: count,
      seed
    })
    const inMode = (mode: 'audit' | 'enforce') =>
      samples.flatMap(({ profile, denials }) => {
        const rendered = tryRender(profile, mode, overlayOf(denials))
        return rendered === undefined ? [] : [rendered.seccomp]
      })
    const enforced = inMode('enforce')
    const all = [...enforced, ...inMode('audit')]
    const wrong: string[] = []
    let [asked, slowest, longest, loaded] = [0, 0, 0, 0]
    await forAll(all, Number.POSITIVE_INFINITY, async (seccomp, at) => {
      const report = await askFilter(oracle, seccomp)
      asked += report.asked
      slowest = Math.max(slowest, report.ms)
      longest = Math.max(longest, report.instructions)
      if (report.denied === undefined) loaded += 1
      const bad = report.denied ?? report.wider[0] ?? report.narrower[0]
      if (bad !== undefined) wrong.push(`${at}: ${bad}`)
      if (at % 250 === 249) process.stderr.write(`renderings: ${loaded} loaded\n`)
    })
    await mkdir(join(work, 'rootfs/proc'), { recursive: true })
    await writeFile(join(work, 'app.c'), program)
    const flags = ['-static', '-nostdlib', '-O1', '-o', join(work, 'rootfs/app')]
    await promisify(execFile)('gcc', [...flags, join(work, 'app.c')])
    const ended: Record<Start, number> = { ran: 0, rejected: 0, 'denied what it needs': 0 }
    const begun = await forAll(enforced, ends, async (seccomp, at) => {
      ended[await startUnder(work, at, seccomp)] += 1
      if (at % 100 === 99) process.stderr.write(`renderings: ${JSON.stringify(ended)}\n`)
    })
    const result = {
      ...{ profiles: count, renderings: all.length, loaded, asked, wrong, slowestMs: slowest },
      ...{ mostInstructions: longest, startedByRunc: begun, ...ended }
    }
    const table = [
      '| renderings | loaded | calls asked | answered otherwise than the rules say | ' +
        'slowest build, ms | most instructions | started by runc | ran | denied what every ' +
        'container needs | rejected |\n',
      '| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n',
      `| ${all.length} | ${loaded} | ${asked} | ${wrong.length} | ${slowest.toFixed(0)} | ` +
        `${longest} | ${begun} | ${ended.ran} | ${ended['denied what it needs']} | ` +
        `${ended.rejected} |\n`,
      ...wrong.map((line) => `\n${line}`)
    ]
    return {
      text: args.json ? `${JSON.stringify(result, null, 2)}\n` : table.join(''),
      holds: wrong.length === 0 && ended.rejected === 0 && begun > 0
    }
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}
