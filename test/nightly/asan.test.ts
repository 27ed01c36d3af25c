import { execFile } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { promisify } from 'node:util'
import { type Test, test } from 'tap'
import { repositoryRoot } from '../helpers/repository.js'

const run = promisify(execFile)
const native = join(repositoryRoot, 'native')
const build = join(repositoryRoot, 'build/test')

/** Tests that cannot run with this addon, and why. */
const excluded: Readonly<Record<string, string>> = {
  'blocked-calls.test.js': 'its own process loads no addon',
  'fuzz.test.js': 'loads no addon: its targets are built with AddressSanitizer by themselves',
  'memory.test.js': 'measures memory, of which AddressSanitizer takes more'
}

/** g++ prints the name alone when it has no such library. */
async function libraryOf(): Promise<string | undefined> {
  const { stdout } = await run('g++', ['-print-file-name=libasan.so']).catch(() => ({ stdout: '' }))
  return stdout.startsWith('/') ? stdout.trim() : undefined
}

const library = await libraryOf()
const skip = library === undefined ? 'needs g++ with libasan' : false

interface Outcome {
  code: number | string
  output: string
  /** What the sanitizers reported, in this process and in its children. */
  reports: string
  /** How often the instrumented addon was loaded. */
  loads: number
}

/** Runs Node with AddressSanitizer before everything else. */
async function runNode(t: Test, args: readonly string[], timeout: number): Promise<Outcome> {
  const folder = await mkdtemp(join(tmpdir(), 'secco-asan-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  const loads = join(folder, 'loads')
  const log = `log_path=${join(folder, 'report')}`
  const env = {
    ...process.env,
    LD_PRELOAD: library,
    // Node frees little of what it allocates before it exits: each run would report thousands of leaks.
    ASAN_OPTIONS: `detect_leaks=0:${log}`,
    UBSAN_OPTIONS: `print_stacktrace=1:${log}`,
    SECCO_ASAN_LOADS: loads,
    TAP_TIMEOUT: String(timeout / 1000)
  }
  const options = { env, timeout, killSignal: 'SIGKILL', maxBuffer: 1 << 26 } as const
  const { code, output } = await new Promise<Pick<Outcome, 'code' | 'output'>>((resolve) => {
    execFile(process.execPath, args, options, (error, stdout, stderr) =>
      resolve({
        code: error === null ? 0 : (error.code ?? String(error.signal)),
        output: stdout + stderr
      })
    )
  })
  const names = (await readdir(folder)).filter((name) => name.startsWith('report'))
  const reports = await Promise.all(names.map((name) => readFile(join(folder, name), 'utf8')))
  const loaded = await readFile(loads, 'utf8').catch(() => '')
  return { code, output, reports: reports.join('\n'), loads: loaded.split('\n').length - 1 }
}

const slow = { timeout: 4 * 3_600_000 }

test('the addon under AddressSanitizer and UBSan', { skip, ...slow }, async (t) => {
  await run('make', ['-C', native, 'asan', 'asan-selftest'], { timeout: 1_800_000 })

  await t.test('a fault in the addon is reported', slow, async (t) => {
    const addon = JSON.stringify(join(native, 'build/asan/selftest.node'))
    const load = `const m = { exports: {} }; process.dlopen(m, ${addon}); m.exports`
    const { code, reports } = await runNode(t, ['-e', `${load}.readBehind(8)`], 120_000)
    t.not(code, 0)
    t.match(reports, /AddressSanitizer: heap-buffer-overflow[\s\S]*read_behind/)
    const fine = await runNode(t, ['-e', `${load}.sizes(64, 1)`], 120_000)
    t.equal(fine.code, 0, fine.output)
    t.equal(fine.reports, '')
  })

  const names = (await readdir(join(build, 'native'))).filter((name) => name.endsWith('.test.js'))
  t.same(
    Object.keys(excluded).filter((name) => !names.includes(name)),
    [],
    'what is excluded exists'
  )
  const imports = ['asan-addon.js', 'end-when-idle.js'].map(
    (name) => `--import=${join(build, 'helpers', name)}`
  )
  for (const name of names.filter((one) => excluded[one] === undefined)) {
    await t.test(`native/${name}`, slow, async (t) => {
      const outcome = await runNode(t, [...imports, join(build, 'native', name)], 1_200_000)
      t.equal(outcome.reports, '', 'nothing is reported')
      t.equal(outcome.code, 0, outcome.code === 0 ? 'it passes' : outcome.output.slice(-8000))
      t.ok(outcome.loads > 0, 'the addon was the instrumented one')
    })
  }
})
