import { type Test, test } from 'tap'
import type { SeccompProfile, LinuxSeccomp } from '../../../../src/api/seccomp-profile.js'
import type { Store } from '../../../../src/store/store.js'
import { openRevisionFiles } from '../../../../webhook/hub/revisions/revision-files.js'
import { testRevisions } from '../../../helpers/test-revisions.js'
import { collectLog } from '../rig.js'

const readAlone = [{ names: ['read'], action: 'SCMP_ACT_ALLOW' as const }]

const profile = (
  name: string,
  defaultAction: LinuxSeccomp['defaultAction'],
  parents: readonly string[] = []
): SeccompProfile => ({
  ...{ apiVersion: 'secco.dev/v1alpha1', kind: 'SeccompProfile' },
  metadata: { namespace: 'shop', name, uid: name, generation: 1 },
  spec: {
    seccomp: { defaultAction, syscalls: readAlone },
    ...(parents.length === 0 ? {} : { extends: [...parents] })
  }
})

/** Returns revisions of a store of profiles on a node that has everything. */
async function revisionsOf(t: Test) {
  const stored = new Map<string, SeccompProfile>()
  const update = (
    _kind: string,
    { name }: { name: string },
    change: (one: SeccompProfile) => SeccompProfile
  ) => {
    const changed = change(stored.get(name) as SeccompProfile)
    stored.set(name, changed)
    return Promise.resolve(changed)
  }
  const { logger } = collectLog()
  const files = await openRevisionFiles(t.testdir({}), { build: 'test', logger })
  const nodes = { ready: 1, total: 1, waiting: [], failed: [] }
  const revisions = testRevisions({
    ...{ store: { update } as unknown as Store, files, logger },
    fleet: () => ({ rendering: {}, readiness: () => ({ ...nodes }) })
  })
  t.teardown(() => revisions.close())
  const apply = async (...objects: SeccompProfile[]) => {
    for (const object of objects) {
      const { status } = stored.get(object.metadata.name) ?? {}
      const whole = { ...object, ...(status && { status }) }
      stored.set(object.metadata.name, whole)
      revisions.event({ type: 'applied', object: whole })
    }
    await revisions.settle()
  }
  const ready = (name: string) =>
    stored.get(name)?.status?.conditions?.find(({ type }) => type === 'Ready')
  return { revisions, apply, ready }
}

test('a profile that allows what no rule names is not ready, and no pod gets it', async (t) => {
  const open = 'SCMP_ACT_ALLOW'
  const said = (whose: string, effect: string, action: string) =>
    `profile ${whose} ${effect} every syscall that no rule names (spec.seccomp.defaultAction: ${action}): ` +
    'set it to SCMP_ACT_ERRNO, and allow the syscalls that it needs by name (INVALID_DOCUMENT)'
  // [what, the profiles, message about shop/web; undefined: it is ready]
  const table: [what: string, profiles: SeccompProfile[], message: string | undefined][] = [
    ['one that denies', [profile('web', 'SCMP_ACT_ERRNO')], undefined],
    ['one that kills', [profile('web', 'SCMP_ACT_KILL_PROCESS')], undefined],
    ['one that allows', [profile('web', open)], said('shop/web', 'allows', open)],
    [
      'one that logs',
      [profile('web', 'SCMP_ACT_LOG')],
      said('shop/web', 'only logs', 'SCMP_ACT_LOG')
    ],
    [
      'a parent that allows',
      [profile('base', open), profile('web', 'SCMP_ACT_ERRNO', ['base'])],
      said('shop/web extends shop/base, which', 'allows', open)
    ],
    [
      'a parent of a parent that allows',
      [
        profile('top', open),
        profile('base', 'SCMP_ACT_ERRNO', ['shop/top']),
        profile('web', 'SCMP_ACT_ERRNO', ['base'])
      ],
      said('shop/web extends shop/top, which', 'allows', open)
    ]
  ]
  for (const [what, profiles, message] of table) {
    const { revisions, apply, ready } = await revisionsOf(t)
    await apply(...profiles)
    const state = revisions.states().get('shop/web')
    t.equal(state?.enforce?.ready === true, message === undefined, `${what}: what admission reads`)
    t.match(
      ready('web'),
      message === undefined
        ? { status: 'True', reason: 'AllNodesReady' }
        : { status: 'False', reason: 'AllowsByDefault', message },
      what
    )
  }
})

test('what was approved before stays in use while a profile allows what no rule names', async (t) => {
  const { revisions, apply, ready } = await revisionsOf(t)
  const inUse = () => revisions.states().get('shop/web')?.enforce?.digest
  await apply(profile('web', 'SCMP_ACT_ERRNO'))
  const before = inUse()
  t.match(before, /^sha256:/)
  await apply(profile('web', 'SCMP_ACT_ALLOW'))
  t.equal(inUse(), before)
  t.equal(ready('web')?.reason, 'AllowsByDefault')
  await apply(profile('web', 'SCMP_ACT_ERRNO'))
  t.equal(ready('web')?.status, 'True')
})
