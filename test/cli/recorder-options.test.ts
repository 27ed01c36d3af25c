import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  writeFileSync
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'tap'
import { kernelBtf } from '../../native/kernel-btf.js'
import { cleanPins } from '../../native/pins.js'
import { openRecorder, probeTracing } from '../../native/recorder.js'
import { repositoryRoot } from '../helpers/repository.js'
import type { Outcome } from '../helpers/secco-command.js'

const probe = probeTracing()
const skip = probe.available ? false : `nothing can be traced here: ${probe.reason ?? ''}`

/** The program as on a kernel that describes no types: its own view of sysfs has none. */
const withoutBtf = ['unshare', '-m', 'sh', '-c', 'mount -t tmpfs none /sys/kernel/btf && exec "$@"']

/** Runs `secco` behind other words until it ends, or until it said a line that fits: then it is told to end. */
async function secco(
  before: readonly string[],
  args: readonly string[],
  untilSaid?: RegExp
): Promise<Outcome> {
  const program = ['/usr/bin/env', '-u', 'NODE_OPTIONS', process.execPath]
  const [first = '', ...words] = [
    ...(before.length === 0 ? [] : [...before, 'sh']),
    ...program,
    join(repositoryRoot, 'bin/secco'),
    ...args
  ]
  const child = spawn(first, words, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, NO_COLOR: '1' }
  })
  const closed = once(child, 'close')
  let [stdout, stderr] = ['', '']
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()))
  for await (const line of createInterface({ input: child.stderr })) {
    stderr += `${line}\n`
    if (untilSaid?.test(line) === true) child.kill('SIGTERM')
  }
  const [code] = (await closed) as [number | null]
  return { code: code ?? -1, stdout, stderr }
}

test('options of the recorder', { skip, timeout: 300_000 }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'secco-options-'))
  const mount = join(folder, 'bpf')
  const pin = join(mount, 'secco')
  mkdirSync(mount)
  execFileSync('mount', ['-t', 'bpf', 'bpf', mount])
  t.teardown(() => {
    if (existsSync(pin)) cleanPins(pin)
    execFileSync('umount', [mount])
    rmSync(folder, { recursive: true })
  })
  const [copy, garbage, absent] = ['vmlinux.btf', 'garbage', 'absent'].map((name) =>
    join(folder, name)
  ) as [string, string, string]
  copyFileSync(kernelBtf, copy)
  writeFileSync(garbage, 'not BTF')
  // Nobody is there: it dials again and again, and records meanwhile.
  const satellite = [
    ...['--state', join(folder, 'state'), 'satellite', '--hub', '127.0.0.1:1', '--pin', pin],
    ...['--seccomp-root', join(folder, 'seccomp')]
  ]
  const started = /local socket/

  await t.test('secco satellite --slots: what is pinned has so many', async (t) => {
    for (const slots of [48, 24]) {
      const ran = await secco([], [...satellite, '--slots', String(slots)], started)
      t.match(ran, { code: 0, stderr: /Recording goes on \(pinned in / })
      const recorder = openRecorder({ pin, slots })
      t.match(recorder.pinning, { adopted: true, folder: pin })
      t.equal(readdirSync(pin).length, 1)
      for (const slot of recorder.slots()) recorder.release(slot.index, slot.generation)
      recorder.stop({ keep: true })
    }
    cleanPins(pin)
  })

  await t.test('without BTF in the kernel, a file of it does', async (t) => {
    const trace = async (...args: string[]): Promise<Outcome> =>
      secco(withoutBtf, ['trace', '-o', 'json', ...args, '--', 'true'])
    const table: [args: string[], says: RegExp][] = [
      [[], /the kernel has no BTF .*give a BTF file of this kernel with --btf FILE/],
      [['--btf', absent], /--btf \S+absent cannot be read \(ENOENT\) and the kernel has no BTF/],
      [['--btf', garbage], /is --btf \S+garbage a BTF file of this kernel, Linux \d/]
    ]
    for (const [args, stderr] of table)
      t.match(await trace(...args), { code: 1, stdout: '', stderr })
    const traced = await trace('--btf', copy)
    t.match(traced, { code: 0 }, traced.stderr)
    t.match(JSON.parse(traced.stdout), { complete: true, lost: 0 })
    t.match(traced.stdout, /"execve": 1\b/)
    // Where the kernel has its own nobody needs the file.
    t.match(await secco([], ['trace', '--btf', absent, '--', 'true']), { code: 0 })

    const doctor = ['doctor', '--node', '--seccomp-root', join(folder, 'seccomp')]
    const found = await secco(withoutBtf, [...doctor, '--btf', copy, '-o', 'json'])
    t.match(JSON.parse(found.stdout), {
      ...{ btf: false, btfFile: copy, hook: 'raw_tp' },
      selfTest: { value: { ok: true, counted: 1000 } }
    })
    t.match((await secco(withoutBtf, doctor)).stdout, /✗ BTF .*\n.*give a BTF file .* --btf/)
  })

  await t.test('a satellite without types says why, and with a file it records', async (t) => {
    const mute = await secco(withoutBtf, satellite, /Containers cannot be traced here/)
    t.match(mute, { code: 0, stderr: /cannot be traced here: the kernel has no BTF .*--btf FILE/ })
    t.notOk(existsSync(pin) && readdirSync(pin).length > 0)
    const ran = await secco(withoutBtf, [...satellite, '--btf', copy], started)
    t.match(ran, { code: 0, stderr: /Recording goes on/ })
    t.notMatch(ran.stderr, /cannot be traced/)
    const [layout = ''] = readdirSync(pin)
    t.ok(readdirSync(join(pin, layout)).includes('link-sys_exit_raw'))
  })
})
