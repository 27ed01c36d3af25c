import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { t, test } from 'tap'
import { probeTracing } from '../../native/recorder.js'
import type { DenialList } from '../../webhook/confinement/denials/denial-routes.js'
import { everything, patience, profileOf } from '../helpers/truth-rig.js'
import { until } from '../helpers/until.js'

t.setTimeout(900_000)
const probe = probeTracing()
const skip = probe.available ? false : (probe.reason ?? 'nothing can be traced')

test('a hub that is restarted excludes no denial that it cannot know', { skip }, async (t) => {
  const all = await everything()
  t.teardown(() => all.dispose())
  await all.apply(profileOf('web', []))
  const { path } = await all.revision('web', 'enforce')
  const seccomp = await all.read(path)
  const list = () => all.json<DenialList>('denials')
  const counted = ({ items }: DenialList) =>
    items.map(({ container, syscall, count }) => `${container} ${syscall} ${count}`).sort()
  const why = (id: string) => all.secco('why-eperm', id)
  const enforced = (id: string) =>
    all.seen(id, ({ state, checked }) => state === 'enforced' && checked === 'bytes')
  const denied = async (id: string) => {
    await all.start(id, ['getsid'], { seccomp })
    return until(
      `the denial of ${id}`,
      async () =>
        (await list()).items.some(({ container }) => container === id) ? true : undefined,
      patience
    )
  }

  await denied('over')
  await all.stop('over')
  await denied('web')
  await all.start('quiet', [], { seccomp })
  await enforced('quiet')
  const excluded = /no syscall was denied since its start at .*: an EPERM has another cause/
  const notExcluded = /quiet on n1: no denial is known since .*, so there may be earlier ones/
  const isQuiet = async () => excluded.test(await why('quiet')) || undefined
  await until('quiet to be recorded', isQuiet, patience)

  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    // Of the newest one nothing may be on the disk yet when the hub is killed.
    await denied(`newest-${signal}`)
    const before = await list()
    await all.halt(signal)
    await all.restart()
    for (const id of ['web', 'quiet', `newest-${signal}`]) await enforced(id)
    const after = await until(
      'the denials of before',
      async () => {
        const now = await list()
        return counted(now).length === counted(before).length ? now : undefined
      },
      patience
    )
    t.strictSame(counted(after), counted(before), signal)
    t.equal(after.knownSince, before.knownSince, `${signal}: since when they are known`)
    t.match(await why('web'), /called getsid and got EPERM, 1 time/, signal)
    t.match(
      await why('over'),
      /Denials of containers that have ended[^]*getsid and got EPERM/,
      signal
    )
    // The pinned recorder saw what was asked in between.
    await until('quiet to be recorded', isQuiet, patience)
    const young = `young-${signal}`
    await all.start(young, [], { seccomp })
    await enforced(young)
    await until(
      `${young} to be recorded`,
      async () => excluded.test(await why(young)) || undefined,
      patience
    )
  }

  const before = await list()
  // The recorder ends with it: nobody sees what is asked in between.
  await all.halt('SIGINT')
  await all.restart()
  for (const id of ['web', 'quiet']) await enforced(id)
  t.match(await why('quiet'), notExcluded)
  await all.halt('SIGINT')
  await rm(join(all.state, 'revisions', 'denials.json'))
  await rm(join(all.state, 'objects', 'secco-system', 'configmaps'), { recursive: true })
  await all.restart()
  for (const id of ['web', 'quiet']) await enforced(id)
  const none = await list()
  t.strictSame(none.items, [], 'neither the hub nor the node has a record')
  t.ok(none.knownSince > before.knownSince)
  for (const id of ['web', 'quiet']) {
    const words = await why(id)
    t.match(words, /no denial is known since .*, but it started at .*, so there may be earlier/)
    t.notMatch(words, /another cause/)
  }
})
