import { test } from 'tap'
import type { Assigned } from '../../../../src/confinement/assigned.js'
import type { ConfinementState } from '../../../../src/confinement/state.js'
import type { ContainerDecision } from '../../../../src/rules/decision.js'
import { unprotectedOf } from '../../../../webhook/confinement/containers/unprotected.js'
import type { Running } from '../../../../webhook/hub/nodes/inventory.js'

const digest = `sha256:${'a'.repeat(64)}`
const decision: ContainerDecision = {
  ...{ container: 'app', kind: 'container', index: 0, outcome: 'assigned', reason: 'ready' },
  ...{ rule: 'secco-system/web', mode: 'enforce', profile: 'shop/web', revision: digest }
}
const noted = (change: Partial<Assigned>): Assigned => ({
  ...{ profile: 'shop/web', revision: digest, mode: 'enforce', rule: 'r', outcome: 'assigned' },
  ...{ reason: 'ready', author: '' },
  ...change
})

test('a container that has less than its rule gives', (t) => {
  const table: [
    what: string,
    state: ConfinementState,
    decision: Partial<ContainerDecision> | undefined,
    annotated: Assigned | undefined,
    message: RegExp | null
  ][] = [
    ['as it should be', 'enforced', {}, noted({}), null],
    [
      'unconfined',
      'unconfined',
      {},
      undefined,
      /gives enforce .*yet it runs unconfined: its pod has no decision of Secco: no rule selected it/
    ],
    [
      'RuntimeDefault instead of a revision',
      'runtime-default',
      {},
      noted({ revision: '', outcome: 'runtime-default' }),
      /with RuntimeDefault: the pod's annotation says that it was given runtime-default/
    ],
    [
      'started without its revision',
      'unconfined',
      {},
      noted({}),
      /annotation says that it was given a revision, and it started without/
    ],
    ['RuntimeDefault as its rule wants', 'runtime-default', { outcome: 'learn' }, noted({}), null],
    [
      'unconfined, although it learns',
      'unconfined',
      { outcome: 'learn' },
      undefined,
      /gives RuntimeDefault/
    ],
    ['audit', 'audit', {}, noted({}), null],
    ['no rule', 'unconfined', undefined, undefined, null],
    ['a rule that gives nothing', 'unconfined', { outcome: 'skipped' }, undefined, null],
    ['its author keeps it', 'unconfined', { outcome: 'kept' }, undefined, null],
    ['starting', 'starting', {}, undefined, null]
  ]
  const place = { namespace: 'shop', isObserved: false }
  const running = { privileged: false, declared: 'none' } as Running
  for (const [what, state, change, annotated, message] of table) {
    const own = change === undefined ? undefined : { ...decision, ...change }
    const got = unprotectedOf({ ...place, running, state, annotated }, own, () => 'now')
    if (message === null) t.equal(got, null, what)
    else t.matchOnly(got, { rule: 'secco-system/web', message, since: 'now' }, what)
  }
  const like = { ...running, declared: 'like-default', checked: 'bytes', same: true }
  for (const [what, found, message] of [
    ['a profile like RuntimeDefault', like, /yet it runs with a profile like RuntimeDefault: /],
    ['another filter in force', { ...like, same: false }, undefined],
    ['the profile of somebody else', { ...like, declared: 'other' }, undefined]
  ] as const) {
    const other = { ...place, running: found, state: 'other' as const, annotated: undefined }
    const got = unprotectedOf(other, decision, () => 'now')?.message
    if (message === undefined) t.equal(got, undefined, what)
    else t.match(got, message, what)
  }
  const given = { ...place, state: 'unconfined' as const, annotated: undefined }
  t.equal(
    unprotectedOf({ ...given, running: { ...running, privileged: true } }, decision, () => 'now'),
    null,
    'nobody can give a privileged container a filter'
  )
  const observed = unprotectedOf({ ...given, running, isObserved: true }, decision, () => 'now')
  t.match(
    observed?.message,
    /web would give .*: Secco only observes here; .* label --overwrite namespace shop secco.dev\/mode=enabled$/
  )
  const outside = { ...running, container: { podName: '' } } as Running
  t.match(
    unprotectedOf({ ...given, running: outside }, decision, () => 'now')?.message,
    /yet it runs unconfined: outside Kubernetes no webhook assigns it/
  )
  t.end()
})
