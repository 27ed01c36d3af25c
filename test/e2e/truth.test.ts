import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { t, test } from 'tap'
import { probeTracing } from '../../native/recorder.js'
import type { LinuxSeccomp, SeccompProfile } from '../../src/api/seccomp-profile.js'
import { runtimeDefault } from '../../src/seccomp/policy/runtime-default.js'
import type { Radius } from '../../webhook/confinement/what-if/radius.js'
import type { ContainerView } from '../../webhook/confinement/containers/container-views.js'
import type { DenialView } from '../../webhook/confinement/denials/denial-views.js'
import type { LadderView } from '../../webhook/confinement/ladder/ladder-view.js'
import { isNightly } from '../helpers/fuzz.js'
import { run } from '../helpers/runc-bundle.js'
import { runSecco } from '../helpers/secco-command.js'
import { declareAnother } from '../helpers/declare-another.js'
import { everything, patience, profileOf } from '../helpers/truth-rig.js'
import { until } from '../helpers/until.js'
import { replaceFile, whileDamaged } from '../helpers/while-damaged.js'
import { matchLists } from '../helpers/match-lists.js'

t.setTimeout(1_500_000)
const probe = probeTracing()
const skip = probe.available ? false : (probe.reason ?? 'nothing can be traced')
const assigned = (
  container: string,
  profile: string,
  revision: string
): Record<string, string> => ({
  'secco.dev/assigned': JSON.stringify({ [container]: { profile, revision, mode: 'enforce' } })
})

/** The pid of a container's first process, as its runtime has it. */
async function pidOf(state: string, id: string): Promise<number> {
  const { stdout } = await run('runc', ['--root', join(state, 'runc'), 'state', id])
  return (JSON.parse(stdout) as { pid: number }).pid
}

test('the truth about real containers', { skip }, async (t) => {
  const all = await everything()
  t.teardown(() => all.dispose())

  await t.test('ten containers in ten states', async (t) => {
    const distinct: Record<string, string[]> = {
      ...{ web: ['getsid'], changed: ['getsid', 'getpgid'], deleted: ['getsid', 'sysinfo'] },
      wrong: ['getsid', 'times']
    }
    for (const name of Object.keys(distinct)) {
      await all.apply(profileOf(name, distinct[name] ?? []))
    }
    await all.apply({
      ...{ apiVersion: 'secco.dev/v1alpha1', kind: 'SeccompRule' },
      metadata: { namespace: 'secco-system', name: 'guarded' },
      spec: {
        podSelector: { matchLabels: { app: 'guarded' } },
        profile: { name: 'web', namespace: 'default' },
        mode: 'enforce'
      }
    })
    const web = await all.revision('web', 'enforce')
    const audit = await all.revision('web', 'audit')
    const [changed, deleted, wrong] = [
      await all.revision('changed', 'enforce'),
      await all.revision('deleted', 'enforce'),
      await all.revision('wrong', 'enforce')
    ]
    const enforce = await all.read(web.path)
    const times: Record<string, number> = {}
    const check = async (id: string, is: (view: ContainerView) => boolean) => {
      const [view, ms] = await all.seen(id, is)
      times[id] = ms
      return view
    }
    const kinds = ({ drift }: ContainerView) => drift.map(({ kind }) => kind)

    const began = Date.now()
    await all.start('open', [], { seccomp: 'none' })
    matchLists(t, await check('open', ({ state }) => state === 'unconfined'), {
      risk: 100,
      drift: []
    })
    await all.start('plain', [], { seccomp: runtimeDefault() })
    t.match(
      await check('plain', (view) => view.state === 'runtime-default' && view.checked === 'bytes'),
      { revision: '' }
    )
    await all.start('audited', [], { seccomp: await all.read(audit.path) })
    t.match(await check('audited', (view) => view.state === 'audit' && view.checked === 'bytes'), {
      ...{ profile: 'default/web', revision: audit.digest, stale: false }
    })
    await all.start('enforced', [], { seccomp: enforce })
    matchLists(
      t,
      await check('enforced', (view) => view.state === 'enforced' && view.checked === 'bytes'),
      { profile: 'default/web', revision: web.digest, stale: false, drift: [] }
    )
    await all.start('privileged', [], { seccomp: 'none', privileged: true })
    t.match(await check('privileged', ({ state }) => state === 'not-protectable'), {
      why: /privileged/
    })
    const { items: views } = await all.api<{ items: ContainerView[] }>('containers')
    for (const { id, pid, state, startedAt } of views) {
      t.equal(pid, await pidOf(all.state, id), `${id}: its process`)
      const status = await readFile(`/proc/${pid}/status`, 'utf8')
      const mode = ['unconfined', 'not-protectable'].includes(state) ? '0' : '2'
      t.equal(/^Seccomp:\s+(\d)$/m.exec(status)?.[1], mode, `${id}: ${state}, as /proc has it`)
      // The kernel counts from the boot in steps of 10 ms.
      const at = Date.parse(startedAt)
      t.ok(at >= began - 100 && at <= Date.now() + 100, `${id}: started at ${startedAt}`)
    }
    t.equal(views.length, 5)
    await all.start('promised', [], {
      seccomp: 'none',
      annotations: assigned('promised', 'default/web', web.digest)
    })
    const promised = await check('promised', ({ state }) => state === 'unconfined')
    matchLists(t, promised.drift, [
      { kind: 'Unconfined', message: /declared web@.*running unconfined/ }
    ])
    await all.start('missed', [], { seccomp: 'none', annotations: { app: 'guarded' } })
    t.match(await check('missed', ({ unprotected }) => unprotected !== null), {
      state: 'unconfined',
      unprotected: { rule: 'secco-system/guarded', message: /outside Kubernetes no webhook/ }
    })

    await all.start('changed', [], { seccomp: await all.read(changed.path) })
    await check('changed', ({ state }) => state === 'enforced')
    const changing = () => replaceFile(all.file(changed.path), '{"defaultAction":"SCMP_ACT_ALLOW"}')
    const isDrifted = ({ drift }: ContainerView) => drift.length > 0
    t.same(kinds(await whileDamaged(changing, () => check('changed', isDrifted))), ['FileChanged'])
    await all.start('deleted', [], { seccomp: await all.read(deleted.path) })
    await check('deleted', ({ state }) => state === 'enforced')
    const deleting = () => rm(all.file(deleted.path), { force: true })
    t.same(kinds(await whileDamaged(deleting, () => check('deleted', isDrifted))), ['FileMissing'])
    const replacing = () => replaceFile(all.file(wrong.path), JSON.stringify(runtimeDefault()))
    const differing = await whileDamaged(replacing, async () => {
      await all.start('wrong', [], {
        seccomp: runtimeDefault(),
        annotations: assigned('wrong', 'default/wrong', wrong.digest)
      })
      return check('wrong', ({ drift }) => drift.length > 1)
    })
    t.same(
      kinds(differing).sort(),
      ['ConfigDiffers', 'FileChanged'],
      'the wrong file under the right name'
    )

    await all.apply(profileOf('web', ['getsid', 'getpriority']))
    const newer = await all.revision('web', 'enforce', web.digest)
    t.match(await check('enforced', ({ stale }) => stale), { wanted: newer.digest })
    t.comment(`ms from the change to the right answer: ${JSON.stringify(times)}`)

    const ps = await all.secco('ps', '-o', 'wide')
    t.match(ps, /missed +n1 +unconfined \(not protected\)/)
    t.match(ps, /enforced +n1 +enforced +web@[0-9a-f]{8} +yes/)
    const missed = await all.secco('explain', 'missed')
    t.match(missed, /Rules that match: secco-system\/guarded/)
    t.match(missed, /secco .*profile export default\/web --mode enforce` prints/)
    const gone = /the file of deleted@.* is gone/
    const said = async () => gone.test(await all.secco('explain', 'deleted')) || undefined
    await whileDamaged(deleting, () => until('explain to say it', said, patience))
    t.match(all.log(), /declared web@[0-9a-f]+, running unconfined/)
    t.match(all.log(), /container is not protected as its rule says/)
    const drifted = async () => {
      const profile = await all.json<{ items: SeccompProfile[] }>('get', 'profiles', 'deleted')
      return profile.items[0]?.status?.conditions?.find(
        ({ type, status }) => type === 'Drifted' && status === 'True'
      )
    }
    const condition = await whileDamaged(deleting, () =>
      until('the Drifted condition', drifted, patience)
    )
    t.match(condition, { status: 'True', reason: 'FileMissing' })
    const ended = /the file of deleted@[0-9a-f]{8} is gone from its node, until /
    const isWritten = async () => ended.test(await all.secco('history', 'deleted')) || undefined
    await until('the drift and its end in the history', isWritten, patience)
    for (const id of [
      'open',
      'plain',
      'audited',
      'privileged',
      'promised',
      'missed',
      'changed',
      'deleted',
      'wrong',
      'enforced'
    ]) {
      await all.stop(id)
    }
    await until(
      'an empty ps',
      async () => (await all.json<{ items: unknown[] }>('ps')).items.length === 0 || undefined,
      patience
    )
  })

  await t.test('the profile of somebody else', async (t) => {
    const names = ['getsid', 'getpgid']
    const seccomp: LinuxSeccomp = {
      defaultAction: 'SCMP_ACT_ALLOW',
      syscalls: [{ names, action: 'SCMP_ACT_ERRNO' }]
    }
    await all.start('foreign', [], { seccomp })
    const [foreign] = await all.seen('foreign', ({ checked }) => checked === 'bytes')
    matchLists(t, foreign, { state: 'other', why: /somebody else.* byte for byte/, drift: [] })
    await all.stop('foreign')
  })

  // A satellite reads everything again after two minutes; a usual run has satellite/inspector/declared-again.test.ts.
  if (isNightly) {
    await t.test(
      'a filter that is not the declared one: somebody changed what is declared',
      async (t) => {
        await all.apply(profileOf('hidden', []))
        const revision = await all.revision('hidden', 'enforce')
        await all.start('hidden', [], {
          seccomp: runtimeDefault(),
          annotations: assigned('hidden', 'default/hidden', revision.digest)
        })
        const kinds = ({ drift }: ContainerView) => drift.map(({ kind }) => kind).join()
        await all.seen('hidden', (view) => kinds(view) === 'ConfigDiffers')
        await declareAnother(all.folder('hidden'), await all.read(revision.path))
        const [hidden, ms] = await all.seen('hidden', (view) => kinds(view) === 'FilterDiffers')
        t.comment(`${ms} ms from the change to the drift`)
        matchLists(t, hidden, {
          ...{ state: 'other', checked: 'table', profile: 'default/hidden' },
          why: /^the filter in force is not the declared one: \w+ .*: SCMP_ACT_ALLOW instead of SCMP_ACT_ERRNO 1$/,
          drift: [{ message: /^declared hidden@[0-9a-f]{8}, another filter is in force: \w+ / }]
        })
        const ps = await all.secco('ps', '--wrong')
        t.match(ps, /hidden +n1 +other profile \(FilterDiffers\)/)
        t.match(await all.secco('explain', 'hidden'), /another filter is in force/)
        t.match(await all.page('/workloads/default/hidden'), /another filter is in force/)
        const condition = await until(
          'the condition to say it',
          async () => {
            const { items } = await all.json<{ items: SeccompProfile[] }>(
              'get',
              'profiles',
              'hidden'
            )
            const found = items[0]?.status?.conditions?.find(({ type }) => type === 'Drifted')
            return found?.reason === 'FilterDiffers' ? found : undefined
          },
          patience
        )
        t.match(condition, { status: 'True', message: /^1 of 1 container: n1: declared hidden@/ })
        await all.stop('hidden')
      }
    )
  }

  await t.test('a denial in each mode: seen, explained, allowed, gone', async (t) => {
    await all.apply(profileOf('deny', []))
    const enforce = await all.revision('deny', 'enforce')
    const audit = await all.revision('deny', 'audit')
    const denied = (container: string) =>
      until(
        `a denial in ${container}`,
        async () => {
          const { items } = await all.api<{ items: DenialView[] }>('denials')
          return items.find((one) => one.container === container && one.comm === 'again')
        },
        patience
      )
    await all.start('deny', ['getpgid'], { seccomp: await all.read(enforce.path), again: true })
    t.match(await denied('deny'), {
      ...{ node: 'n1', answer: 'EPERM', syscall: 'getpgid', mode: 'enforce' },
      ...{ errno: 1, pid: await pidOf(all.state, 'deny') },
      revision: enforce.digest,
      hint: /secco denials allow default\/deny getpgid/
    })
    await all.start('deny-audit', ['getpgid'], {
      seccomp: await all.read(audit.path),
      again: true,
      annotations: { 'secco.dev/profile': 'deny' }
    })
    t.match(await denied('deny-audit'), { answer: 'logged', mode: 'audit' })
    t.match(
      await all.secco('profile', 'show', 'deny'),
      /✗ denied: getpgid \(.*; logged, and denied in enforce mode: getpgid \([^]*^Logged: +getpgid /m,
      'what audit logged is no evidence that nothing is denied'
    )
    t.match(
      await all.secco('why-eperm', 'deny'),
      /again \(pid \d+\) in deny on n1 called getpgid and got EPERM/
    )

    const nothing = await runSecco([
      ...['denials', 'allow', 'plain', 'getpgid', '--yes', '--reason', 'x', '--state', all.state]
    ])
    t.match(nothing, { code: 1, stderr: /plain: nothing is approved yet.*\(APPROVAL_INVALID\)/ })
    const before = await all.secco('denials', 'allow', 'deny', 'getpgid')
    t.match(before, /\+ getpgid\nrevision sha256:\w+ → a new one/)
    t.equal((await all.revision('deny', 'enforce')).digest, enforce.digest, 'nothing without --yes')
    const why = ['--yes', '--reason', 'it needs it']
    const allowed = await all.secco('denials', 'allow', 'deny', 'getpgid', ...why)
    const next = await all.revision('deny', 'enforce', enforce.digest)
    t.match(allowed, `→ ${next.digest.slice(0, 19)}`, 'the revision that nodes get')
    t.match((await all.seen('deny', ({ stale }) => stale))[0], { wanted: next.digest })
    await all.stop('deny')
    // Of the two calls of each turn the second one is still denied: when it is known, so would be the first.
    await all.start('deny', ['getpgid', 'times'], {
      seccomp: await all.read(next.path),
      again: true
    })
    const [healed] = await all.seen(
      'deny',
      (view) => view.revision === next.digest && view.checked === 'bytes'
    )
    t.match(healed, { state: 'enforced', stale: false })
    const deniedNow = await until(
      'a denial under the new revision',
      async () => {
        const { items } = await all.api<{ items: DenialView[] }>('denials')
        const own = items.filter(({ revision }) => revision === next.digest)
        return own.length > 0 ? own.map(({ syscall }) => syscall) : undefined
      },
      patience
    )
    t.same(deniedNow, ['times'], 'what was allowed is denied no more')
    await all.stop('deny')
    await all.stop('deny-audit')
  })

  await t.test('a canary that breaks goes back by itself', async (t) => {
    await all.apply(profileOf('api', ['getsid']))
    const good = await all.revision('api', 'enforce')
    const labels = { 'secco.dev/profile': 'api' }
    await until(
      'the revision in the snapshot',
      async () => (await all.admit('api-0', labels)) === good.path || undefined,
      patience
    )
    await all.apply(profileOf('api', []))
    const bad = await all.revision('api', 'enforce', good.digest)
    await all.secco(
      ...['promote', 'api', 'enforce', '--canary', '25%', '--quiet-for', '1h'],
      ...['--reason', 'smaller']
    )
    const paths = await until(
      'the canary in the snapshot',
      async () => {
        const got: string[] = []
        for (const n of [0, 1, 2, 3]) got.push(await all.admit(`api-${n}`, labels))
        return got.filter((path) => path === bad.path).length === 1 && !got.includes('')
          ? got
          : undefined
      },
      patience
    )
    t.same(paths, [bad.path, good.path, good.path, good.path], '1 of 4')
    for (const [n, path] of paths.entries()) {
      await all.start(`api-${n}`, ['getsid'], { seccomp: await all.read(path), again: true })
    }
    const ladder = await until(
      'the return',
      async () => {
        const { items } = await all.api<{ items: LadderView[] }>('ladder')
        const own = items.find(({ profile }) => profile === 'api')
        // The revision is the one in use: the hub still has to publish the former one.
        const isBack = own?.history.at(-1)?.action === 'return' && own.revision === good.digest
        return isBack ? own : undefined
      },
      patience
    )
    t.match(ladder, { mode: 'enforce', revision: good.digest, canary: null })
    t.match(ladder.history.at(-1), { by: 'policy', reason: /calls? denied in the canary: getsid/ })
    t.equal(
      await until(
        'new pods under the former revision',
        async () => ((await all.admit('api-4', labels)) === good.path ? good.path : undefined),
        patience
      ),
      good.path
    )
    const { items } = await all.api<{ items: DenialView[] }>('denials')
    const hit = new Set(
      items.filter(({ syscall }) => syscall === 'getsid').map((one) => one.container)
    )
    t.same([...hit], ['api-0'], 'three of four never noticed')
    for (const n of [0, 1, 2, 3]) await all.stop(`api-${n}`)
  })

  await t.test('block names exactly the users, and counts the restarts', async (t) => {
    const uses = ['getpriority', 'getsid', 'getpriority', 'getpgid', 'getsid']
    await all.apply(profileOf('fleet', ['getpriority', 'getsid', 'getpgid']))
    const { path } = await all.revision('fleet', 'enforce')
    const seccomp = await all.read(path)
    for (const [n, call] of uses.entries()) {
      const annotations = { 'secco.dev/profile': 'fleet', tier: n < 3 ? 'front' : 'back' }
      await all.start(`user-${n}`, [call], { seccomp, annotations })
    }
    const simulated = await until(
      'everybody is known',
      async () => {
        const radius = await all.json<Radius>('simulate', '--deny', 'getpriority')
        const { considered, without, hit } = radius
        return considered === 5 && without === 0 && hit === 2 ? radius : undefined
      },
      patience
    )
    t.same(simulated.containers.map(({ name }) => name).sort(), ['user-0', 'user-2'])
    matchLists(t, simulated.containers[0]?.denied, [
      { syscall: 'getpriority', count: 1, certain: true }
    ])
    const front = await all.json<Radius>('simulate', '--deny', 'getsid', '-l', 'tier=front')
    t.same(
      front.containers.map(({ name }) => name),
      ['user-1'],
      'by selector'
    )

    const dry = await runSecco(['block', 'getpriority', '--dry-run', '--state', all.state])
    t.match(dry.stdout, /user-0[^\n]*getpriority × 1/)
    t.match(dry.stdout, /user-2[^\n]*getpriority × 1/)
    t.notMatch(dry.stdout, /user-[134]/)
    await until(
      'all five filters to be read',
      async () => (await all.api<{ total: number }>('block')).total === 5 || undefined,
      patience
    )
    await all.secco('block', 'getpriority', '--reason', 'a test')
    const blocked = await all.revision(
      'fleet',
      'enforce',
      /\/([0-9a-f]{64})/.exec(path)?.[1] === undefined
        ? ''
        : `sha256:${/\/([0-9a-f]{64})/.exec(path)?.[1] ?? ''}`
    )
    const open = await until(
      'all five to be restarted',
      async () => {
        const answer = await all.api<{ restart: { name: string }[]; done: number }>('block')
        return answer.restart.length === 5 ? answer : undefined
      },
      patience
    )
    t.equal(open.done, 0)
    const again = await all.read(blocked.path)
    for (const n of [0, 1, 2, 3, 4]) {
      await all.stop(`user-${n}`)
      await all.start(`user-${n}`, ['getpriority'], {
        seccomp: again,
        annotations: { 'secco.dev/profile': 'fleet' }
      })
    }
    await until(
      'progress of 100 %',
      async () => (await all.api<{ done: number }>('block')).done === 100 || undefined,
      patience
    )
    const denied = await until(
      'the call denied everywhere',
      async () => {
        const { items } = await all.api<{ items: DenialView[] }>('denials?profile=fleet')
        const names = new Set(
          items.filter(({ syscall }) => syscall === 'getpriority').map((one) => one.container)
        )
        return names.size === 5 ? names : undefined
      },
      patience
    )
    t.equal(denied.size, 5)
    const { items } = await all.api<{ items: ContainerView[] }>('containers')
    const restarts = items.map(({ id, restarts }) => `${id} ${restarts}`)
    t.same(
      restarts.sort(),
      [0, 1, 2, 3, 4].map((n) => `user-${n} 1`),
      'each was started twice'
    )
    await all.secco('block', 'getpriority', '--remove')
  })
})

test('the truth about containers that containerd runs', { skip }, async (t) => {
  const all = await everything({ containerd: true })
  t.teardown(() => all.dispose())
  const { containerd } = all
  if (containerd === undefined) return
  const ids = ['open', 'plain', 'audited', 'enforced', 'powerful', 'deny']
  t.teardown(async () => {
    for (const id of ids) await containerd.remove(id)
  })
  const under = (path: string): string[] => ['--seccomp', '--seccomp-profile', all.file(path)]
  const learned = (name: string): string[] => ['--label', `secco.dev/profile=${name}`]
  const start = (id: string, command: readonly string[], options: readonly string[]) =>
    containerd.run(id, all.rootfs, command, options)
  const waiting = ['/probe', 'wait']

  await t.test('its state, whichever it is', async (t) => {
    await all.apply(profileOf('web', ['clone', 'getsid']))
    const audit = await all.revision('web', 'audit')
    const enforce = await all.revision('web', 'enforce')
    await start('open', waiting, [])
    matchLists(t, (await all.seen('open', ({ state }) => state === 'unconfined'))[0], { drift: [] })
    await start('plain', waiting, ['--seccomp'])
    await all.seen('plain', (one) => one.state === 'runtime-default' && one.checked === 'bytes')
    await start('powerful', waiting, ['--privileged'])
    await all.seen('powerful', ({ state }) => state === 'not-protectable')
    // Go leaves zeros out when containerd writes the configuration: it is the revision all the same.
    await start('audited', waiting, [...under(audit.path), ...learned('web')])
    const [audited] = await all.seen('audited', ({ checked }) => checked === 'bytes')
    matchLists(t, audited, {
      state: 'audit',
      revision: audit.digest,
      profile: 'default/web',
      drift: []
    })
    t.match(audited, { learned: 'default/web', runtime: 'containerd', disk: 'ok' })
    await start('enforced', waiting, [...under(enforce.path), ...learned('web')])
    const [enforced] = await all.seen('enforced', ({ checked }) => checked === 'bytes')
    matchLists(t, enforced, {
      state: 'enforced',
      revision: enforce.digest,
      stale: false,
      drift: []
    })
    const ps = await all.secco('ps')
    t.match(ps, /audited +n1 +audit +web@[0-9a-f]{8}/)
    t.match(ps, /enforced +n1 +enforced +web@[0-9a-f]{8}/)
    t.match(await all.secco('explain', 'audited'), /audit; web@[0-9a-f]{8}: .* byte for byte/)
    for (const id of ids.slice(0, -1)) await containerd.remove(id)
  })

  await t.test('denied, explained, allowed, gone', async (t) => {
    await all.apply(profileOf('deny', []))
    const { path, digest } = await all.revision('deny', 'enforce')
    await start('deny', ['/again', 'getpgid'], under(path))
    const denial = await until(
      'the denial',
      async () => {
        const { items } = await all.api<{ items: DenialView[] }>('denials')
        return items.find((one) => one.container === 'deny' && one.comm === 'again')
      },
      patience
    )
    t.match(denial, { answer: 'EPERM', syscall: 'getpgid', mode: 'enforce', profile: 'deny' })
    t.match(
      await all.secco('why-eperm', 'deny'),
      /again \(pid \d+\) in deny on n1 called getpgid and got EPERM/
    )
    await all.secco('denials', 'allow', 'deny', 'getpgid', '--yes', '--reason', 'it needs it')
    const next = await all.revision('deny', 'enforce', digest)
    await all.seen('deny', ({ stale }) => stale)
    await containerd.remove('deny')
    const asked = await until(
      'it is gone',
      async () => {
        const told = await all.secco('why-eperm', 'deny')
        return told.startsWith('No container of that name runs now.') ? told : undefined
      },
      patience
    )
    t.match(asked, /again \(pid \d+\) in deny on n1 called getpgid and got EPERM/)
    await start('deny', ['/again', 'getpgid'], under(next.path))
    const [healed] = await all.seen(
      'deny',
      (view) => view.revision === next.digest && view.checked === 'bytes'
    )
    matchLists(t, healed, { state: 'enforced', stale: false, drift: [], denials: 0 })
  })
})

test('a denied call that is to alarm nobody', { skip }, async (t) => {
  const all = await everything()
  t.teardown(() => all.dispose())
  await all.apply(profileOf('agent', []))
  const { path } = await all.revision('agent', 'enforce')
  await all.start('agent', ['getsid'], { seccomp: await all.read(path), again: true })
  const listed = async (more = ''): Promise<DenialView | undefined> =>
    (await all.api<{ items: DenialView[] }>(`denials${more}`)).items.find(
      ({ container, comm }) => container === 'agent' && comm === 'again'
    )
  const first = await until('the denial', () => listed(), patience)
  const mute = ['denials', 'mute', 'agent', 'getsid']
  const unexplained = await runSecco([...mute, '--state', all.state])
  t.match(unexplained, { code: 1, stderr: /--reason/ }, 'a reason is asked for')
  t.ok(await listed(), 'and nothing is muted without one')
  const why = ['--reason', 'it tries at every start']
  t.match(await all.secco(...mute, ...why), /^muted in default\/agent: getsid of again$/m)
  await until('nothing to alarm', async () => ((await listed()) ? undefined : true), patience)
  t.notMatch(await all.secco('denials'), /getsid/)
  t.match(await all.secco('denials', '--muted'), /getsid/)
  const later = await until(
    'it to be counted still',
    async () => {
      const row = await listed('?muted=true')
      return row !== undefined && row.count > first.count ? row : undefined
    },
    patience
  )
  t.equal(later.muted, true)
  const { items } = await all.api<{ items: LadderView[] }>('ladder')
  t.match(items.find(({ profile }) => profile === 'agent')?.history.at(-1), {
    ...{ action: 'mute', from: 'not muted', to: 'muted' },
    reason: 'getsid of again: it tries at every start'
  })
  t.match(JSON.parse(await all.secco('ui', 'audit', '-o', 'json')), {
    items: [
      {
        ...{ action: 'postMute', object: 'default/agent', status: 200 },
        detail: 'getsid: it tries at every start'
      }
    ]
  })
  await all.secco(...mute, '--remove', '--reason', 'its makers fixed it')
  await until('to be heard of again', () => listed(), patience)
  t.match(await all.secco('denials'), /getsid/)
  await all.stop('agent')
})
