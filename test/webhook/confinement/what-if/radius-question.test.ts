import { test } from 'tap'
import { mostConditionalRules } from '../../../../src/seccomp/render/union.js'
import {
  distinctRules,
  questionOf
} from '../../../../webhook/confinement/what-if/radius-question.js'
import { codeOf } from '../../../helpers/seccomp-profiles.js'

const many = (count: number, of: (at: number) => unknown) =>
  Array.from({ length: count }, (_, at) => of(at))
const clone = (at: number) => `clone:0=${at}`
const args = [{ index: 0, value: 1, op: 'SCMP_CMP_EQ' }]
const seccompWith = (more: object) => ({ defaultAction: 'SCMP_ACT_ERRNO', ...more })

test('a simulation is bounded by what is asked', (t) => {
  const rules = (count: number, names: string[]) =>
    seccompWith({ syscalls: many(count, () => ({ names, action: 'SCMP_ACT_ALLOW', args })) })
  const table: [what: string, body: object, code: string, message: RegExp][] = [
    ['as many as may be denied', { deny: many(64, clone) }, 'none', /^$/],
    [
      '3,600 entries that are denied',
      { deny: many(3600, clone) },
      'INVALID_ARGUMENT',
      /^simulate: deny has 3600 entries; at most 64 are simulated at once$/
    ],
    ['one entry 3,600 times', { deny: many(3600, () => 'clone:0=1000') }, 'none', /^$/],
    [
      'a proposal of 5,000 syscalls',
      { profile: 'shop/web', proposal: { allow: many(5000, String), deny: [] } },
      'INVALID_ARGUMENT',
      /^simulate: proposal\.allow has 5000 entries; at most 1024/
    ],
    ['a profile', { seccomp: rules(1, ['clone']) }, 'none', /^$/],
    ['no object', { seccomp: 'SCMP_ACT_ALLOW' }, 'INVALID_DOCUMENT', /^simulate: seccomp: /],
    ['a list', { seccomp: [] }, 'INVALID_DOCUMENT', /^simulate: seccomp: /],
    [
      'an action that does not exist',
      { seccomp: { defaultAction: 'ALLOW' } },
      'INVALID_DOCUMENT',
      /^simulate: seccomp\.defaultAction: /
    ],
    [
      'names that are no list',
      { seccomp: seccompWith({ syscalls: [{ names: 'clone', action: 'SCMP_ACT_ALLOW' }] }) },
      'INVALID_DOCUMENT',
      /^simulate: seccomp\.syscalls\.0\.names: /
    ],
    [
      'very many rules with conditions',
      { seccomp: rules(16, many(100, (at) => `syscall_${at}`) as string[]) },
      'TOO_LARGE',
      new RegExp(`^simulate: seccomp has 1600 rules .* at most ${mostConditionalRules}`)
    ]
  ]
  for (const [what, body, code, message] of table) {
    const found = codeOf(() => questionOf({ query: {}, body }))
    t.equal(found.code, code, what)
    t.match(found.message, message, what)
  }
  const deny = many(65, clone) as string[]
  t.equal(codeOf(() => questionOf({ query: { deny }, body: null })).code, 'INVALID_ARGUMENT')
  t.end()
})

test('what is denied is asked about once', (t) => {
  const rules = distinctRules(['clone:0=16', 'clone:0=0x10', 'mount', 'clone:0=16,1=2', 'mount'])
  t.same(
    rules.map(({ names, args: conditions = [] }) => [...names, conditions.length]),
    [
      ['clone', 1],
      ['mount', 0],
      ['clone', 2]
    ]
  )
  const long = `clone:${many(10_000, (at) => `0=${String(at)}`).join(',')}`
  t.match(codeOf(() => distinctRules([long])).message, /^clone:0=0.*…: has \d+ characters/)
  t.end()
})
