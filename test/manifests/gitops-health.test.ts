import { test } from 'tap'
import { apiVersion } from '../../src/api/names.js'
import { conditionReasons } from '../../src/api/condition-reasons.js'
import type { SeccompProfile } from '../../src/api/seccomp-profile.js'
import type { SeccompRule } from '../../src/api/seccomp-rule.js'
import { SeccoError } from '../../src/lib/errors.js'
import type { ProfileState } from '../../src/rules/profile-state.js'
import { openDefaultField } from '../../src/seccomp/render/open-default.js'
import { withoutReady } from '../../cli/install/unknown-ready.js'
import { withRuleConditions } from '../../webhook/cluster/rule-status.js'
import type { Readiness } from '../../webhook/hub/nodes/readiness.js'
import { type ProfileOutcome, withOutcome } from '../../webhook/hub/status/profile-status.js'
import { argoHealth, fluxHealth } from '../helpers/gitops-health.js'

const now = '2026-11-20T09:00:00.000Z'
const digest = `sha256:${'0'.repeat(64)}`

const profile: SeccompProfile = {
  ...{ apiVersion, kind: 'SeccompProfile' },
  metadata: { namespace: 'shop', name: 'web', generation: 3 },
  spec: { seccomp: { defaultAction: 'SCMP_ACT_ERRNO' } }
}

const later = (one: SeccompProfile): SeccompProfile => ({
  ...one,
  metadata: { ...one.metadata, generation: 4 }
})
const error = new SeccoError('INVALID_DOCUMENT', 'spec.seccomp: "\u0007wrong"')
const open = new SeccoError('INVALID_DOCUMENT', 'it allows all', { field: openDefaultField })
const stale = new SeccoError('APPROVAL_INVALID', 'olga approved something else')
const full = { node: 'node-b', code: 'WRITE_FAILED', message: 'no space left' }

function rendered(readiness: Partial<Readiness>): SeccompProfile {
  const all = { ready: 2, total: 2, waiting: [], failed: [], ...readiness }
  const outcome = { state: 'rendered', digest, audit: digest, readiness: all } as const
  return withOutcome(profile, outcome, now)
}
const outcome = (one: ProfileOutcome): SeccompProfile => withOutcome(profile, one, now)
const ready = rendered({})
const drifted: SeccompProfile = {
  ...ready,
  status: {
    ...ready.status,
    conditions: [
      ...(ready.status?.conditions ?? []),
      {
        ...{ type: 'Drifted', status: 'True', reason: 'Unconfined', lastTransitionTime: now },
        message: 'shop/web-0: app runs without a filter'
      }
    ]
  }
}
const own: SeccompProfile = {
  ...{ apiVersion, kind: 'SeccompProfile' },
  metadata: { namespace: 'secco-system', name: 'secco', generation: 3 },
  spec: { workload: { kind: 'Deployment', name: 'secco' } }
}

const profiles: [what: string, object: SeccompProfile, argo: string, flux: string][] = [
  ['nobody has read it', profile, 'Progressing', 'InProgress'],
  ['changed since the hub read it', later(ready), 'Progressing', 'InProgress'],
  [
    'wrong before, changed since',
    later(outcome({ state: 'failed', error })),
    'Progressing',
    'InProgress'
  ],
  ['not approved', outcome({ state: 'unapproved' }), 'Suspended', 'Current'],
  ['of Secco itself', withOutcome(own, { state: 'unapproved' }, now), 'Healthy', 'Current'],
  [
    'changed under its approval',
    outcome({ state: 'failed', error: stale }),
    'Suspended',
    'InProgress'
  ],
  ['allows what no rule names', outcome({ state: 'failed', error: open }), 'Degraded', 'Failed'],
  ['cannot be rendered', outcome({ state: 'failed', error }), 'Degraded', 'Failed'],
  ['no nodes', rendered({ ready: 0, total: 0 }), 'Progressing', 'InProgress'],
  ['a node lacks it', rendered({ ready: 1, waiting: ['node-b'] }), 'Progressing', 'InProgress'],
  [
    'a replica of the webhook does not serve it',
    rendered({ replicas: { serving: 1, total: 2, waiting: ['secco-b'], silent: [], unready: 0 } }),
    'Progressing',
    'InProgress'
  ],
  ['a node cannot have it', rendered({ ready: 1, failed: [full] }), 'Degraded', 'Failed'],
  ['ready', ready, 'Healthy', 'Current'],
  ['ready, and a container runs without it', drifted, 'Degraded', 'Current'],
  ['Secco was removed', removed(ready), 'Degraded', 'InProgress']
]

/** As `secco uninstall` leaves an object. */
function removed<T extends SeccompProfile | SeccompRule>(one: T): T {
  const { status } = one
  return { ...one, status: { ...status, conditions: withoutReady(status?.conditions ?? [], now) } }
}

const rule: SeccompRule = {
  ...{ apiVersion, kind: 'SeccompRule' },
  metadata: { namespace: 'shop', name: 'web', generation: 3 },
  spec: { mode: 'enforce', profile: { name: 'web' } }
}
const revision = { digest, path: 'secco/shop/web/0.json' }
const key = { namespace: 'shop', name: 'web' }
const states = (state?: Partial<ProfileState>): ReadonlyMap<string, ProfileState> =>
  new Map(state === undefined ? [] : [['shop/web', { ...key, approved: true, ...state }]])
const onNodes = states({ enforce: { ...revision, ready: true } })
const under = (
  one: SeccompRule,
  known: ReadonlyMap<string, ProfileState>,
  problems: string[] = [],
  unpatched: string[] = []
): SeccompRule =>
  withRuleConditions(one, problems, known, now, { unpatched, overruledBy: [], isSelecting: false })
const ofCluster: SeccompRule = {
  ...rule,
  metadata: { ...rule.metadata, namespace: 'secco-system' }
}
const learning: SeccompRule = { ...rule, spec: { mode: 'learn' } }
const changed: SeccompRule = { ...rule, metadata: { ...rule.metadata, generation: 4 } }

const rules: [what: string, object: SeccompRule, argo: string, flux: string][] = [
  ['nobody has read it', rule, 'Progressing', 'InProgress'],
  [
    'changed since the hub read it',
    { ...changed, ...statusOf(under(rule, onNodes)) },
    ...(['Progressing', 'InProgress'] as const)
  ],
  ['selects nothing', under(rule, onNodes, ['podSelector: no pod']), 'Degraded', 'Failed'],
  ['learns', under(learning, states()), 'Healthy', 'Current'],
  ['without its profile', under(rule, states()), 'Progressing', 'InProgress'],
  ['its profile is not approved', under(rule, states({ approved: false })), 'Suspended', 'Current'],
  [
    'its profile is on its way',
    under(rule, states({ enforce: { ...revision, ready: false } })),
    ...(['Progressing', 'InProgress'] as const)
  ],
  ['one profile for each namespace', under(ofCluster, states()), 'Healthy', 'Current'],
  ['in force', under(rule, onNodes), 'Healthy', 'Current'],
  ['bypassed', under(rule, onNodes, [], ['shop/web-0']), 'Degraded', 'Current'],
  ['Secco was removed', removed(under(rule, onNodes)), 'Degraded', 'InProgress']
]

function statusOf({ status }: SeccompRule): Pick<SeccompRule, 'status'> {
  return status === undefined ? {} : { status }
}

test('the health that Argo CD and Flux show, in every state', (t) => {
  for (const [what, object, argo, flux] of [...profiles, ...rules]) {
    const shown = argoHealth(object)
    t.equal(shown.status, argo, `${object.kind} ${what}: Argo CD`)
    t.equal(fluxHealth(object), flux, `${object.kind} ${what}: Flux`)
    const messages = object.status?.conditions?.map(({ message }) => message) ?? []
    const isRead = shown.message !== 'waits for the hub to read it'
    if (isRead) t.ok(messages.includes(shown.message), `${what}: says what the hub says`)
  }
  t.end()
})

test('every reason of Ready is among these states', (t) => {
  const seen = new Set(
    [...profiles, ...rules].flatMap(([, { kind, status }]) =>
      (status?.conditions ?? []).map(({ type, reason }) => `${kind} ${type} ${reason}`)
    )
  )
  for (const { kind, type, reason } of conditionReasons) {
    if (kind === 'Node' || type !== 'Ready') continue
    t.ok(seen.has(`${kind} ${type} ${reason}`), `${kind} ${reason}`)
  }
  t.end()
})
