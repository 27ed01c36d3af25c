import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'tap'
import { stringify } from 'yaml'
import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import type { SeccompRule } from '../../../src/api/seccomp-rule.js'
import { openDirectoryStore } from '../../../src/store/directory.js'
import { profileRoutes } from '../../../webhook/ui/api/profiles.js'
import { approveRoutes } from '../../../webhook/ui/api/approve.js'
import { ruleRoutes } from '../../../webhook/ui/api/rules.js'
import type { Call } from '../../../webhook/ui/model/context.js'
import { instance, profileOf } from '../../helpers/instances.js'
import { runSecco } from '../../helpers/secco-command.js'

const ref = { namespace: 'shop', name: 'web' }
const seccomp = { defaultAction: 'SCMP_ACT_ERRNO' as const, syscalls: [] }
const observed = { x86_64: ['read'] }
/** What was recorded of the workload, with the words of the rejection and of the next step. */
const recordings = [
  {
    evidence: 'unseen',
    status: { observed, instances: [instance(0, ['read'], { complete: false })] },
    words: /force: shop\/web: No start was recorded.*enforces it/,
    next: /next: restart one instance/
  },
  {
    evidence: 'denied',
    status: {
      observed,
      instances: [instance(0, ['read', 'acct'])],
      startup: { x86_64: ['acct', 'read'] }
    },
    words: /force: shop\/web: recorded starts called acct, and its revision denies it.*enforces it/,
    next: /next: (keep acct allowed|allow what it needs with .secco .*profile call shop\/web --allow acct)/
  }
]
type Recording = (typeof recordings)[number]
const learned = profileOf({})
const approved = profileOf({ seccomp })
const ofAcct = (spec: SeccompProfile['spec'] = {}) =>
  profileOf({
    ...{ seccomp: { ...seccomp, syscalls: [{ names: ['acct'], action: 'SCMP_ACT_ALLOW' }] } },
    ...spec
  })
const parents: SeccompProfile[] = [
  { ...profileOf({ seccomp }), metadata: { ...ref, name: 'base' } },
  { ...ofAcct(), metadata: { ...ref, name: 'acct' } }
]
const rule: SeccompRule = {
  ...{ apiVersion: 'secco.dev/v1alpha1', kind: 'SeccompRule' },
  metadata: { namespace: 'shop', name: 'r' },
  spec: { mode: 'enforce', profile: { name: 'web' } }
}
const inAudit = { ...approved, spec: { ...approved.spec, ladder: { mode: 'audit' as const } } }
const platform: SeccompRule = { ...rule, metadata: { namespace: 'secco-system', name: 'r' } }
const foreign = {
  defaultAction: 'SCMP_ACT_ERRNO',
  syscalls: [{ names: ['read'], action: 'SCMP_ACT_ALLOW' }]
}
const written = { ...learned, spec: { seccomp }, status: undefined }
const document = stringify(written)
const imports = { imported: [{ profile: written, kind: 'profile' }], losses: [] }

/** Every way to put a learned profile into force with one write: what stands before, and what is forced or not. */
interface Way {
  what: string
  before: { profile: SeccompProfile; rule?: SeccompRule }
  /** The verb; FILE is replaced by one that holds `file`. */
  verb: string[]
  file?: string
  route: { operationId: string; body: object; params?: object }
  /** Only where a recorded start is denied: what is enforced already is not begun. */
  isEnforced?: true
}
const byRule = { profile: learned, rule }
const denyAcct: Pick<Way, 'verb' | 'route' | 'isEnforced'> = {
  verb: ['profile', 'call', 'shop/web', '--deny', 'acct', '--reason', 'x'],
  route: { operationId: 'decideCalls', body: { reason: 'x', deny: ['acct'] } },
  isEnforced: true
}
const ways: Way[] = [
  { what: 'deny under a rule', before: { profile: ofAcct(), rule }, ...denyAcct },
  {
    what: 'deny on a ladder',
    before: { profile: ofAcct({ ladder: { mode: 'enforce' } }) },
    ...denyAcct
  },
  {
    what: 'a parent less',
    before: { profile: { ...approved, spec: { seccomp, extends: ['acct'] } }, rule },
    verb: ['profile', 'extend', 'shop/web', '--remove', 'acct'],
    route: { operationId: 'extendProfile', body: { remove: ['acct'] } },
    isEnforced: true
  },
  {
    ...{ what: 'approve', before: byRule },
    verb: ['profile', 'approve', 'shop/web', '--reason', 'x'],
    route: { operationId: 'approveProfile', body: { reason: 'x' } }
  },
  {
    ...{ what: 'call', before: byRule },
    verb: ['profile', 'call', 'shop/web', '--allow', 'read', '--reason', 'x'],
    route: { operationId: 'decideCalls', body: { reason: 'x', allow: ['read'] } }
  },
  {
    ...{ what: 'extend', before: byRule },
    verb: ['profile', 'extend', 'shop/web', '--add', 'base'],
    route: { operationId: 'extendProfile', body: { add: ['base'] } }
  },
  {
    ...{ what: 'apply', before: byRule, file: document },
    verb: ['profile', 'apply', '-f', 'FILE'],
    route: { operationId: 'applyProfile', body: { document } }
  },
  {
    what: 'a document that leaves audit',
    before: { profile: inAudit, rule },
    file: document,
    verb: ['profile', 'apply', '-f', 'FILE'],
    route: { operationId: 'applyProfile', body: { document } }
  },
  {
    ...{ what: 'import', before: byRule, file: JSON.stringify(foreign) },
    verb: ['import', '-f', 'FILE', '--name', 'web', '-n', 'shop', '--apply'],
    route: { operationId: 'importProfiles', body: { files: [], namespace: 'shop', name: 'web' } }
  },
  {
    ...{ what: 'a rule of the platform', before: { profile: approved }, file: stringify(platform) },
    verb: ['rule', 'apply', '-f', 'FILE'],
    route: { operationId: 'applyRule', body: { spec: rule.spec }, params: platform.metadata }
  },
  {
    ...{ what: 'a new rule', before: { profile: approved } },
    verb: ['rule', 'create', 'r', '-n', 'shop', '--profile', 'web', '--mode', 'enforce'],
    route: { operationId: 'applyRule', body: { spec: rule.spec }, params: rule.metadata }
  },
  {
    ...{ what: 'a rule document', before: { profile: approved }, file: stringify(rule) },
    verb: ['rule', 'apply', '-f', 'FILE'],
    route: { operationId: 'applyRule', body: { spec: rule.spec }, params: rule.metadata }
  }
]

async function storeWith(
  folder: string,
  { profile, rule: given }: Way['before'],
  { status }: Pick<Recording, 'status'>
) {
  const store = await openDirectoryStore(join(folder, 'objects'))
  for (const one of [...parents, profile]) {
    await store.apply('SeccompProfile', { ...one, status: undefined } as unknown as SeccompProfile)
  }
  await store.update('SeccompProfile', ref, (one) => ({ ...one, status }))
  if (given !== undefined) await store.apply('SeccompRule', given)
  return store
}

const cases = recordings.flatMap((recording) =>
  ways
    .filter(({ isEnforced }) => isEnforced !== true || recording.evidence === 'denied')
    .map((way) => ({ ...way, what: `${way.what}, ${recording.evidence}`, recording }))
)

test('no verb begins to enforce a start that can fail, unless it is forced', async (t) => {
  for (const { what, before, verb, file, recording } of cases) {
    const folder = t.testdir({})
    const store = await storeWith(folder, before, recording)
    await store.close()
    await writeFile(join(folder, 'file.yaml'), file ?? '')
    const words = verb.map((word) => (word === 'FILE' ? join(folder, 'file.yaml') : word))
    const given = [...words, '--state', folder]
    const rejected = await runSecco(given)
    t.equal(rejected.code, 1, `${what}: ${rejected.stderr}`)
    t.match(rejected.stderr, recording.words, what)
    t.match(rejected.stderr, recording.next, what)
    const forced = await runSecco([...given, '--force'])
    t.equal(forced.code, 0, `${what}, forced: ${forced.stderr}`)
  }
})

test('nor does a route', async (t) => {
  const routes = [...approveRoutes, ...profileRoutes, ...ruleRoutes]
  for (const { what, before, route, recording } of cases) {
    const found = routes.find(({ operationId }) => operationId === route.operationId)
    const ask = async (body: object) => {
      const store = await storeWith(t.testdir({}), before, recording)
      const call = {
        ui: {
          ...{ store, now: () => 0, log: undefined },
          documents: {
            read: (kind: string) => Promise.resolve(kind === 'imports' ? imports : written)
          },
          sources: {
            ...{
              profiles: () => [...parents, { ...before.profile, status: recording.status }],
              everyProfile: () => parents,
              isReadable: () => true
            },
            ...{ rendering: () => ({}), denials: () => [], missing: () => [], nodes: () => [] },
            rules: () => (before.rule === undefined ? [] : [before.rule]),
            ...{ states: () => [], onChange: () => () => undefined },
            denialsKnownSince: () => undefined,
            storedRules: () => Promise.resolve(before.rule === undefined ? [] : [before.rule])
          }
        },
        ...{
          identity: { user: 'olga', can: () => Promise.resolve(true) },
          params: route.params ?? ref,
          query: {}
        }
      } as unknown as Call
      try {
        await found?.handle(call, body, () => true)
        return 'written'
      } finally {
        await store.close()
      }
    }
    await t.rejects(ask(route.body), { code: 'INVALID_ARGUMENT', field: 'force' }, what)
    t.equal(await ask({ ...route.body, force: true }), 'written', `${what}, forced`)
  }
})
