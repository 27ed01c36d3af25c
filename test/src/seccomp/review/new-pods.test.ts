import { test } from 'tap'
import { containerFileOf, newContainerText } from '../../../../src/seccomp/review/new-pods.js'
import { instance, profileOf, seen } from '../../../helpers/instances.js'

const profile = { namespace: 'shop', name: 'web' }
const exported = 'secco profile export shop/web'
const into = ' (linux.seccomp of its config.json)'
const hex = 'e'.repeat(64)

test('how a container outside Kubernetes gets a profile: with the filter of the mode', (t) => {
  for (const [file, text] of [
    [
      { mode: 'enforce' },
      `a new container gets it with the filter that \`${exported} --mode enforce\` prints${into}`
    ],
    [
      { mode: 'audit' },
      `a new container gets it with the filter that \`${exported} --mode audit\` prints${into}`
    ],
    [
      { mode: 'enforce', revision: `sha256:${hex}` },
      `a new container gets it with the filter that \`${exported} --revision sha256:${'e'.repeat(16)}\` prints${into}`
    ],
    [
      { mode: 'learn' },
      `a new container is only recorded with the filter that \`secco render --learn\` prints${into}`
    ]
  ] as const)
    t.equal(newContainerText(profile, file), text, JSON.stringify(file))
  t.end()
})

test('what a new container outside Kubernetes is to get, by the ladder of its profile, then by its rule', (t) => {
  const started = seen([['read']])
  const late = instance(0, ['read'], { complete: false, events: [] })
  const unseen = profileOf({}, { ...started.status, instances: [late] })
  const startup = { x86_64: ['acct', 'read'] }
  const denied = profileOf(
    { seccomp: { defaultAction: 'SCMP_ACT_ERRNO', syscalls: [] } },
    { ...started.status, startup }
  )
  const revision = `sha256:${hex}`
  const none = undefined
  // [what, the profile, its ladder, the mode of the rule that names it, the file]
  for (const [what, given, ladder, ruleMode, file] of [
    ['no ladder', started, undefined, none, { mode: 'enforce' }],
    ['no ladder, a rule in audit', started, undefined, 'audit', { mode: 'audit' }],
    ['no ladder, no start seen', unseen, undefined, none, { mode: 'audit' }],
    ['no ladder, a start that is denied', denied, undefined, none, { mode: 'audit' }],
    [
      'no ladder, nothing is approved',
      { ...denied, spec: {} },
      undefined,
      none,
      { mode: 'enforce' }
    ],
    ['an enforcing rule, no start seen', unseen, undefined, 'enforce', { mode: 'enforce' }],
    ['audit', started, { mode: 'audit' }, 'enforce', { mode: 'audit' }],
    ['enforce, no start seen', unseen, { mode: 'enforce' }, none, { mode: 'enforce' }],
    ['a pin', started, { mode: 'enforce', revision }, 'audit', { mode: 'enforce', revision }]
  ] as const) {
    const spec = { ...given.spec, ...(ladder === undefined ? {} : { ladder }) }
    t.same(containerFileOf({ ...given, spec }, ruleMode), file, what)
  }
  t.end()
})
