/** Wrong objects for a real API server with a hub: what each is, and what people are told. */

/** An object of the API group secco.dev as JSON. */
export const profile = (name: string, spec: object, namespace = 'shop') =>
  JSON.stringify({
    apiVersion: 'secco.dev/v1alpha1',
    kind: 'SeccompProfile',
    metadata: { namespace, name },
    spec
  })
export const rule = (name: string, spec: object, namespace = 'shop') =>
  JSON.stringify({
    apiVersion: 'secco.dev/v1alpha1',
    kind: 'SeccompRule',
    metadata: { namespace, name },
    spec
  })
export const seccomp = (syscalls: object[]) => ({
  seccomp: { defaultAction: 'SCMP_ACT_ERRNO', syscalls }
})
export const args = (...indices: number[]) =>
  indices.map((index) => ({ index, value: 1, op: 'SCMP_CMP_EQ' }))
const allow = (...names: string[]) => ({ names, action: 'SCMP_ACT_ALLOW' })

/** Documents that the API server rejects, and what kubectl prints. */
export const rejectedObjects: [what: string, document: string, said: RegExp][] = [
  [
    'extends that is no name',
    profile('a', { extends: ['Bad/../x'] }),
    /spec\.extends\[0\]: Invalid value: .*must be NAME or NAMESPACE\/NAME of a SeccompProfile/
  ],
  ['extends that climbs', profile('a', { extends: ['a..b'] }), /must be NAME or NAMESPACE\/NAME/],
  [
    'extends itself',
    profile('a', { extends: ['a'] }),
    /spec\.extends must not name the profile itself/
  ],
  [
    'extends too many',
    profile('a', { extends: Array.from({ length: 33 }, (_, i) => `p${i}`) }),
    /spec\.extends: Too many: 33: must have at most 32 items/
  ],
  [
    'two conditions on one argument',
    profile('a', seccomp([{ names: ['read'], action: 'SCMP_ACT_ALLOW', args: args(0, 0) }])),
    /syscalls\[0\]\.args: Invalid value: .*must differ in index: runtimes join two conditions on one argument by OR/
  ],
  [
    'errno 0',
    profile('a', seccomp([{ names: ['read'], action: 'SCMP_ACT_ERRNO', errnoRet: 0 }])),
    /syscalls\[0\]: Invalid value: .*errnoRet must be 1 or more/
  ],
  [
    'default errno 0',
    profile('a', { seccomp: { defaultAction: 'SCMP_ACT_ERRNO', defaultErrnoRet: 0 } }),
    /spec\.seccomp: Invalid value: .*defaultErrnoRet must be 1 or more/
  ],
  [
    'unknown action',
    profile('a', seccomp([{ names: ['read'], action: 'ALLOW' }])),
    /action: Unsupported value: "ALLOW": supported values: "SCMP_ACT_ALLOW"/
  ],
  [
    'no names',
    profile('a', seccomp([{ names: [], action: 'SCMP_ACT_ALLOW' }])),
    /names: Invalid value: 0: .*at least 1/
  ],
  [
    'a path as a name',
    profile('a', seccomp([{ names: ['../../etc'], action: 'SCMP_ACT_ALLOW' }])),
    /names\[0\]: Invalid value: "\.\.\/\.\.\/etc"/
  ],
  ['unknown key', profile('a', { colour: 'red' }), /unknown field "spec\.colour"/],
  [
    'audit without a profile',
    rule('a', { mode: 'audit' }),
    /spec: Required value: modes audit and enforce need spec\.profile/
  ],
  [
    'values without In',
    rule('a', {
      mode: 'learn',
      podSelector: { matchExpressions: [{ key: 'x', operator: 'Exists', values: ['y'] }] }
    }),
    /matchExpressions\[0\]: Invalid value: .*operators In and NotIn need values/
  ],
  ['a mode there is not', rule('a', { mode: 'panic' }), /spec\.mode: Unsupported value: "panic"/],
  [
    'a profile that climbs',
    rule('a', { mode: 'enforce', profile: { name: 'a..b' } }),
    /name must be the name of a SeccompProfile/
  ],
  [
    'a misspelt kind of object',
    profile('a', {}).replace('SeccompProfile', 'SeccompProfil'),
    /no matches for kind "SeccompProfil"/
  ],
  [
    'a misspelt kind of workload',
    profile('a', { workload: { kind: 'deployment', name: 'web' } }),
    /spec\.workload\.kind: Invalid value: "deployment"/
  ],
  [
    'a workload without a name',
    profile('a', { workload: { kind: 'Deployment' } }),
    /spec\.workload\.name: Required value/
  ],
  [
    'an unknown default action',
    profile('a', { seccomp: { defaultAction: 'SCMP_ACT_DENY' } }),
    /defaultAction: Unsupported value: "SCMP_ACT_DENY"/
  ],
  [
    'an unknown architecture',
    profile('a', { seccomp: { defaultAction: 'SCMP_ACT_ERRNO', architectures: ['amd64'] } }),
    /architectures\[0\]: Unsupported value: "amd64"/
  ],
  [
    'an unknown comparison',
    profile(
      'a',
      seccomp([
        { names: ['read'], action: 'SCMP_ACT_ALLOW', args: [{ index: 0, value: 1, op: 'EQ' }] }
      ])
    ),
    /op: Unsupported value: "EQ"/
  ],
  [
    'a seventh argument',
    profile('a', seccomp([{ names: ['read'], action: 'SCMP_ACT_ALLOW', args: args(6) }])),
    /args\[0\]\.index: Invalid value: 6/
  ],
  [
    'an errno that does not exist',
    profile('a', seccomp([{ names: ['read'], action: 'SCMP_ACT_ERRNO', errnoRet: 5000 }])),
    /errnoRet: Invalid value: 5000/
  ],
  [
    'capitals in a syscall',
    profile('a', seccomp([{ names: ['Read'], action: 'SCMP_ACT_ALLOW' }])),
    /names\[0\]: Invalid value: "Read"/
  ],
  [
    'a mode of the ladder there is not',
    profile('a', { ladder: { mode: 'block' } }),
    /spec\.ladder\.mode: Unsupported value: "block"/
  ],
  [
    'a canary of nobody',
    profile('a', {
      ladder: {
        mode: 'enforce',
        canary: { percent: 0, from: { mode: 'audit' }, startedAt: '', quietFor: '10m' }
      }
    }),
    /canary\.percent: Invalid value: 0/
  ],
  [
    'a mute of no syscall',
    profile('a', { mute: [{ syscall: 'READ!' }] }),
    /mute\[0\]\.syscall: Invalid value: "READ!"/
  ],
  ['a rule without a mode', rule('a', {}), /spec\.mode: Required value/],
  [
    'an unknown whenNotReady',
    rule('a', { mode: 'learn', whenNotReady: 'Allow' }),
    /spec\.whenNotReady: Unsupported value: "Allow"/
  ],
  [
    'a container name that no container has',
    rule('a', { mode: 'learn', containers: ['App_1'] }),
    /spec\.containers\[0\]: Invalid value: "App_1"/
  ],
  [
    'no containers',
    rule('a', { mode: 'learn', containers: [] }),
    /spec\.containers: Invalid value: 0/
  ],
  [
    'an image with a space',
    rule('a', { mode: 'learn', images: ['nginx :1'] }),
    /spec\.images\[0\]: Invalid value: "nginx :1"/
  ],
  [
    'an unknown operator',
    rule('a', {
      mode: 'learn',
      podSelector: { matchExpressions: [{ key: 'x', operator: 'Is', values: ['y'] }] }
    }),
    /operator: Unsupported value: "Is"/
  ],
  [
    'a misspelt selector',
    rule('a', { mode: 'learn', podselector: {} }),
    /unknown field "spec\.podselector"/
  ]
]

/** Objects that the API server takes and that are not in force: the condition that states it, and its text. */
export const markedObjects: [what: string, document: string, condition: RegExp][] = [
  [
    'a misspelt syscall',
    profile('misspelt', seccomp([allow('raed')])),
    /Ready False RenderFailed .*syscalls\[0\]\.names: raed is no syscall: correct or remove it/
  ],
  [
    'a name that is allowed and denied',
    profile('both', seccomp([allow('read'), { names: ['read'], action: 'SCMP_ACT_ERRNO' }])),
    /Ready False RenderFailed .*read is denied here and allowed by syscalls\[0\]: remove one/
  ],
  [
    'a default action that allows',
    profile('open', { seccomp: { defaultAction: 'SCMP_ACT_ALLOW', syscalls: [] } }),
    /Ready False AllowsByDefault .*spec\.seccomp\.defaultAction: SCMP_ACT_ALLOW\): set it to SCMP_ACT_ERRNO/
  ],
  [
    'extends a profile that does not exist',
    profile('orphan', { extends: ['nobody'], ...seccomp([allow('read')]) }),
    /Ready False RenderFailed .*nobody/
  ],
  [
    'extends itself by another profile',
    profile('turn', { extends: ['turn-b'], ...seccomp([allow('read')]) }),
    /Ready False RenderFailed /
  ],
  [
    'nothing is approved',
    profile('empty', {}),
    /Ready False NotApproved .*approve the profile first/
  ],
  [
    'an approval of another content',
    profile('stale', {
      ...seccomp([allow('read')]),
      approval: { digest: `sha256:${'0'.repeat(64)}`, by: 'ann', at: '2026-01-01T00:00:00Z' }
    }),
    /Ready False ApprovalInvalid .*ann approved sha256:000/
  ],
  [
    'a selector that contradicts itself',
    rule('never', {
      mode: 'learn',
      podSelector: {
        matchLabels: { app: 'web' },
        matchExpressions: [{ key: 'app', operator: 'NotIn', values: ['web'] }]
      }
    }),
    /Accepted False Invalid /
  ],
  [
    'a label key that no object can have',
    rule('key', { mode: 'learn', podSelector: { matchLabels: { 'app name': 'web' } } }),
    /Accepted False Invalid .*"app name" is not a label key/
  ],
  [
    'a label value that no object can have',
    rule('value', { mode: 'learn', podSelector: { matchLabels: { app: 'a b' } } }),
    /Accepted False Invalid .*"a b" is not a label value/
  ],
  [
    'a namespace selector outside the root namespace',
    rule('place', { mode: 'learn', namespaceSelector: {} }),
    /Accepted False Invalid .*ignored outside secco-system/
  ],
  [
    'a profile that does not exist',
    rule('lost', { mode: 'enforce', profile: { name: 'nobody' } }),
    /Ready False ProfileNotFound .*nobody does not exist/
  ],
  [
    'a profile that nobody approved',
    rule('early', { mode: 'enforce', profile: { name: 'empty' } }),
    /Ready False ProfileNotApproved .*empty is not approved yet/
  ],
  [
    'a rule that loses against another one',
    rule('loser', { mode: 'learn', podSelector: { matchLabels: { app: 'web' } } }, 'secco-system'),
    /Overruled True OtherRuleWins .*secco-system\/winner decides about/
  ],
  [
    'a rule that selects no pod',
    rule('typo', { mode: 'learn', podSelector: { matchLabels: { app: 'wbe' } } }),
    /PodsSelected False NoPods .*no pod was selected since the rule was written/
  ]
]

/** Objects that others of these need. */
export const neededObjects: string[] = [
  profile('raw', {}, 'bank'),
  profile('turn-b', { extends: ['turn'], ...seccomp([allow('read')]) }),
  rule(
    'winner',
    { mode: 'learn', priority: 9, podSelector: { matchLabels: { app: 'web' } } },
    'secco-system'
  )
]

/** Pods whose labels or fields do not do what they state, and what their creator is told. */
export const warnedPods: [
  what: string,
  labels: Record<string, string>,
  seccompProfile: object | undefined,
  said: RegExp
][] = [
  [
    'a label with a profile that does not exist',
    { 'secco.dev/profile': 'nobody' },
    undefined,
    /RuntimeDefault: profile bank\/nobody does not exist \(label secco\.dev\/profile\)/
  ],
  [
    'a label with a profile that nobody approved',
    { 'secco.dev/profile': 'raw' },
    undefined,
    /RuntimeDefault: profile bank\/raw is not approved yet/
  ],
  [
    'a profile of another container',
    { 'secco.dev/profile.db': 'raw' },
    undefined,
    /label secco\.dev\/profile\.db has no effect: the pod has no container db/
  ],
  [
    'a value that is no yes',
    { 'secco.dev/learn': 'yes' },
    undefined,
    /label secco\.dev\/learn has no effect: its value must be "true" or "false"/
  ],
  [
    'a misspelt label',
    { 'secco.dev/profil': 'raw' },
    undefined,
    /label secco\.dev\/profil has no effect: pods can have secco\.dev\/profile/
  ],
  [
    'opting out where the namespace does not allow it',
    { 'secco.dev/ignore': 'true' },
    undefined,
    /label secco\.dev\/ignore is not honoured in namespace bank/
  ],
  [
    'a path of Secco that no revision has',
    {},
    { type: 'Localhost', localhostProfile: 'secco/x.json' },
    /localhostProfile is not a path that Secco writes/
  ],
  [
    'Unconfined under a rule',
    { app: 'web' },
    { type: 'Unconfined' },
    /RuntimeDefault instead of Unconfined/
  ]
]
