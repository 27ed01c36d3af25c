import type { ChildProcessWithoutNullStreams } from 'node:child_process'
import { once } from 'node:events'
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { t, test } from 'tap'
import { probeTracing } from '../../native/recorder.js'
import type { LadderView } from '../../webhook/confinement/ladder/ladder-view.js'
import { runSecco, spawnSecco } from '../helpers/secco-command.js'
import { everything, patience, profileOf } from '../helpers/truth-rig.js'
import { until } from '../helpers/until.js'

t.setTimeout(1_200_000)
const probe = probeTracing()
const skip = probe.available ? false : (probe.reason ?? 'nothing can be traced')

/** A command that runs until it is told to stop, and what it has said. */
function follow(...args: string[]) {
  const child: ChildProcessWithoutNullStreams = spawnSecco(args)
  let said = ''
  child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()))
  return {
    said: () => said,
    seen: (text: RegExp) =>
      until(
        `${String(text)} of secco ${args[0] ?? ''}`,
        () => text.exec(said) ?? undefined,
        patience
      ),
    async stop(): Promise<number | null> {
      child.kill('SIGINT')
      if (child.exitCode === null) await once(child, 'close')
      return child.exitCode
    }
  }
}

test('the verbs of the truth, on real containers', { skip }, async (t) => {
  const all = await everything({ seccompFolder: 'kubelet' })
  t.teardown(() => all.dispose())
  const at = ['--state', all.state]
  const ladderOf = async (name: string): Promise<LadderView | undefined> =>
    (await all.api<{ items: LadderView[] }>('ladder')).items.find(({ profile }) => profile === name)
  const admitted = (name: string, path: string, not = false) =>
    until(
      `pods of ${name} to get ${path}`,
      async () =>
        ((await all.admit(`${name}-pod`, { 'secco.dev/profile': name })) === path) !== not ||
        undefined,
      patience
    )

  await t.test('doctor: every link green; red with the fix', async (t) => {
    const alone = await runSecco(['doctor', ...at])
    t.equal(alone.code, 0, `it knows the folder of the running program: ${alone.stdout}`)
    const elsewhere = await runSecco(['doctor', '--seccomp-root', join(all.state, 'no'), ...at])
    t.equal(elsewhere.code, 1, 'another folder')
    t.match(
      elsewhere.stdout,
      /✗ the file on this node has the digest in its name +there is no .*\.json/
    )
    t.match(elsewhere.stdout, /next: give --seccomp-root the folder that the satellite writes to/)
    t.match(elsewhere.stdout, /· a container starts under the profile +not tried/)
    t.comment(elsewhere.stdout)

    const doctor = ['doctor', '--seccomp-root', all.seccompRoot, ...at]
    const good = await runSecco(doctor)
    t.equal(good.code, 0, good.stdout + good.stderr)
    const [chain = '', hub] = good.stdout.split('\n\n')
    t.equal(chain.match(/^✓ /gm)?.length, 7)
    t.match(chain, /the whole chain works$/)
    t.match(hub, /^\d+ checks of the hub, as on its page Doctor: /)
    t.match(good.stdout, /✓ a denial is recorded with its process +getsid by \S+ got EPERM on n1/)
    t.comment(good.stdout)
    t.notMatch(await all.secco('get', 'profiles', '-A'), /secco-doctor/, 'it leaves no profile')
    await until(
      'nobody to have to decide on its call',
      async () => !(await all.secco('denials')).includes('secco-doctor') || undefined,
      patience
    )

    // Somebody removes the canary's file as often as it is written.
    const folder = join(all.seccompRoot, 'secco', 'default', 'secco-doctor')
    const removing = new AbortController()
    const remover = (async () => {
      while (!removing.signal.aborted) {
        for (const file of await readdir(folder).catch(() => [])) {
          await rm(join(folder, file), { force: true })
        }
        await new Promise((resolve) => setTimeout(resolve, 1))
      }
    })()
    const red = await runSecco(doctor)
    removing.abort()
    await remover
    t.equal(red.code, 1)
    // The webhook names no file that the node does not have; else the file itself is found missing.
    t.match(red.stdout, /✗ (a profile becomes|the webhook patches|the file on this node)/)
    t.match(red.stdout, /next: (look at|find the node|give --seccomp-root)/)
    t.match(red.stdout, /· the kernel's filter is that revision +not tried/)
    t.comment(red.stdout)
  })

  await t.test('ps --watch and denials -f as it happens', async (t) => {
    await all.apply(profileOf('web', []))
    const web = await all.revision('web', 'enforce')
    const watch = follow('ps', '--watch', ...at)
    const denials = follow('denials', '-f', '-o', 'json', ...at)
    await all.start('web', ['getsid'], { seccomp: await all.read(web.path), again: true })
    await watch.seen(/web +n1 +enforced +web@[0-9a-f]{8}/)
    const [line] = await denials.seen(/^.*"syscall":"getsid".*$/m)
    t.match(JSON.parse(line), { node: 'n1', profile: 'web', answer: 'EPERM', comm: 'again' })
    await all.stop('web')
    await watch.seen(/No containers found/)
    t.equal(await watch.stop(), 0)
    await denials.stop()
  })

  await t.test('rollback: one command back', async (t) => {
    await all.apply(profileOf('api', ['getsid']))
    const first = await all.revision('api', 'enforce')
    await admitted('api', first.path)
    await all.apply(profileOf('api', ['getsid', 'getpgid']))
    const second = await all.revision('api', 'enforce', first.digest)
    await admitted('api', second.path)
    t.match(
      await all.secco('rollback', 'api', '--reason', 'it broke'),
      /last step: rollback by .*it broke/
    )
    await admitted('api', first.path)
    t.match((await ladderOf('api'))?.history.at(-1), { action: 'rollback', reason: 'it broke' })
  })

  await t.test('enforceAfter: a declared policy enforces after a quiet audit', async (t) => {
    const profile = profileOf('job', ['getsid'])
    await all.apply({
      ...profile,
      spec: { ...profile.spec, ladder: { mode: 'audit', enforceAfter: '30s' } }
    })
    const audit = await all.revision('job', 'audit')
    const enforce = await all.revision('job', 'enforce')
    await admitted('job', audit.path)
    await all.start('job', ['getsid'], {
      seccomp: await all.read(audit.path),
      annotations: { 'secco.dev/profile': 'job' }
    })
    await all.seen('job', ({ state }) => state === 'audit')
    await admitted('job', enforce.path)
    t.match((await ladderOf('job'))?.history.at(-1), {
      ...{ action: 'promote', by: 'policy', to: 'enforce' },
      reason: '30s in audit without a syscall that enforce would deny'
    })
    await all.stop('job')
  })

  await t.test('doctor where the webhook and the hub are stopped', async (t) => {
    await all.halt()
    const red = await runSecco(['doctor', ...at])
    t.equal(red.code, 1)
    t.match(red.stdout, /✗ the hub answers, and a node is connected/)
    t.match(red.stdout, /next: start `secco --state \S+ up`/)
    t.comment(red.stdout)
  })
})
