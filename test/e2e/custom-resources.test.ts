import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'tap'
import { findApiServer } from '../helpers/api-server-programs.js'
import { startCluster } from '../helpers/cluster.js'
import { kubectlOf } from '../helpers/kubectl.js'
import { repositoryRoot } from '../helpers/repository.js'
import { until } from '../helpers/until.js'

const found = await findApiServer()
const kubectlPath = found.programs?.kubectl
const skip = found.skip ?? (kubectlPath === undefined ? 'no kubectl beside the API server' : false)

const profile = (name: string, spec: object) =>
  JSON.stringify({
    apiVersion: 'secco.dev/v1alpha1',
    kind: 'SeccompProfile',
    metadata: { namespace: 'shop', name },
    spec
  })
const rule = (name: string, spec: object) =>
  JSON.stringify({
    apiVersion: 'secco.dev/v1alpha1',
    kind: 'SeccompRule',
    metadata: { namespace: 'shop', name },
    spec
  })
const seccomp = (syscalls: object[]) => ({ seccomp: { defaultAction: 'SCMP_ACT_ERRNO', syscalls } })
const args = (...indices: number[]) =>
  indices.map((index) => ({ index, value: 1, op: 'SCMP_CMP_EQ' }))

/** A document, and what kubectl must say to it. */
const rejected: [what: string, document: string, said: RegExp][] = [
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

test('kubectl and the custom resources', { skip, timeout: 300_000 }, async (t) => {
  if (found.programs === undefined || kubectlPath === undefined) return
  const cluster = await startCluster(found.programs)
  t.teardown(() => cluster.stop())
  const kubectl = kubectlOf(kubectlPath, cluster.kubeconfig)
  const ok = async (list: string[], stdin?: string): Promise<string> => {
    const said = await kubectl(list, stdin)
    t.equal(said.code, 0, `kubectl ${list.join(' ')}: ${said.stderr}`)
    return said.stdout
  }

  await ok(['create', 'namespace', 'shop'])
  await ok(['apply', '-k', join(repositoryRoot, 'manifests/crds')])
  await ok([
    ...['wait', '--for=condition=Established', '--timeout=60s', 'crd'],
    ...['seccompprofiles.secco.dev', 'seccomprules.secco.dev']
  ])
  await until('discovery to serve them', async () => {
    const served = await kubectl(['-n', 'shop', 'get', 'secp,secr'])
    // The published OpenAPI follows the discovery by a moment.
    const told = await kubectl(['explain', 'seccompprofile.spec'])
    return served.code === 0 && told.code === 0 ? true : undefined
  })

  await t.test('explain reads well', async (t) => {
    const flat = (text: string) => text.replaceAll(/\s+/g, ' ')
    const spec = await ok(['explain', 'seccompprofile.spec'])
    for (const field of ['extends', 'workload', 'seccomp', 'learn', 'promote']) {
      t.match(spec, new RegExp(`^ +${field}\\b`, 'm'))
    }
    t.match(flat(spec), /the desired state: where to learn from, what is approved/)
    t.match(flat(spec), /whose containers are learned into this profile/)
    t.match(await ok(['explain', 'seccomprule.spec.whenNotReady']), /ENUM:\n +RuntimeDefault/)
    t.match(
      flat(await ok(['explain', 'seccompprofile.status.conditions.reason'])),
      /docs\/reference\/conditions\.md/
    )
    const bare = [
      ...(await ok(['explain', 'seccompprofile', '--recursive'])).matchAll(/no descr/gi)
    ]
    t.equal(bare.length, 0)
  })

  await t.test('CEL says what is wrong and what is accepted', async (t) => {
    for (const [what, document, said] of rejected) {
      const answer = await kubectl(['apply', '-f', '-'], document)
      t.not(answer.code, 0, what)
      t.match(answer.stderr, said, what)
    }
  })

  await t.test('defaults, columns, categories', async (t) => {
    await ok(
      ['apply', '-f', '-'],
      profile('checkout.app', {
        workload: { kind: 'Deployment', name: 'checkout', container: 'app' },
        learn: {},
        ...seccomp([{ names: ['accept4', 'bind'], action: 'SCMP_ACT_ALLOW', args: args(0, 1) }])
      })
    )
    await ok(
      ['apply', '-f', '-'],
      rule('checkout', { mode: 'enforce', profile: { name: 'checkout.app' } })
    )
    t.same(JSON.parse(await ok(['-n', 'shop', 'get', 'secr/checkout', '-o', 'jsonpath={.spec}'])), {
      mode: 'enforce',
      profile: { name: 'checkout.app' },
      whenNotReady: 'RuntimeDefault',
      priority: 0
    })
    t.same(
      JSON.parse(
        await ok(['-n', 'shop', 'get', 'secp', 'checkout.app', '-o', 'jsonpath={.spec.learn}'])
      ),
      { probes: true, sessions: false }
    )
    const digest = `sha256:${'a'.repeat(64)}`
    const status = (ready: 'True' | 'False') => ({
      observed: { x86_64: ['accept4', 'bind', 'read'] },
      revision: digest,
      nodes: { ready: 3, total: 3 },
      summary: { nodes: '3/3', syscalls: '2/3', source: 'Learned' },
      conditions: [
        {
          type: 'Ready',
          status: ready,
          reason: ready === 'True' ? 'AllNodesReady' : 'WaitingForNodes',
          message: 'm',
          lastTransitionTime: '2026-01-01T00:00:00Z',
          observedGeneration: 1
        }
      ]
    })
    const patch = (ready: 'True' | 'False') =>
      ok([
        ...['-n', 'shop', 'patch', 'secp', 'checkout.app', '--subresource=status'],
        ...['--type=merge', '-p', JSON.stringify({ status: status(ready) })]
      ])
    await patch('False')
    t.match(
      await ok(['-n', 'shop', 'get', 'seccompprofiles']),
      /^NAME +READY +NODES +SYSCALLS +SOURCE +AGE\ncheckout\.app +False +3\/3 +2\/3 +Learned +\d+s/
    )
    const wide = await ok(['-n', 'shop', 'get', 'seccompprofiles', '-o', 'wide'])
    t.match(wide, /WORKLOAD +CONTAINER +REVISION +REASON/)
    t.match(wide, new RegExp(`checkout +app +${digest} +WaitingForNodes`))
    t.match(await ok(['-n', 'shop', 'get', 'secco']), /seccomprule\.secco\.dev\/checkout/)
    t.match(
      await ok(['-n', 'shop', 'get', 'secr']),
      /^NAME +MODE +PROFILE +READY +AGE\ncheckout +enforce +checkout\.app/
    )
    const wait = (timeout: string) =>
      kubectl([
        ...['-n', 'shop', 'wait', '--for=condition=Ready', `--timeout=${timeout}`],
        'seccompprofile/checkout.app'
      ])
    t.not((await wait('1s')).code, 0, 'not ready: it waits')
    const waiting = wait('60s')
    await patch('True')
    t.match(await waiting, { code: 0, stdout: /condition met/ })
    // Spec and status are written apart: an edit of one leaves the other.
    await ok(
      ['apply', '-f', '-'],
      profile('checkout.app', { workload: { kind: 'Deployment', name: 'checkout' } })
    )
    t.match(await ok(['-n', 'shop', 'get', 'secp', 'checkout.app']), /True +3\/3/)
  })

  await t.test('what ships and what is shown as samples is accepted', async () => {
    await ok(['create', 'namespace', 'secco-system'])
    for (const folder of ['manifests/profiles']) {
      await ok(['apply', '--server-side', '-f', join(repositoryRoot, folder)])
    }
    for (const sample of ['profile.yaml', 'rule.yaml']) {
      const text = readFileSync(join(repositoryRoot, 'manifests/samples', sample), 'utf8')
      await ok(['apply', '--dry-run=server', '-f', '-'], text)
    }
  })
})
