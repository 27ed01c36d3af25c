import { test } from 'tap'
import type { Ladder } from '../../../../src/api/ladder.js'
import type { SeccompProfile } from '../../../../src/api/seccomp-profile.js'
import type { SeccompRule } from '../../../../src/api/seccomp-rule.js'
import type { ProfileState } from '../../../../src/rules/profile-state.js'
import { shortRevision } from '../../../../src/rules/revision-names.js'
import { buildSnapshot } from '../../../../src/rules/snapshot.js'
import type { Confinement } from '../../../../webhook/confinement/containers/confinement.js'
import { assignmentOf } from '../../../../webhook/confinement/ladder/assignment.js'
import { givenTexts, inForceText } from '../../../../webhook/confinement/ladder/assignment-words.js'
import type { Running } from '../../../../webhook/hub/nodes/inventory.js'
import { runningUnder, viewBuilder } from '../../../helpers/built-view.js'
import { testProfile, testRevision, testRule } from '../../../helpers/rules.js'

const { digest } = testRevision('shop', 'web', 'a')
const newer = testRevision('shop', 'web', 'd')
const short = shortRevision('shop/web', digest)
const workload = { kind: 'Deployment', name: 'web', container: 'app' } as const

const profileWith = (ladder?: Ladder): SeccompProfile => ({
  ...{ apiVersion: 'secco.dev/v1alpha1', kind: 'SeccompProfile' },
  metadata: { namespace: 'shop', name: 'web' },
  spec: {
    ...{ workload, seccomp: { defaultAction: 'SCMP_ACT_ERRNO' } },
    ...(ladder === undefined ? {} : { ladder })
  }
})

const state = (change: Partial<ProfileState> = {}): ProfileState =>
  testProfile('shop', 'web', {
    ...{ container: 'app', workload: { kind: 'Deployment', name: 'web' } },
    ...change
  })

/** A container of pod web-N that runs under RuntimeDefault, or under the profile. */
function run(
  number: number,
  isUnder: boolean | typeof newer,
  labels: Record<string, string>
): Running {
  const { container, ...rest } = runningUnder(
    isUnder === true ? digest : isUnder === false ? '' : isUnder.digest
  )
  const own = { ...container, id: `c${number}`, podName: `web-${number}`, podUid: '', labels }
  return {
    ...rest,
    ...{ id: `n1/c${number}@1`, key: `c${number}@1` },
    ...(isUnder !== false ? {} : { declared: 'runtime-default' }),
    container: own as NonNullable<Running['container']>
  }
}

interface Case {
  rules?: SeccompRule[]
  states?: ProfileState[]
  runs?: Running[]
  ladder?: Ladder
  /** The namespaces that the person may read. */
  sees?: readonly string[]
}

function assigned(given: Case) {
  const { rules = [], states = [state()], runs = [], ladder, sees = ['shop'] } = given
  const snapshot = buildSnapshot({ rules, profiles: states, options: { allowIgnore: true } })
  const builder = viewBuilder({
    revisions: [digest, newer.digest],
    profiles: states,
    snapshot
  })
  const views = runs.map((one) => ({
    ...builder.build(one, undefined, new Set()),
    // What a pod teaches depends on the cluster: here every container teaches the profile.
    learned: 'shop/web'
  }))
  const runOf = (id: string) => runs.find((one) => one.id === id) as Running
  const confinement = {
    sources: { snapshot: () => snapshot },
    revisions: { byDigest: () => [] },
    views: {
      reachedBy: () => views,
      labelsOf: (id: string) => runOf(id).container?.labels ?? {},
      decided: (id: string, profiles?: ReadonlyMap<string, ProfileState>) =>
        builder.decide(runOf(id), new Set(), profiles)
    }
  } as unknown as Confinement
  return assignmentOf(confinement, profileWith(ladder), (namespace) => sees.includes(namespace))
}

const app = { app: 'web' }
const inPod = run(9, false, {})
const outside: Running = {
  ...inPod,
  container: { ...(inPod.container as NonNullable<Running['container']>), podName: '' }
}
const webRule = (mode: 'audit' | 'enforce', namespace = 'shop'): SeccompRule =>
  testRule(
    'web',
    { podSelector: { matchLabels: app }, mode, profile: { name: 'web', namespace: 'shop' } },
    namespace
  )
const create = (mode: string, labels: string): string =>
  `secco rule create web -n shop --profile web --mode ${mode} --labels ${labels}`

test('what gives a profile to pods, and where it is in force', (t) => {
  const nothing = 'no rule and no label gives it the profile'
  const two = [run(1, false, app), run(2, false, app)]
  const table: [what: string, given: Case, inForce: string, texts: string[], command: string][] = [
    ['none runs', { ladder: { mode: 'audit' } }, 'in force: no container of it runs', [], ''],
    [
      'no rule',
      { runs: two, ladder: { mode: 'enforce' } },
      'in force: 0 of 2 running containers (enforce)',
      [`not given to new pods of 2 of 2 containers: ${nothing}`],
      create('enforce', 'app=web')
    ],
    [
      'a label, while a start can fail',
      {
        ...{ runs: [run(1, false, { 'secco.dev/profile': 'web' })] },
        states: [state({ labelMode: 'audit', audit: newer })]
      },
      'in force: 0 of 1 running container',
      [
        'given to new pods by the label secco.dev/profile (audit, not enforce, because a start under it can fail): 1 of 1 container'
      ],
      ''
    ],
    [
      'labels of controllers and of Secco select nobody',
      {
        runs: [
          run(1, false, { ...app, tier: 'front', 'pod-template-hash': 'a', 'secco.dev/x': '1' }),
          run(2, false, { ...app, tier: 'back', 'pod-template-hash': 'b', 'secco.dev/x': '1' })
        ],
        ladder: { mode: 'audit' }
      },
      'in force: 0 of 2 running containers (audit)',
      [`not given to new pods of 2 of 2 containers: ${nothing}`],
      create('audit', 'app=web')
    ],
    [
      'nothing in common',
      { runs: [run(1, false, {})], ladder: { mode: 'audit' } },
      'in force: 0 of 1 running container (audit)',
      [`not given to new pods of 1 of 1 container: ${nothing}`],
      ''
    ],
    [
      'a rule, and one container has it already',
      { rules: [webRule('enforce')], runs: [run(1, true, app), run(2, false, app)] },
      'in force: 1 of 2 running containers',
      ['given to new pods by rule shop/web (enforce): 2 of 2 containers'],
      ''
    ],
    [
      'the mode of the profile, and not that of the rule',
      { rules: [webRule('audit')], runs: [run(1, true, app)], ladder: { mode: 'enforce' } },
      'in force: 1 of 1 running container (enforce)',
      ['given to new pods by rule shop/web (enforce): 1 of 1 container'],
      ''
    ],
    [
      'one of before is not in force, and is named',
      {
        ...{ rules: [webRule('enforce')], ladder: { mode: 'enforce' } },
        states: [state({ enforce: newer })],
        runs: [run(1, true, app), run(2, newer, app), run(3, newer, app)]
      },
      'in force: 2 of 3 running containers (enforce)',
      [
        `stale: 1 of 3 containers has ${short} (enforce) in the kernel`,
        'given to new pods by rule shop/web (enforce): 3 of 3 containers'
      ],
      ''
    ],
    [
      'one of before, without a ladder',
      {
        rules: [webRule('enforce')],
        states: [state({ enforce: newer })],
        runs: [run(1, true, app), run(2, newer, app)]
      },
      'in force: 1 of 2 running containers',
      [
        `stale: 1 of 2 containers has ${short} (enforce) in the kernel`,
        'given to new pods by rule shop/web (enforce): 2 of 2 containers'
      ],
      ''
    ],
    [
      'the newest is not in force where another one is pinned',
      {
        rules: [webRule('enforce')],
        ladder: { mode: 'enforce', revision: digest },
        states: [state({ enforce: newer, previous: testRevision('shop', 'web', 'a') })],
        runs: [run(1, true, app), run(2, newer, app)]
      },
      'in force: 1 of 2 running containers (enforce)',
      [
        `stale: 1 of 2 containers has ${shortRevision('shop/web', newer.digest)} (enforce) in the kernel`,
        'given to new pods by rule shop/web (enforce): 2 of 2 containers'
      ],
      ''
    ],
    [
      'what a canary replaces is not stale',
      {
        rules: [webRule('enforce')],
        ladder: {
          mode: 'enforce',
          canary: {
            ...{ percent: 50, startedAt: '2026-01-01T00:00:00Z', quietFor: '10m' },
            from: { mode: 'enforce', revision: digest }
          }
        },
        states: [state({ enforce: newer, previous: testRevision('shop', 'web', 'a') })],
        runs: [run(1, true, app), run(2, newer, app)]
      },
      'in force: 1 of 2 running containers (enforce)',
      [
        `not in the canary: 1 of 2 containers has ${short} (enforce) in the kernel`,
        'given to new pods by rule shop/web (enforce): 2 of 2 containers'
      ],
      ''
    ],
    [
      'after a way back to learning a filter stays until the restart, and is not stale',
      {
        rules: [webRule('enforce')],
        runs: [run(1, true, app), run(2, false, app)],
        ladder: { mode: 'learn' }
      },
      'in force: 0 of 2 running containers (learn)',
      [
        `until the next restart: 1 of 2 containers has ${short} (enforce) in the kernel`,
        'given to new pods by rule shop/web (learn): 2 of 2 containers'
      ],
      ''
    ],
    [
      'in force in another mode is not in force',
      { rules: [webRule('audit')], runs: [run(1, true, app)], ladder: { mode: 'audit' } },
      'in force: 0 of 1 running container (audit)',
      [
        `stale: 1 of 1 container has ${short} (enforce) in the kernel`,
        'given to new pods by rule shop/web (audit): 1 of 1 container'
      ],
      ''
    ],
    [
      'a rule of the root namespace that the profile may not loosen',
      {
        rules: [webRule('enforce', 'secco-system')],
        ...{ runs: [run(1, true, app)], ladder: { mode: 'audit' } }
      },
      'in force: 0 of 1 running container (audit)',
      [
        `stale: 1 of 1 container has ${short} (enforce) in the kernel`,
        'given to new pods by rule secco-system/web (enforce): 1 of 1 container'
      ],
      ''
    ],
    [
      'a rule for some of them',
      {
        rules: [webRule('enforce')],
        ...{
          runs: [run(1, false, app), run(2, false, { app: 'web2' })],
          ladder: { mode: 'enforce' }
        }
      },
      'in force: 0 of 2 running containers (enforce)',
      [
        'given to new pods by rule shop/web (enforce): 1 of 2 containers',
        `not given to new pods of 1 of 2 containers: ${nothing}`
      ],
      create('enforce', 'app=web2')
    ],
    [
      'a label',
      { runs: [run(1, false, { 'secco.dev/profile': 'web' })], ladder: { mode: 'enforce' } },
      'in force: 0 of 1 running container (enforce)',
      ['given to new pods by the label secco.dev/profile (enforce): 1 of 1 container'],
      ''
    ],
    [
      'a node lacks the file',
      {
        ...{ rules: [webRule('enforce')], ladder: { mode: 'enforce' } },
        states: [
          state({ enforce: testRevision('shop', 'web', 'a', false), previous: undefined } as never)
        ],
        runs: [run(1, false, app)]
      },
      'in force: 0 of 1 running container (enforce)',
      [
        'not given to new pods of 1 of 1 container: it gets RuntimeDefault by shop/web: profile shop/web has not reached every node yet'
      ],
      ''
    ],
    [
      'another profile',
      {
        rules: [
          testRule('api', { podSelector: {}, profile: { name: 'api' }, mode: 'enforce' }, 'shop')
        ],
        ...{ states: [state(), testProfile('shop', 'api')], runs: [run(1, false, app)] },
        ladder: { mode: 'enforce' }
      },
      'in force: 0 of 1 running container (enforce)',
      ['not given to new pods of 1 of 1 container: it gets shop/api by shop/api'],
      ''
    ],
    [
      'opted out',
      {
        ...{ rules: [webRule('enforce')], ladder: { mode: 'enforce' } },
        runs: [run(1, false, { ...app, 'secco.dev/ignore': 'true' })]
      },
      'in force: 0 of 1 running container (enforce)',
      ['not given to new pods of 1 of 1 container: its pod opts out by the label secco.dev/ignore'],
      ''
    ],
    [
      'of a namespace that the person may not read',
      { rules: [webRule('enforce')], runs: two, ladder: { mode: 'enforce' }, sees: [] },
      'in force: 0 of 2 running containers (enforce)',
      ['not shown for 2 of 2 containers: you may not read their namespaces'],
      ''
    ],
    [
      'outside Kubernetes',
      { runs: [outside], ladder: { mode: 'audit' }, sees: ['shop', 'default'] },
      'in force: 0 of 1 running container (audit)',
      [
        'not given to new pods of 1 of 1 container: outside Kubernetes nothing assigns a profile: a new container gets it with ' +
          'the filter that `secco profile export shop/web --mode audit` prints (linux.seccomp of its config.json)'
      ],
      ''
    ],
    [
      'outside Kubernetes, where a rule in audit names it',
      { rules: [webRule('audit')], runs: [outside], sees: ['shop', 'default'] },
      'in force: 0 of 1 running container',
      [
        'not given to new pods of 1 of 1 container: outside Kubernetes nothing assigns a profile: a new container gets it with ' +
          'the filter that `secco profile export shop/web --mode audit` prints (linux.seccomp of its config.json)'
      ],
      ''
    ],
    [
      'the pod learns under RuntimeDefault',
      {
        rules: [testRule('all', { podSelector: {}, mode: 'learn' })],
        ...{ runs: [run(1, false, app)] }
      },
      'in force: 0 of 1 running container',
      ['given to new pods by rule secco-system/all (learn): 1 of 1 container'],
      ''
    ]
  ]
  for (const [what, given, inForce, texts, command] of table) {
    const assignment = assigned(given)
    t.equal(inForceText(assignment), inForce, what)
    t.same(givenTexts(assignment), texts, what)
    t.equal(assignment.command, command, what)
  }
  t.end()
})
