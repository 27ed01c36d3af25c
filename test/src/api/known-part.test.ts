import { test } from 'tap'
import { parseDocument } from '../../../src/api/parse.js'
import { SeccompProfile, SeccompProfileSpec } from '../../../src/api/seccomp-profile.js'
import { SeccompRule } from '../../../src/api/seccomp-rule.js'
import { validateObject, validateStored } from '../../../src/api/validate.js'
import { parseHistory, WorkloadHistory } from '../../../src/history/workload-history.js'
import { withLaterMembers } from '../../helpers/later-members.js'

interface Schema {
  type?: string
  pattern?: string
  enum?: unknown[]
  minimum?: number
  properties?: Record<string, Schema>
  items?: Schema
}

const strings: [form: string, text: string][] = [
  ['^sha256:[0-9a-f]{64}$', `sha256:${'a'.repeat(64)}`],
  ['^([0-9]+(s|m|h|d))$', '5m'],
  ['^[a-z0-9_]{1,64}$', 'read'],
  ['^[0-9]{1,20}$', '7']
]
const textOf = (pattern = ''): string =>
  strings.find(([form]) => form === pattern)?.[1] ??
  (pattern.startsWith('^(\\.') ? '' : '2026-01-01T00:00:00Z')

/** Returns a value with every member that a schema has. */
function sampleOf(schema: Schema): unknown {
  if (schema.enum !== undefined) return schema.enum[0]
  if (schema.properties !== undefined)
    return Object.fromEntries(
      Object.entries(schema.properties).map(([name, member]) => [name, sampleOf(member)])
    )
  if (schema.items !== undefined) return [sampleOf(schema.items), sampleOf(schema.items)]
  if (schema.type === 'string') return textOf(schema.pattern)
  if (schema.type === 'boolean') return true
  return schema.minimum ?? 3
}

/** Returns copies of a value, each with one of the words of closed lists replaced by one that no release knows yet. */
function withLaterWords(schema: Schema, value: unknown): unknown[] {
  if (schema.enum !== undefined) return typeof value === 'string' ? ['later-word'] : []
  if (Array.isArray(value) && schema.items !== undefined) {
    const [first, ...rest] = value as unknown[]
    return withLaterWords(schema.items, first).map((changed) => [changed, ...rest])
  }
  return Object.entries(schema.properties ?? {}).flatMap(([name, member]) => {
    const known = value as Record<string, unknown>
    return withLaterWords(member, known[name]).map((changed) => ({ ...known, [name]: changed }))
  })
}

const profile = {
  ...{ apiVersion: 'secco.dev/v1alpha1', kind: 'SeccompProfile' },
  ...{ metadata: { namespace: 'shop', name: 'web' }, spec: {} }
}
const rule = { ...profile, kind: 'SeccompRule', spec: { mode: 'learn' } }
const statusIn = (document: object) => (status: unknown) =>
  validateStored({ ...document, status }, 'stored').status

const stored: [what: string, schema: Schema, read: (value: unknown) => unknown][] = [
  ['status of a profile', SeccompProfile.properties.status, statusIn(profile)],
  ['status of a rule', SeccompRule.properties.status, statusIn(rule)],
  ['history', WorkloadHistory, (value) => parseHistory(JSON.stringify(value))]
]

for (const [what, schema, read] of stored)
  test(`${what}: a member that a later release wrote hides nothing that is known`, (t) => {
    const sample = sampleOf(schema)
    t.strictSame(read(sample), sample, 'the sample is one')
    const changed = withLaterMembers(sample)
    t.ok(changed.length > 1)
    for (const { at, value } of changed) t.strictSame(read(value), sample, at)
    for (const value of withLaterWords(schema, sample)) t.ok(read(value), JSON.stringify(value))
    t.end()
  })

test('an item with an unknown word is dropped, and nothing else', (t) => {
  const [known, later] = [sampleOf(WorkloadHistory), sampleOf(WorkloadHistory)] as [
    WorkloadHistory,
    WorkloadHistory
  ]
  later.events = [{ ...later.events[0], what: 'later-word' } as never, ...known.events.slice(1)]
  t.strictSame(parseHistory(JSON.stringify(later)), { ...known, events: known.events.slice(1) })
  t.end()
})

const spec = {
  ...{ extends: ['base'], workload: { kind: 'Pod', name: 'web' } },
  seccomp: {
    defaultAction: 'SCMP_ACT_ERRNO',
    syscalls: [
      {
        names: ['read'],
        action: 'SCMP_ACT_ALLOW',
        args: [{ index: 0, value: 1, op: 'SCMP_CMP_EQ' }]
      }
    ]
  },
  ...{ learn: {}, promote: { afterInstances: 1, afterQuiet: '1h' }, mute: [{ syscall: 'read' }] },
  ladder: { mode: 'audit' },
  approval: { digest: `sha256:${'a'.repeat(64)}`, by: 'a', at: 'b' }
}

test('what people write is rejected with the key that is not known, read or written', (t) => {
  t.strictSame(Object.keys(spec).sort(), Object.keys(SeccompProfileSpec.properties).sort())
  for (const { at, value } of withLaterMembers(spec)) {
    const document = { ...profile, spec: value }
    for (const read of [validateObject, validateStored])
      t.throws(() => read(document, 'x'), /laterMember: is not a known key; accepted: /, at)
    t.throws(() => parseDocument(JSON.stringify(document), 'x'), /is not a known key/, at)
  }
  const written = { ...profile, status: { laterMember: 1 } }
  t.throws(() => validateObject(written, 'x'), /status.laterMember: is not a known key/, 'programs')
  t.throws(() => validateStored({ ...profile, laterMember: 1 }, 'x'), /laterMember/, 'the object')
  t.end()
})

test('what is damaged is still rejected, whatever else a later release wrote', (t) => {
  const cases: [what: string, status: unknown][] = [
    ['a type', { laterMember: 1, instances: 5 }],
    ['a form', { laterMember: 1, revision: 'sha256:x' }],
    ['a member that is required', { laterMember: 1, nodes: { ready: 1 } }],
    ['a prototype', JSON.parse('{"laterMember": 1, "nodes": {"__proto__": {}}}')],
    ['no object', []]
  ]
  for (const [what, status] of cases) t.throws(() => statusIn(profile)(status), what)
  t.end()
})
