import { modeTexts } from '../../../src/api/seccomp-rule.js'
import { test } from 'tap'
import { promoteWorkload, rollbackWorkload } from '../../../cli/confinement/ladder.js'
import { withGivenOptions } from '../../../cli/lib/given-options.js'
import { commandsOfText } from '../../helpers/printed-commands.js'
import { captureIo } from '../../helpers/captured-io.js'
import { newContainerText } from '../../../src/seccomp/review/new-pods.js'
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
      /next: new pods that have the label secco\.dev\/profile: web, .* get it \(enforce\), unless /
    ],
    [
      'shop',
      canary,
      '',
      /next: 5% of the new pods that .* get it \(enforce\), the others stay at audit, /
    ],
    ['secco-system', null, '', /unless a rule of secco-system gives less/],
    [
      'box',
      canary,
      own,
      /nothing assigns a profile: .*`secco profile export box\/web --mode enforce` prints/
    ]
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

test('a step says what is of before it, and leaves no space at the end of a line', async (t) => {
  const evidence = ['1 container running: 1 enforced, 0 in audit']
  const answer = {
    ...{ namespace: 'shop', profile: 'web', workload: 'Deployment/web', mode: 'enforce' },
    ...{ revision: digest, evidence },
    canary: { ...canary, containers: 1, others: 0 },
    ...{ next: { mode: '', ready: true, reasons: [] }, history: [] }
  }
  const tried = { ...answer, would: { action: 'canary', from: 'audit', to: 'enforce for 5%' } }
  const args = {
    ...({ profile: 'shop/web', mode: 'enforce', canary: 5, quietFor: undefined } as const),
    ...{ reason: 'ready', force: false }
  }
  const before = 'evidence, as it was before the step:\n  1 container running: 1 enforced'
  for (const [step, isBefore] of [
    ['promote', true],
    ['dry run', false],
    ['rollback', true]
  ] as const) {
    const { io, printed } = captureIo()
    const promoted = step === 'dry run' ? tried : answer
    const hub = await hubWith(t, `hub-${step.replace(' ', '')}`, {
      ...{ '/api/v1/promote': promoted, '/api/v1/rollback': answer }
    })
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
    t.equal(printed.stderr.includes(`enforce: ${modeTexts.enforce}\n`), step === 'dry run', step)
  }
})

test('a step says where the profile is in force, what gives it to pods, and how to give it to them', async (t) => {
  const assignment = {
    ...{ mode: 'enforce', containers: 3, inForce: 0, others: [], hidden: 0 },
    givenBy: [{ source: 'shop/web', mode: 'enforce', containers: 2 }],
    notGiven: [{ why: 'no rule and no label gives it the profile', containers: 1 }],
    labels: { app: 'web' },
    command: 'secco rule create web -n shop --profile web --mode enforce --labels app=web'
  }
  const answer = {
    ...{ namespace: 'shop', profile: 'web', workload: 'Deployment/web', mode: 'audit' },
    ...{ revision: digest, evidence: [], canary: null, assignment },
    ...{ next: { mode: 'enforce', ready: true, reasons: [] }, history: [] }
  }
  const would = {
    ...{ action: 'canary', from: 'audit', to: 'enforce for 40%' },
    others: { mode: 'audit' }
  }
  const said = [
    'in force: 0 of 3 running containers (enforce)',
    '  given to new pods by rule shop/web (enforce): 2 of 3 containers',
    '  not given to new pods of 1 of 3 containers: no rule and no label gives it the profile',
    `  a rule gives it to them: ${assignment.command}`
  ]
  const args = {
    ...({ profile: 'shop/web', mode: 'enforce', canary: 40, quietFor: undefined } as const),
    ...{ reason: '', force: false }
  }
  for (const [dryRun, lines] of [
    [false, said],
    [
      true,
      [
        'the step would be: canary: audit → enforce for 40%, the others audit',
        `after it, ${said.join('\n')}`
      ]
    ]
  ] as const) {
    const name = `hub-${String(dryRun)}`
    const hub = await hubWith(t, name, {
      '/api/v1/promote': dryRun ? { ...answer, would } : answer
    })
    const { io, printed } = captureIo()
    await promoteWorkload(io, hubOf([hub]), { ...args, dryRun }, 'table')
    t.ok(printed.stdout.endsWith(`${lines.join('\n')}\n`), printed.stdout)
    const wait = 'kubectl wait --for=condition=Ready seccompprofiles.secco.dev/web -n shop'
    t.equal(printed.stderr.includes(wait), !dryRun, printed.stderr)
  }
})

test('each command that a step prints names the installation', async (t) => {
  const profile = { namespace: 'box', name: 'web' }
  const given = newContainerText(profile, { mode: 'audit' })
  const assignment = {
    ...{ mode: 'audit', containers: 1, inForce: 0, others: [], hidden: 0, givenBy: [], labels: {} },
    notGiven: [{ why: `outside Kubernetes nothing assigns a profile: ${given}`, containers: 1 }],
    command: 'secco rule create web -n box --profile web --mode audit --labels app=web'
  }
  const answer = {
    ...{ namespace: 'box', profile: 'web', workload: 'Container/web', mode: 'audit' },
    ...{ revision: digest, evidence: [], canary: null, assignment },
    ...{ next: { mode: 'enforce', ready: true, reasons: [] }, history: [] }
  }
  const hub = await hubWith(t, 'hub-options', {
    ...{ '/api/v1/promote': answer, '/api/v1/rollback': answer }
  })
  for (const step of ['promote', 'rollback'] as const) {
    const { io: plain, printed } = captureIo()
    const io = withGivenOptions(plain, [step, '--state', '/s'])
    const hubs = hubOf([hub])
    if (step === 'rollback')
      await rollbackWorkload(io, hubs, { profile: 'box/web', reason: 'x' }, 'table')
    else {
      const args = { profile: 'box/web', mode: 'audit', reason: 'x' } as const
      const more = { canary: undefined, quietFor: undefined, dryRun: false, force: false }
      await promoteWorkload(io, hubs, { ...args, ...more }, 'table')
    }
    t.notMatch(printed.stderr, 'kubectl', 'nothing to wait for outside Kubernetes')
    const commands = commandsOfText(printed.stdout + printed.stderr)
    t.ok(commands.length >= 2, `${step}: ${commands.length}`)
    for (const { rest } of commands) t.match(rest, /^--state \/s /, `${step}: secco ${rest}`)
  }
})
