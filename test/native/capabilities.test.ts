import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'tap'
import { NativeUnavailable } from '../../native/addon.js'
import { probeCapabilities, proveRecorder } from '../../native/capabilities.js'
import {
  type Capability,
  capability,
  capabilityMeanings,
  capabilityNames
} from '../../native/capability-table.js'
import { packageRoot } from '../../native/paths.js'
import { reasonOf } from '../../native/failure-reason.js'
import { openRecorder, probeTracing } from '../../native/recorder.js'
import { recorderMemory } from '../../native/recorder-memory.js'

const probe = probeTracing()
const skip = probe.available ? false : `nothing can be traced here: ${probe.reason ?? ''}`

/** Runs a module's function in a process of root's that has lost every capability. */
function withoutCapabilities(module: string, call: string): string {
  const url = new URL(`../../native/${module}.js`, import.meta.url).href
  const script = `import * as m from ${JSON.stringify(url)}; console.log(JSON.stringify(await m.${call}()))`
  const command = [process.execPath, '--input-type=module', '-e', script]
  const drop = ['--bounding-set=-all', '--inh-caps=-all']
  return execFileSync('setpriv', [...drop, 'env', '-u', 'NODE_OPTIONS', ...command], {
    encoding: 'utf8'
  })
}

test('what a capability means is said either way', (t) => {
  for (const name of capabilityNames) {
    const { works, missing, next } = capabilityMeanings[name]
    t.same(capability(name), { name, works: true, message: works })
    t.same(capability(name, undefined, 'd'), { name, works: true, message: `${works} (d)` })
    t.same(capability(name, 'no'), { name, works: false, message: `${missing} (no)` })
    t.ok(next.length > 0)
  }
  t.end()
})

test('every rejection says what to do next', (t) => {
  const errno = (code: number) => Object.assign(new Error('x'), { errno: code })
  const table: [number, RegExp][] = [
    [1, /CAP_BPF/],
    [13, /CAP_BPF/],
    [12, /memory/],
    [22, /Linux 5\.11 or later/],
    [38, /CONFIG_BPF_SYSCALL/],
    [7, /secco doctor --node/]
  ]
  for (const [code, says] of table) t.match(reasonOf(errno(code)), says, `errno ${code}`)
  t.equal(reasonOf(new NativeUnavailable('as it is')), 'as it is')
  t.equal(reasonOf(new Error('no number')), 'no number')
  t.equal(reasonOf('text'), 'text')
  t.end()
})

test('capabilities of this kernel', { skip }, async (t) => {
  await t.test('each is tried and does its work', async (t) => {
    const found = await probeCapabilities()
    t.same(
      found.map(({ name }) => name),
      capabilityNames
    )
    const works = new Map(found.map((one) => [one.name, one]))
    for (const name of ['record', 'denials', 'blocked-calls'] as const) {
      t.match(works.get(name), { works: true }, name)
    }
    t.match(works.get('record')?.message, /hook (tp_btf|raw_tp)/)
    for (const { message } of found) t.ok(message.length > 20)
    for (const one of found.filter((each) => !each.works)) t.comment(`${one.name}: ${one.message}`)
  })

  await t.test('without rights each says why, and none takes another down', (t) => {
    const found = JSON.parse(
      withoutCapabilities('capabilities', 'probeCapabilities')
    ) as Capability[]
    t.same(
      found.map(({ name, works }) => [name, works]),
      capabilityNames.map((name) => [name, false])
    )
    t.match(found.find(({ name }) => name === 'record')?.message, /CAP_BPF/)
    const blocked = found.find(({ name }) => name === 'blocked-calls')
    t.match(blocked?.message, /of other users, without CAP_DAC_READ_SEARCH/)
    t.match(found.find(({ name }) => name === 'audit-log')?.message, /audit multicast/)
    t.match(JSON.parse(withoutCapabilities('recorder', 'probeTracing')), {
      available: false,
      reason: /CAP_BPF/
    })
    t.end()
  })

  await t.test('its children are gone and nothing is left pinned or attached', async (t) => {
    const recorder = openRecorder()
    t.teardown(() => recorder.stop())
    recorder.attach()
    await probeCapabilities()
    t.ok((await recorder.selfTest()).ok)
    t.equal(recorder.counters().recursionMisses, 0)
    t.end()
  })

  await t.test(
    'a recorder that is in use proves itself, and no other is loaded for that',
    async (t) => {
      const recorder = openRecorder()
      t.teardown(() => recorder.stop())
      const programs = () =>
        readdirSync('/proc/self/fd').filter((fd) => {
          try {
            return readlinkSync(`/proc/self/fd/${fd}`).includes('bpf-prog')
          } catch {
            return false
          }
        }).length
      const loaded = programs()
      t.ok(loaded > 0)
      const seen: number[] = []
      const watching = setInterval(() => seen.push(programs()), 1)
      const proof = await proveRecorder(recorder)
      const all = await probeCapabilities(proof)
      clearInterval(watching)
      t.ok(seen.length > 5 && seen.every((count) => count === loaded), String(seen))
      t.same(proof.test, { expected: 1000, counted: 1000, ok: true })
      t.same(
        all.map(({ name }) => name),
        capabilityNames
      )
      for (const name of ['record', 'record-arguments', 'denials']) {
        t.match(
          all.find((one) => one.name === name),
          { works: true },
          name
        )
      }
      t.ok(recorder.attached)
      t.notOk(
        recorder.slots().some(({ comm }) => comm.startsWith('secco-')),
        'its children have no slots any more'
      )
      recorder.stop()
      t.match(
        (await proveRecorder(recorder)).capabilities.map(({ works }) => works),
        [false, false, false]
      )
    }
  )

  await t.test('memory is measured and grows with the slots', (t) => {
    const [small, large] = [recorderMemory({ slots: 64 }), recorderMemory({ slots: 1024 })]
    t.ok(small > 64 * 1024 && large > small + 900 * 4096, `${small} ${large}`)
    t.end()
  })
})

// Compiled and looked at, on every machine. It was not run: there is no arm64 kernel here.
test('arm64: the objects compile and ask for that machine', (t) => {
  const out = mkdtempSync(join(tmpdir(), 'secco-arm64-'))
  t.teardown(() => rmSync(out, { recursive: true }))
  const native = join(packageRoot(), 'native')
  execFileSync('make', ['-s', '-C', native, 'ARCH=arm64', `OUT=${out}`, 'bpf'], { stdio: 'pipe' })
  const object = join(out, 'recorder.bpf.o')
  const show = (tool: string, ...args: string[]) => execFileSync(tool, args, { encoding: 'utf8' })

  t.match(show('llvm-readelf', '-h', object), /Machine:\s+EM_BPF/)
  const sections = show('llvm-readelf', '-S', object)
  for (const hook of ['tp_btf', 'raw_tp']) {
    for (const point of ['sys_exit', 'sched_process_exec', 'sched_process_exit']) {
      t.match(sections, `${hook}/${point}`)
    }
  }
  // Names that the kernel's types are asked for; a kernel of the other machine has none of them.
  const names = (file: string) => readFileSync(file, 'latin1').split('\0')
  const arm = names(object)
  for (const name of ['syscallno', 'orig_x0', 'task_struct', 'pt_regs'])
    t.ok(arm.includes(name), name)
  for (const name of ['orig_ax', 'status']) t.notOk(arm.includes(name), name)
  // Which numbers fork or install a filter comes from a table that is filled at load; these are in the code.
  const code = show('llvm-objdump', '-d', object)
  for (const [what, number] of [
    ['rt_sigreturn', 139],
    ['exit', 93],
    ['exit_group', 94],
    ['execve', 221],
    ['execveat', 281]
  ] as const) {
    t.match(code, new RegExp(`= ${number}\\b`), what)
  }
  t.notMatch(code, /0x40000000/, 'no x32')
  t.end()
})
