import { test } from 'tap'
import { promoteWorkload, rollbackWorkload } from '../../../cli/confinement/ladder.js'
import { captureIo } from '../../helpers/captured-io.js'
import { hubOf, hubWith } from '../../helpers/hub-answers.js'

const digest = `sha256:${'e'.repeat(64)}`
const canary = {
  ...{ percent: 5, from: { mode: 'audit' }, to: { mode: 'enforce', revision: digest } },
  ...{ startedAt: '', quietFor: '10m', until: '', containers: 0, others: 2 },
  ...{ denials: 0, restarts: 0, verdict: 'waits' }
}

test('promote says which new pods get the mode, and where their containers are', async (t) => {
  const own = 'Container/web'
  for (const [namespace, given, workload, says] of [
    [
      'shop',
      null,
      '',
      /next: new pods that have the label secco\.dev\/profile: web, .* get it \(enforce\), unless .*: secco ps --wrong -n shop\n$/
    ],
    [
      'shop',
      canary,
      '',
      /next: 5% of the new pods that .* get it \(enforce\), the others stay at audit, /
    ],
    ['secco-system', null, '', /: secco ps --wrong -A\n$/],
    ['box', canary, own, /nothing assigns a profile: .*`secco profile export box\/web --into/]
  ] as const) {
    const answer = {
      ...{ namespace, profile: 'web', workload, mode: 'enforce', revision: digest, canary: given },
      ...{ evidence: [], next: { mode: '', ready: true, reasons: [] }, history: [] }
    }
    const hub = await hubWith(t, `hub-${String(given?.percent)}-${namespace}`, {
      '/api/v1/promote': answer
    })
    const { io, printed } = captureIo()
    const args = {
      ...({ profile: `${namespace}/web`, mode: 'enforce', canary: given?.percent } as const),
      ...{ quietFor: undefined, reason: 'ready', dryRun: false, force: false }
    }
    t.equal(await promoteWorkload(io, hubOf([hub]), args, 'table'), 0)
    t.match(printed.stderr, says)
  }
})

test('promote says what is of before the step, and leaves no space at the end of a line', async (t) => {
  const evidence = ['1 container running: 1 enforced, 0 in audit']
  const answer = {
    ...{ namespace: 'shop', profile: 'web', workload: 'Deployment/web', mode: 'enforce' },
    ...{ revision: digest, evidence },
    canary: { ...canary, containers: 1, others: 0 },
    ...{ next: { mode: '', ready: true, reasons: [] }, history: [] }
  }
  const hub = await hubWith(t, 'hub', { '/api/v1/promote': answer, '/api/v1/rollback': answer })
  const args = {
    ...({ profile: 'shop/web', mode: 'enforce', canary: 5, quietFor: undefined } as const),
    ...{ reason: 'ready', force: false }
  }
  const before = 'evidence, as it was before the step:\n  1 container running: 1 enforced'
  for (const [step, isBefore] of [
    ['promote', true],
    ['dry run', false],
    ['rollback', false]
  ] as const) {
    const { io, printed } = captureIo()
    const hubs = hubOf([hub])
    if (step === 'rollback')
      await rollbackWorkload(io, hubs, { profile: 'web', reason: 'x' }, 'table')
    else await promoteWorkload(io, hubs, { ...args, dryRun: step === 'dry run' }, 'table')
    t.notMatch(printed.stdout, / \n/, step)
    t.match(
      printed.stdout,
      /the others audit\n {2}1 container runs its revision now, 0 others; 0 denials/
    )
    t.equal(printed.stdout.includes(before), isBefore, step)
  }
})
