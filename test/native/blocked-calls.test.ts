import { execFile, spawn } from 'node:child_process'
import { readFileSync, statSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { test } from 'tap'
import { satelliteCapabilities } from '../../cli/install/satellite.js'
import { holdFiles } from '../helpers/hold-file.js'
import { until } from '../helpers/until.js'

const run = promisify(execFile)
const addon = new URL('../../native/addon.js', import.meta.url).href
const pause =
  'int main(void) { for (;;) __asm__ volatile("syscall" :: "a"(34) : "rcx", "r11", "memory"); }'
const pause32 =
  'void _start(void) { for (;;) __asm__ volatile("int $0x80" :: "a"(29) : "memory"); }'

/** Programs in pause(2), by their ABI, and how each is built. */
const programs: [string, string, string[], boolean, number][] = [
  ['x86_64', pause, ['-static'], false, 34],
  ['i386', pause32, ['-m32', '-nostdlib', '-static', '-fno-pic'], true, 29]
]

const skip =
  process.arch !== 'x64'
    ? 'programs of x86'
    : process.getuid?.() === 0
      ? false
      : 'not root: fanotify permission events are not allowed'

test('blocked calls are read without opening the program of a container', { skip }, async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'secco-blocked-'))
  t.teardown(() => rm(folder, { recursive: true }))
  for (const [abi, source, flags, compat, nr] of programs) {
    const path = join(folder, abi)
    await writeFile(`${path}.c`, source)
    const built = await run('gcc', ['-O1', ...flags, '-o', path, `${path}.c`]).catch(
      () => undefined
    )
    if (built === undefined) {
      t.pass(abi, { skip: 'no compiler for it' })
      continue
    }
    const program = spawn(path, { stdio: 'ignore' })
    t.teardown(() => program.kill('SIGKILL'))
    const pid = program.pid ?? 0
    const isStarted = () => statSync(`/proc/${pid}/exe`).ino === statSync(path).ino
    await until('the program', () => isStarted() || undefined)
    const release = await holdFiles(folder, [path])
    if (release === undefined) {
      t.pass(abi, { skip: 'this kernel has no permission events' })
      continue
    }
    // In a process of its own: one that waits in open(2) does nothing else.
    const script = `
      const { loadAddon } = await import(${JSON.stringify(addon)})
      const { ino } = (await import('node:fs')).statSync('/proc/self/ns/mnt')
      console.log(JSON.stringify([...loadAddon().blockedCalls([${pid}], ino, true)]))`
    const node = run(process.execPath, ['--input-type=module', '-e', script], {
      timeout: 20_000,
      killSignal: 'SIGKILL'
    })
    const { stdout } = await node.catch((error: unknown) => ({
      stdout: JSON.stringify(String(error))
    }))
    t.strictSame(JSON.parse(stdout), [pid, pid, compat ? 1 : 0, nr], abi)
    await release()
  }
})

test('with the capabilities of its pod the satellite reads the calls of other users', {
  skip: process.getuid?.() === 0 ? false : 'not root: it cannot start a program of another user'
}, async (t) => {
  const nobody = ['--reuid=65534', '--clear-groups', 'sleep', '1000']
  const program = spawn('setpriv', nobody, { stdio: 'ignore' })
  t.teardown(() => program.kill('SIGKILL'))
  const pid = program.pid ?? 0
  await until(
    'the program to sleep',
    () => readFileSync(`/proc/${pid}/comm`, 'utf8') === 'sleep\n' || undefined
  )
  const script = `
    const { loadAddon } = await import(${JSON.stringify(addon)})
    const { ino } = (await import('node:fs')).statSync('/proc/self/ns/mnt')
    console.log(JSON.stringify([...loadAddon().blockedCalls([${pid}], ino, false)]))`
  const found = async (rights: readonly string[]): Promise<number[]> => {
    const set = ['-all', ...rights.map((name) => `+${name.toLowerCase()}`)].join(',')
    const poor = [`--bounding-set=${set}`, '--inh-caps=-all', 'env', '-u', 'NODE_OPTIONS']
    const node = [process.execPath, '--input-type=module', '-e', script]
    return JSON.parse((await run('setpriv', [...poor, ...node])).stdout) as number[]
  }
  const sleeping = await until('the call to be entered', async () => {
    const calls = await found(satelliteCapabilities)
    return calls.length > 0 ? calls : undefined
  })
  t.strictSame(sleeping.slice(0, 3), [pid, pid, 0])
  const fewer = satelliteCapabilities.filter((name) => name !== 'DAC_READ_SEARCH')
  t.strictSame(await found(fewer), [], 'and not without the right to read files of others')
})
