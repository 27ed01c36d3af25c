import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'tap'
import { kernelBtf } from '../../native/kernel-btf.js'
import { launchCommand } from '../../native/launcher.js'
import { packageRoot } from '../../native/paths.js'
import { probeTracing } from '../../native/recorder.js'
import { inPod, proofInPod, startAsPod } from '../helpers/as-pod.js'

const probe = probeTracing()
const skip = probe.available ? false : `nothing can be traced here: ${probe.reason ?? ''}`
/** Says when it is attached, and at each byte whose slots there are. */
const watcher = `${inPod.open}
recorder.attach()
say('attached')
process.stdin.on('data', () => say(recorder.slots().map(({ mntns, complete }) => [mntns, complete])))
process.stdin.on('end', () => recorder.stop())
`

test('with the rights of a pod alone', { skip, timeout: 120_000 }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'secco-pod-'))
  const calls = join(folder, 'calls')
  const mount = join(folder, 'bpf')
  const btf = join(folder, 'btf')
  copyFileSync(kernelBtf, btf)
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

  const startPod = (script: string, args: readonly string[] = [], before: string[] = []) =>
    startAsPod({ calls, script, args, before })

  // In a mount namespace that hands nothing on.
  const hideBtf = 'mount -t tmpfs none /sys/kernel/btf'
  // As the node's pid 1 is to a pod, wherever this runs: else the machine's own mount namespace is not known there.
  const ns = join(folder, 'ns')
  mkdirSync(ns)
  symlinkSync(`/proc/${process.pid}/ns/mnt`, join(ns, 'mnt'))
  const showPid1 = `mount --bind ${ns} /proc/1/ns`

  const places: [string, string[], string[]][] = [
    ['a recorder that ends with its process', [], []],
    ['a pinned one', [join(mount, 'secco')], []],
    ['in a cgroup namespace, as with cgroup v2', [], ['unshare', '-C']],
    [
      'in one where the kernel has no BTF',
      ['', btf],
      ['unshare', '-C', '-m', 'sh', '-c', `${hideBtf} && ${showPid1} && exec "$@"`, 'sh']
    ]
  ]
  for (const [name, args, before] of places) {
    await t.test(`it proves itself: ${name}`, async (t) => {
      const pod = await startPod(inPod.proof, args, before)
      t.match(await pod.next(), proofInPod)
      await pod.end()
    })
  }

  await t.test('a child that was killed leaves nothing that a later test finds', async (t) => {
    const pod = await startPod(inPod.left)
    t.match(await pod.next(), { ok: true })
    t.equal(await pod.next(), 1, 'its own, which counts nothing')
    await pod.end()
  })

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
