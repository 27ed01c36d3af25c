import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'tap'
import { launchCommand } from '../../native/launcher.js'
import { packageRoot } from '../../native/paths.js'
import { probeTracing } from '../../native/recorder.js'
import { satelliteCapabilities } from '../../src/cli/install/satellite.js'

const probe = probeTracing()
const skip = probe.available ? false : `nothing can be traced here: ${probe.reason ?? ''}`
const urlOf = (module: string): string =>
  JSON.stringify(new URL(`../../native/${module}.js`, import.meta.url).href)

const begin = `
const { openRecorder } = await import(${urlOf('recorder')})
const { statSync } = await import('node:fs')
const pin = process.argv[1]
const recorder = openRecorder({ slots: 64, ...(pin === undefined ? {} : { pin }) })
const say = (found) => process.stdout.write(JSON.stringify(found) + '\\n')
`
const proof = `${begin}
const { proveRecorder } = await import(${urlOf('capabilities')})
const { capabilities, test } = await proveRecorder(recorder)
const again = await recorder.selfTest()
const own = recorder.slots().filter(({ mntns }) => mntns === statSync('/proc/self/ns/mnt').ino)
say({ capabilities, test, again, own: own.map(({ comm, ignored, distinct }) => [comm, ignored, distinct]) })
recorder.stop()
`
/** Says when it is attached, and at each byte whose slots there are. */
const watcher = `${begin}
recorder.attach()
say('attached')
process.stdin.on('data', () => say(recorder.slots().map(({ mntns, complete }) => [mntns, complete])))
process.stdin.on('end', () => recorder.stop())
`

test('with the rights of a pod alone', { skip, timeout: 120_000 }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'secco-pod-'))
  const calls = join(folder, 'calls')
  const mount = join(folder, 'bpf')
  mkdirSync(mount)
  execFileSync('mount', ['-t', 'bpf', 'bpf', mount])
  execFileSync('cc', [
    ...['-O1', '-pthread', '-o', calls],
    join(packageRoot(), 'test', 'native', 'calls.c')
  ])
  t.teardown(() => {
    execFileSync('umount', [mount])
    rmSync(folder, { recursive: true })
  })

  /** The satellite's capabilities, a filter without unshare(2), and a mount namespace and cgroup of its own. */
  const startPod = async (script: string, args: readonly string[] = [], before: string[] = []) => {
    const rights = satelliteCapabilities.map((name) => `+${name.toLowerCase()}`).join(',')
    const poor = ['setpriv', `--bounding-set=-all,${rights}`, '--inh-caps=-all']
    const node = [process.execPath, '--input-type=module', '-e', script, '--', ...args]
    const unified = readFileSync('/proc/mounts', 'utf8')
      .split('\n')
      .map((line) => line.split(' '))
      .find((fields) => fields[2] === 'cgroup2')?.[1]
    const cgroup = unified === undefined ? undefined : join(unified, `secco-pod-${process.pid}`)
    const pod = await launchCommand(
      [...before, calls, 'pod', ...poor, 'env', '-u', 'NODE_OPTIONS', ...node],
      { stdio: 'pipe', ...(cgroup === undefined ? {} : { cgroup }) }
    )
    const { stdin, stdout, stderr } = pod.process
    if (stdin === null || stdout === null || stderr === null) throw new Error('no pipes')
    stderr.pipe(process.stderr)
    const lines = createInterface({ input: stdout })[Symbol.asyncIterator]()
    pod.go()
    return {
      next: async (): Promise<unknown> => {
        const line = (await lines.next()) as IteratorResult<string, undefined>
        return JSON.parse(line.value ?? 'null') as unknown
      },
      ask: () => stdin.write('?'),
      end: async () => {
        stdin.end()
        await pod.ended
        if (cgroup !== undefined) rmdirSync(cgroup)
      }
    }
  }

  const places: [string, string[], string[]][] = [
    ['a recorder that ends with its process', [], []],
    ['a pinned one', [join(mount, 'secco')], []],
    ['in a cgroup namespace, as with cgroup v2', [], ['unshare', '-C']]
  ]
  for (const [name, args, before] of places) {
    await t.test(`it proves itself: ${name}`, async (t) => {
      const pod = await startPod(proof, args, before)
      const passed = { expected: 1000, counted: 1000, ok: true }
      t.match(await pod.next(), {
        capabilities: ['record', 'record-arguments', 'denials'].map((each) => ({
          name: each,
          works: true
        })),
        test: passed,
        again: passed,
        // Nothing of its own was counted, and the children's slots are given back.
        own: [['node', true, 0]]
      })
      await pod.end()
    })
  }

  const ages: [string, string[], boolean][] = [
    ['who is younger than the attachment is', [], true],
    [
      'where not all processes are seen nobody is',
      ['unshare', '--pid', '--fork', '--mount-proc'],
      false
    ]
  ]
  for (const [name, before, young] of ages) {
    await t.test(`seen from the beginning: ${name}`, async (t) => {
      const old = await launchCommand(['sh'], { stdio: 'pipe' })
      const { stdin, stdout } = old.process
      if (stdin === null || stdout === null) throw new Error('no pipes')
      old.go()
      const pod = await startPod(watcher, [], before)
      t.equal(await pod.next(), 'attached')
      // Whoever is met first in it is a program that begins now.
      stdin.write('/bin/true; echo done\n')
      await once(stdout, 'data')
      const wanted = new Map([[old.mntns, false]])
      for (const filter of [true, false]) {
        const one = await launchCommand(['cat'], { stdio: 'pipe', filter })
        one.go()
        one.process.stdin?.write('1')
        if (one.process.stdout !== null) await once(one.process.stdout, 'data')
        wanted.set(one.mntns, young)
        t.teardown(() => one.process.kill('SIGKILL'))
      }
      pod.ask()
      const found = new Map((await pod.next()) as [number, boolean][])
      for (const [mntns, complete] of wanted) t.equal(found.get(mntns), complete)
      stdin.end()
      await old.ended
      await pod.end()
    })
  }
})
