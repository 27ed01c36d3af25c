import { test } from 'tap'
import {
  type ConfinementFacts,
  driftOf,
  type RevisionName,
  riskOfState,
  stateOf
} from '../../../src/confinement/state.js'

const digest = `sha256:${'a'.repeat(64)}`
/** An enforced container as it should be. */
const enforced: ConfinementFacts = {
  ...{ running: true, privileged: false, declared: 'revision', digest, assignedDigest: digest },
  ...{ disk: 'ok', mode: 2, checked: 'bytes', same: true, difference: '', others: 0, allowed: 60 }
}
const enforce: RevisionName = { short: 'web@aaaaaaaa', mode: 'enforce' }
const audit: RevisionName = { short: 'web@aaaaaaaa', mode: 'audit' }
const none = { digest: '', assignedDigest: '' }
const byDefault = { ...none, declared: 'runtime-default' }
const other = { same: false, difference: 'mkdir (x86_64): allow instead of errno 1' }

test('the state is what the kernel has, not what is declared', (t) => {
  const table: [
    what: string,
    facts: Partial<ConfinementFacts>,
    revision: RevisionName | undefined,
    state: string,
    drift: string
  ][] = [
    ['enforced', {}, enforce, 'enforced', ''],
    ['audit', {}, audit, 'audit', ''],
    ['RuntimeDefault', byDefault, undefined, 'runtime-default', ''],
    ['declared, but the kernel has no filter', { mode: 0 }, enforce, 'unconfined', 'Unconfined'],
    ['audit, but no filter', { mode: 0 }, audit, 'unconfined', 'Unconfined'],
    [
      'RuntimeDefault, but no filter',
      { ...byDefault, mode: 0 },
      undefined,
      'unconfined',
      'Unconfined'
    ],
    ['nothing declared', { ...none, declared: 'none', mode: 0 }, undefined, 'unconfined', ''],
    ['privileged', { mode: 0, privileged: true }, enforce, 'not-protectable', ''],
    ['privileged, with a filter', { privileged: true }, enforce, 'enforced', ''],
    ['another filter', other, enforce, 'other', 'FilterDiffers'],
    ['another filter by table', { ...other, checked: 'table' }, enforce, 'other', 'FilterDiffers'],
    ['a filter that cannot be read', { checked: 'mode', same: false }, enforce, 'enforced', ''],
    ['a filter that was not read yet', { checked: 'none', same: false }, enforce, 'starting', ''],
    ['a filter that is not declared', { ...none, declared: 'none' }, undefined, 'other', ''],
    ['a filter that allows all', { ...none, declared: 'allow-all' }, undefined, 'unconfined', ''],
    [
      'a filter that allows all, and another one on top of it',
      { ...none, declared: 'allow-all', others: 1 },
      ...([undefined, 'other', ''] as const)
    ],
    ["somebody else's profile", { ...none, declared: 'other' }, undefined, 'other', ''],
    ['strict mode', { mode: 1 }, enforce, 'other', ''],
    ['not begun', { running: false, mode: 0 }, enforce, 'starting', ''],
    ['started with another profile', { digest: 'sha256:b' }, enforce, 'enforced', 'ConfigDiffers'],
    ['the file is gone', { disk: 'missing' }, enforce, 'enforced', 'FileMissing'],
    ['the file was changed', { disk: 'changed' }, enforce, 'enforced', 'FileChanged']
  ]
  for (const [what, change, revision, state, drift] of table) {
    const facts = { ...enforced, ...change }
    t.equal(stateOf(facts, revision).state, state, what)
    t.equal(
      driftOf(facts, 'web@aaaaaaaa')
        .map(({ kind }) => kind)
        .join(),
      drift,
      `${what}: drift`
    )
  }
  const open = { ...enforced, mode: 0 }
  t.match(stateOf(open, enforce).why, /declared enforce web@aaaaaaaa, yet the kernel has no filter/)
  t.match(stateOf({ ...enforced, ...other }, enforce).why, /mkdir/)
  t.strictSame(
    driftOf({ ...enforced, mode: 0, disk: 'missing' }, '').map(({ kind }) => kind),
    ['Unconfined', 'FileMissing']
  )
  t.end()
})

test('the risk of a state', (t) => {
  const known = { revision: 12, runtimeDefault: 40 }
  const facts = { allowed: 150, declared: 'other' }
  const table = [
    ['unconfined', 100],
    ['not-protectable', 100],
    ['starting', 0],
    ['enforced', 12],
    ['audit', 40],
    ['runtime-default', 40],
    ['other', 20]
  ] as const
  for (const [state, risk] of table) t.equal(riskOfState(state, facts, known), risk, state)
  const unknown = { revision: undefined, runtimeDefault: 40 }
  t.equal(riskOfState('enforced', facts, unknown), 20, 'of an unknown revision by what it allows')
  t.equal(riskOfState('enforced', { ...facts, allowed: 0 }, unknown), 40, 'else of the default')
  t.equal(riskOfState('other', { allowed: 5, declared: 'allow-all' }, known), 100)
  t.equal(riskOfState('other', { allowed: 0, declared: 'other' }, known), 40)
  t.equal(riskOfState('other', { allowed: 9999, declared: 'other' }, known), 100, 'never above 100')
  t.end()
})
