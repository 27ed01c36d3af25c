import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'tap'
import { findApiServer } from '../helpers/api-server-programs.js'
import { startCluster } from '../helpers/cluster.js'
import { kubectlOf } from '../helpers/kubectl.js'
import { repositoryRoot } from '../helpers/repository.js'
import { until } from '../helpers/until.js'
import { args, profile, rule, seccomp } from '../helpers/wrong-objects.js'

const found = await findApiServer()
const kubectlPath = found.programs?.kubectl
const skip = found.skip ?? (kubectlPath === undefined ? 'no kubectl beside the API server' : false)

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
      observedGeneration: 1,
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
    t.match(wide, /WORKLOAD +CONTAINER +REVISION +REASON +GENERATION +OBSERVED/)
    t.match(wide, new RegExp(`checkout +app +${digest} +WaitingForNodes +1 +1 `))
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
