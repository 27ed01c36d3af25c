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
      /enforce .*yet it runs unconfined: it was admitted without/
    ],
    [
      'RuntimeDefault instead of a revision',
      'runtime-default',
      {},
      noted({ revision: '', outcome: 'runtime-default' }),
      /with RuntimeDefault: it was given runtime-default/
    ],
    [
      'started without its revision',
      'unconfined',
      {},
      noted({}),
      /given a revision and started without/
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
  const running = { privileged: false, declared: 'none' } as Running
  for (const [what, state, change, annotated, message] of table) {
    const own = change === undefined ? undefined : { ...decision, ...change }
    const got = unprotectedOf({ running, state, annotated }, own, () => 'now')
    if (message === null) t.equal(got, null, what)
    else t.matchOnly(got, { rule: 'secco-system/web', message, since: 'now' }, what)
  }
  const given = { state: 'unconfined' as const, annotated: undefined }
  t.equal(
    unprotectedOf({ ...given, running: { ...running, privileged: true } }, decision, () => 'now'),
    null,
    'nobody can give a privileged container a filter'
  )
  const open = { ...running, declared: 'allow-all' }
  t.ok(unprotectedOf({ ...given, state: 'other', running: open }, decision, () => 'now'))
  t.end()
})
