import { revisionPath } from '../../../src/api/names.js'
import { access, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'tap'
import type { Container } from '../../../satellite/containers/runtime.js'
import { openRevisionFiles } from '../../../satellite/revisions/revision-files.js'
import type { RevisionRef, RevisionStatus } from '../../../src/api/gen/hub.js'
import { until, within } from '../../helpers/until.js'
import { collectLog } from '../../webhook/hub/rig.js'
import { allowing, revisionOf, trialThatWorks } from '../revision-of.js'

const revision = (profile: string) => revisionOf(allowing('read'), { generation: 1 }, profile)

test('a missing file is reported to the hub, which has its bytes', async (t) => {
  const root = await mkdtemp(join(tmpdir(), 'secco-revisions-'))
  t.teardown(() => rm(root, { recursive: true, force: true }))
  const { logger } = collectLog()
  // The timer of RevisionFiles does not keep the process alive.
  const alive = setInterval(() => undefined, 1000)
  t.teardown(() => clearInterval(alive))
  const pathOf = (one: RevisionRef) =>
    join(root, revisionPath(one.namespace, one.profile, one.digest))
  const open = (onStatus: (status: RevisionStatus) => void, collectMs: number) =>
    openRevisionFiles({
      ...{ root, logger, onStatus, containers: () => [] },
      dependencies: { trial: trialThatWorks },
      verifyMs: 20,
      keepUnusedMs: collectMs
    })
  const lost = async (
    ref: RevisionRef,
    collectMs: number,
    act: (files: Files) => Promise<void>
  ) => {
    let opened: Files | undefined
    const reported = new Promise<RevisionStatus>((resolve, reject) => {
      open((status) => resolve(status), collectMs)
        .then(async (files) => {
          opened = files
          t.ok(files.holding().some(({ profile }) => profile === ref.profile))
          await act(files)
        })
        .catch(reject)
    })
    const status = await within(`the status of ${ref.profile}`, reported, 20_000)
    await opened?.close()
    return status
  }
  type Files = Awaited<ReturnType<typeof open>>

  const web = revision('web')
  const first = await open(() => undefined, 60_000)
  t.match(await first.install(web), { ready: true })
  await first.close()
  const gone = { namespace: 'shop', profile: 'web', digest: web.digest, ready: false }

  // After a restart this node does not have its bytes any more.
  const byHand = await lost(web, 60_000, (files) => {
    files.desire([web])
    return rm(pathOf(web))
  })
  t.matchOnly(byHand, { ...gone, code: 'NOT_FOUND', message: /gone from this node/ })

  const job = revision('job')
  const second = await open(() => undefined, 60_000)
  t.match(await second.install(job), { ready: true })
  await second.close()
  let holding: () => RevisionRef[] = () => []
  const collected = await lost(job, 0, (files) => {
    holding = () => files.holding()
    files.desire([])
    return Promise.resolve()
  })
  t.matchOnly(collected, {
    ...{ ...gone, profile: 'job', digest: job.digest, code: 'NOT_FOUND' },
    message: /gone from this node/
  })
  await t.rejects(access(pathOf(job)), { code: 'ENOENT' })
  t.same(holding(), [])
})

test('the bytes of a revision: of its file, else of a container that runs under it', async (t) => {
  const root = await mkdtemp(join(tmpdir(), 'secco-revisions-'))
  t.teardown(() => rm(root, { recursive: true, force: true }))
  const { logger } = collectLog()
  const revisionWith = (name: string) => revisionOf(allowing(name), { generation: 1 })
  const installed = revisionWith('read')
  const running = revisionWith('write')
  const absent = revisionWith('mount')
  const container = { id: 'c', name: 'web', seccomp: allowing('write') } as Container
  const files = await openRevisionFiles({
    ...{ root, logger, onStatus: () => undefined, containers: () => [container] },
    dependencies: { trial: trialThatWorks, acceptFilter: () => Promise.resolve() }
  })
  t.teardown(() => files.close())
  t.match(await files.install(installed), { ready: true })
  t.same(await files.read(installed), installed.json)
  t.same(await files.read({ ...running, namespace: '', profile: '' }), running.json)
  t.equal(await files.read(absent), undefined)
  await writeFile(join(root, revisionPath('shop', 'web', installed.digest)), '{}')
  t.equal(await files.read(installed), undefined, 'a changed file is no revision')
})

test('a stricter floor counts for files of an earlier run too', async (t) => {
  const root = await mkdtemp(join(tmpdir(), 'secco-revisions-'))
  t.teardown(() => rm(root, { recursive: true, force: true }))
  const { logger } = collectLog()
  const open = (floor: 'approved' | 'runtime-default') =>
    openRevisionFiles({
      ...{ root, logger, floor, onStatus: () => undefined, containers: () => [] },
      dependencies: { trial: trialThatWorks, acceptFilter: () => Promise.resolve() }
    })
  const approved = { generation: 1, beyond: ['mount'], approvedBy: 'olga' }
  const wide = revisionOf(allowing('read', 'mount'), approved, 'wide')
  const narrow = revision('narrow')
  const before = await open('approved')
  t.match(await before.install(wide), { ready: true })
  t.match(await before.install(narrow), { ready: true })
  await before.close()
  const after = await open('runtime-default')
  t.same(
    after.holding().map(({ profile }) => profile),
    ['narrow']
  )
  t.match(await after.install(wide), { ready: false, code: 'WEAKER_THAN_FLOOR' })
  t.match(await after.install(narrow), { ready: true })
  await after.verify()
  t.equal(after.holding().length, 1)
  await access(join(root, revisionPath(wide.namespace, wide.profile, wide.digest)))
  await after.close()
})

test('no revision is installed while unused ones are removed', async (t) => {
  const root = await mkdtemp(join(tmpdir(), 'secco-revisions-'))
  t.teardown(() => rm(root, { recursive: true, force: true }))
  const events: string[] = []
  let end = (): void => undefined
  const ended = new Promise<void>((resolve) => (end = resolve))
  const slow = revisionOf(allowing('read', 'write'), { generation: 1 }, 'slow')
  const next = revision('next')
  const { logger, seen } = collectLog()
  const files = await openRevisionFiles({
    ...{ root, logger, onStatus: () => undefined, containers: () => [] },
    dependencies: {
      acceptFilter: () => Promise.resolve(),
      trial: async (seccomp) => {
        const isSlow = seccomp.syscalls?.[0]?.names.includes('write') === true
        events.push(isSlow ? 'slow' : 'next')
        if (isSlow) await ended
        return trialThatWorks()
      }
    },
    ...{ verifyMs: 3_600_000, keepUnusedMs: 0 }
  })
  const damaged = join(root, revisionPath('shop', 'old', `sha256:${'0'.repeat(64)}`))
  await mkdir(dirname(damaged), { recursive: true })
  await writeFile(damaged, '{}')
  files.desire([next])
  const first = files.install(slow)
  const verified = files.verify().then(() => events.push('removed'))
  await seen(/does not match its name/)
  const second = files.install(next)
  setTimeout(end, 200)
  t.match(await second, { ready: true })
  await verified
  await first
  t.same(events, ['slow', 'removed', 'next'])
  await access(join(root, revisionPath(next.namespace, next.profile, next.digest)))
  await files.close()
})

test('an older revision is not accepted while a newer one is being installed', async (t) => {
  const root = await mkdtemp(join(tmpdir(), 'secco-revisions-'))
  t.teardown(() => rm(root, { recursive: true, force: true }))
  let end = (): void => undefined
  const ended = new Promise<void>((resolve) => (end = resolve))
  const createdAt = '2026-11-24T10:00:00Z'
  const newer = revisionOf(allowing('read'), { generation: 2, createdAt })
  const older = revisionOf(allowing('read', 'write'), { generation: 1, createdAt })
  const other = revisionOf(allowing('read'), { generation: 1, createdAt }, 'other')
  const { logger } = collectLog()
  let tried = 0
  const files = await openRevisionFiles({
    ...{ root, logger, onStatus: () => undefined, containers: () => [] },
    dependencies: {
      acceptFilter: () => Promise.resolve(),
      trial: async () => {
        tried += 1
        if (tried === 1) await ended
        return trialThatWorks()
      }
    }
  })
  const first = files.install(newer)
  await until('its trial', () => (tried === 1 ? true : undefined))
  const second = files.install(older)
  t.match(await files.install(other), { ready: true }, 'another profile does not wait')
  end()
  t.match(await first, { ready: true })
  t.match(await second, { ready: false, code: 'OLDER_GENERATION' })
  t.strictSame(
    files.holding().map(({ digest }) => digest),
    [other.digest, newer.digest]
  )
  await files.close()
})

test('a file stays while a pod refers to it or a container runs under it, and goes after that', async (t) => {
  const root = await mkdtemp(join(tmpdir(), 'secco-revisions-'))
  t.teardown(() => rm(root, { recursive: true, force: true }))
  const { logger } = collectLog()
  const of = (profile: string, name: string) =>
    revisionOf(allowing(name), { generation: 1 }, profile)
  const [referred, running, unused] = [
    of('referred', 'read'),
    of('running', 'write'),
    of('unused', 'close')
  ]
  const container = { id: 'c', name: 'web', pid: 7, seccomp: allowing('write') } as Container
  let containers = [container]
  const files = await openRevisionFiles({
    ...{ root, logger, onStatus: () => undefined, containers: () => containers },
    dependencies: { trial: trialThatWorks, acceptFilter: () => Promise.resolve() },
    ...{ verifyMs: 3_600_000, keepUnusedMs: 0 }
  })
  t.teardown(() => files.close())
  for (const one of [referred, running, unused]) t.match(await files.install(one), { ready: true })
  const held = () =>
    files
      .holding()
      .map(({ profile }) => profile)
      .sort()
  await files.verify()
  t.same(held(), ['referred', 'running', 'unused'], 'the hub has not said yet what it wants')
  // A pod whose container stopped and is not deleted: the hub names its revision, no process runs under it.
  files.desire([referred])
  await files.verify()
  t.same(held(), ['referred', 'running'])
  await t.rejects(access(join(root, revisionPath('shop', 'unused', unused.digest))))
  containers = [{ ...container, pid: 0 }]
  await files.verify()
  t.same(held(), ['referred'], 'its container ended, and no pod refers to it')
  files.desire([])
  await files.verify()
  t.same(held(), [])
  await t.rejects(access(join(root, revisionPath('shop', 'referred', referred.digest))))
})
