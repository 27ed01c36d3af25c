import { test } from 'tap'
import { decide } from '../../../src/rules/decide.js'
import type { PodFacts } from '../../../src/rules/facts.js'
import { buildSnapshot, type SnapshotSource } from '../../../src/rules/snapshot.js'
import { testProfile, testRevision, testRule } from '../../helpers/rules.js'
import { container, pod, toCheckout, web, checkout } from '../../helpers/decisions.js'

const labelled = (labels: Record<string, string>): Partial<PodFacts> => ({ labels })
/** `kubectl debug` with a file that the author of the pod, or somebody else, put on the node. */
const debugging: Partial<PodFacts> = {
  ...{ operation: 'UPDATE', subresource: 'ephemeralcontainers' },
  containers: [
    container(),
    container({
      ...{ kind: 'ephemeral', name: 'debug' },
      seccomp: { type: 'Localhost', localhostProfile: 'my.json' }
    })
  ]
}

test('decisions for one container', (t) => {
  const waiting = { enforce: testRevision('shop', 'checkout.app', 'a', false) }
  const table: [string, SnapshotSource, Partial<PodFacts>, string][] = [
    ['no rule', { rules: [] }, {}, 'unmatched no-rule'],
    [
      'enforce',
      { rules: [testRule('web', toCheckout)] },
      {},
      'patched ready: assigned ready secco-system/web sha256:aa'
    ],
    [
      'audit',
      { rules: [testRule('web', { ...toCheckout, mode: 'audit' })] },
      {},
      'patched ready: assigned ready secco-system/web sha256:bb'
    ],
    [
      'learn',
      { rules: [testRule('web', { ...toCheckout, mode: 'learn' })] },
      {},
      'patched learning: learn learning secco-system/web'
    ],
    [
      'learn without a profile',
      { rules: [testRule('web', { ...web, mode: 'learn' })] },
      {},
      'patched learning: learn learning secco-system/web'
    ],
    [
      'unknown profile',
      { rules: [testRule('web', toCheckout)], profiles: [] },
      {},
      'patched unknown-profile: runtime-default unknown-profile secco-system/web'
    ],
    [
      'no profile at all',
      { rules: [testRule('web', web)] },
      {},
      'patched unknown-profile: runtime-default unknown-profile secco-system/web'
    ],
    [
      'not approved',
      {
        rules: [testRule('web', toCheckout)],
        profiles: [testProfile('shop', 'checkout.app', { approved: false })]
      },
      {},
      'patched not-approved: runtime-default not-approved secco-system/web'
    ],
    [
      'not on every node',
      {
        rules: [testRule('web', toCheckout)],
        profiles: [testProfile('shop', 'checkout.app', waiting)]
      },
      {},
      'patched not-ready: runtime-default not-ready secco-system/web'
    ],
    [
      'not on every node, Previous',
      {
        rules: [testRule('web', { ...toCheckout, whenNotReady: 'Previous' })],
        profiles: [testProfile('shop', 'checkout.app', waiting)]
      },
      {},
      'patched previous: assigned previous secco-system/web sha256:cc'
    ],
    [
      'Previous never stands in for audit',
      {
        rules: [testRule('web', { ...toCheckout, mode: 'audit', whenNotReady: 'Previous' })],
        profiles: [
          testProfile('shop', 'checkout.app', {
            audit: testRevision('shop', 'checkout.app', 'b', false)
          })
        ]
      },
      {},
      'patched not-ready: runtime-default not-ready secco-system/web'
    ],
    [
      'not on every node, Deny',
      {
        rules: [testRule('web', { ...toCheckout, whenNotReady: 'Deny' })],
        profiles: [testProfile('shop', 'checkout.app', waiting)]
      },
      {},
      'denied not-ready: skipped not-ready secco-system/web'
    ],
    [
      'a path that the digest does not give is no path',
      {
        rules: [testRule('web', toCheckout)],
        profiles: [
          testProfile('shop', 'checkout.app', {
            enforce: { ...testRevision('shop', 'checkout.app', 'a'), path: '../../etc/passwd' }
          })
        ]
      },
      {},
      'patched not-approved: runtime-default not-approved secco-system/web'
    ],
    [
      'an empty path is no path',
      {
        rules: [testRule('web', toCheckout)],
        profiles: [
          testProfile('shop', 'checkout.app', {
            enforce: { ...testRevision('shop', 'checkout.app', 'a'), path: '' }
          })
        ]
      },
      {},
      'patched not-approved: runtime-default not-approved secco-system/web'
    ],
    [
      'label profile',
      {},
      labelled({ 'secco.dev/profile': 'checkout.app' }),
      'patched ready: assigned ready label secco.dev/profile sha256:aa'
    ],
    [
      'label profile, unknown',
      {},
      labelled({ 'secco.dev/profile': 'other' }),
      'patched unknown-profile: runtime-default unknown-profile label secco.dev/profile'
    ],
    [
      'label profile, not a name',
      {},
      labelled({ 'secco.dev/profile': '../shop/checkout.app' }),
      'patched unknown-profile: runtime-default unknown-profile label secco.dev/profile'
    ],
    [
      'label learn',
      {},
      labelled({ 'secco.dev/learn': 'true' }),
      'patched learning: learn learning label secco.dev/learn'
    ],
    [
      'label learn that is not true',
      {},
      labelled({ 'secco.dev/learn': 'false' }),
      'unmatched no-rule'
    ],
    [
      'labels: learn into a named profile',
      {},
      labelled({ 'secco.dev/learn': 'true', 'secco.dev/profile': 'checkout.app' }),
      'patched learning: learn learning label secco.dev/learn'
    ],
    [
      'a label does not weaken the root rule',
      { rules: [testRule('web', toCheckout)] },
      labelled({ app: 'web', 'secco.dev/learn': 'true' }),
      'patched ready: assigned ready secco-system/web sha256:aa'
    ],
    [
      'a label tightens the root rule',
      { rules: [testRule('web', { ...toCheckout, mode: 'learn' })] },
      labelled({ app: 'web', 'secco.dev/profile': 'checkout.app' }),
      'patched ready: assigned ready label secco.dev/profile sha256:aa'
    ],
    [
      'a namespace rule does not weaken',
      {
        rules: [
          testRule('web', toCheckout),
          testRule('mine', { ...toCheckout, mode: 'audit', priority: 1000 }, 'shop')
        ]
      },
      {},
      'patched ready: assigned ready secco-system/web sha256:aa'
    ],
    [
      'a namespace rule tightens',
      {
        rules: [
          testRule('web', { ...toCheckout, mode: 'audit' }),
          testRule('mine', toCheckout, 'shop')
        ],
        within: () => true
      },
      {},
      'patched ready: assigned ready shop/mine sha256:aa'
    ],
    [
      'a namespace rule that cannot be compared does not tighten',
      {
        rules: [
          testRule('web', { ...toCheckout, mode: 'audit' }),
          testRule('mine', toCheckout, 'shop')
        ]
      },
      {},
      'patched ready: assigned ready secco-system/web sha256:bb'
    ],
    [
      'a tighter wish that is not ready gives way',
      {
        rules: [
          testRule('web', { ...toCheckout, mode: 'audit' }),
          testRule('mine', toCheckout, 'shop')
        ],
        profiles: [testProfile('shop', 'checkout.app', waiting)]
      },
      {},
      'patched ready: assigned ready secco-system/web sha256:bb'
    ],
    [
      'rules of other namespaces do not apply',
      { rules: [testRule('mine', toCheckout, 'bank')] },
      {},
      'unmatched no-rule'
    ],
    [
      'a namespace rule cannot borrow from another namespace',
      {
        rules: [
          testRule('mine', { ...web, profile: { name: 'checkout.app', namespace: 'shop' } }, 'bank')
        ]
      },
      { namespace: 'bank' },
      'patched unknown-profile: runtime-default unknown-profile bank/mine'
    ],
    [
      'priority',
      {
        rules: [
          testRule('a', { ...web, mode: 'learn' }),
          testRule('b', { ...toCheckout, priority: 5 })
        ]
      },
      {},
      'patched ready: assigned ready secco-system/b sha256:aa'
    ],
    [
      'specificity',
      { rules: [testRule('a', { mode: 'learn' }), testRule('b', toCheckout)] },
      {},
      'patched ready: assigned ready secco-system/b sha256:aa'
    ],
    [
      'name order',
      { rules: [testRule('b', toCheckout), testRule('a', { ...web, mode: 'learn' })] },
      {},
      'patched learning: learn learning secco-system/a'
    ],
    [
      'container names',
      { rules: [testRule('web', { ...toCheckout, containers: ['side-*'] })] },
      {},
      'skipped no-rule: skipped no-rule'
    ],
    [
      'namespace selector, known',
      {
        rules: [
          testRule('web', { ...toCheckout, namespaceSelector: { matchLabels: { stage: 'prod' } } })
        ],
        namespaces: new Map([['shop', { stage: 'prod' }]])
      },
      {},
      'patched ready: assigned ready secco-system/web sha256:aa'
    ],
    [
      'namespace selector, name alone',
      {
        rules: [
          testRule('web', {
            ...toCheckout,
            namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'shop' } }
          })
        ]
      },
      {},
      'patched ready: assigned ready secco-system/web sha256:aa'
    ],
    [
      'kube-system',
      { rules: [testRule('all', toCheckout)] },
      { namespace: 'kube-system' },
      'excluded excluded-namespace'
    ],
    [
      'kube-node-lease',
      { rules: [testRule('all', toCheckout)] },
      { namespace: 'kube-node-lease' },
      'excluded excluded-namespace'
    ],
    [
      'own namespace',
      { rules: [testRule('all', toCheckout)] },
      { namespace: 'secco-system' },
      'excluded excluded-namespace'
    ],
    [
      'own namespace of another name',
      { rules: [testRule('all', toCheckout)], options: { ownNamespace: 'shop' } },
      {},
      'excluded excluded-namespace'
    ],
    [
      'opt-out that nobody allows',
      { rules: [testRule('web', toCheckout)] },
      labelled({ app: 'web', 'secco.dev/ignore': 'true' }),
      'patched ready: assigned ready secco-system/web sha256:aa'
    ],
    [
      'opt-out that the installation allows',
      { rules: [testRule('web', toCheckout)], options: { allowIgnore: true } },
      labelled({ app: 'web', 'secco.dev/ignore': 'true' }),
      'ignored opt-out'
    ],
    [
      'opt-out that the installation forbids',
      { rules: [testRule('web', toCheckout)], options: { allowIgnore: false } },
      labelled({ app: 'web', 'secco.dev/ignore': 'true' }),
      'patched ready: assigned ready secco-system/web sha256:aa'
    ],
    [
      'opt-out that the namespace forbids',
      {
        rules: [testRule('web', toCheckout)],
        options: { allowIgnore: true },
        namespaces: new Map([['shop', { 'secco.dev/allow-ignore': 'false' }]])
      },
      labelled({ app: 'web', 'secco.dev/ignore': 'true' }),
      'patched ready: assigned ready secco-system/web sha256:aa'
    ],
    [
      'opt-out that the namespace allows',
      {
        rules: [testRule('web', toCheckout)],
        options: { allowIgnore: false },
        namespaces: new Map([['shop', { 'secco.dev/allow-ignore': 'true' }]])
      },
      labelled({ app: 'web', 'secco.dev/ignore': 'true' }),
      'ignored opt-out'
    ],
    ['mirror pod', { rules: [testRule('web', toCheckout)] }, { mirror: true }, 'skipped mirror'],
    ['Windows pod', { rules: [testRule('web', toCheckout)] }, { windows: true }, 'skipped windows'],
    [
      'privileged',
      { rules: [testRule('web', toCheckout)] },
      { containers: [container({ privileged: true })] },
      'skipped privileged: skipped privileged secco-system/web'
    ],
    [
      "the author's own file",
      { rules: [testRule('web', { ...toCheckout, mode: 'audit' })] },
      { containers: [container({ seccomp: { type: 'Localhost', localhostProfile: 'my.json' } })] },
      'kept author-localhost: kept author-localhost secco-system/web'
    ],
    [
      "the author's own file under a rule of the root that enforces",
      { rules: [testRule('web', toCheckout)] },
      { containers: [container({ seccomp: { type: 'Localhost', localhostProfile: 'my.json' } })] },
      'patched ready: assigned ready secco-system/web sha256:aa'
    ],
    [
      "the author's own file at pod level",
      { rules: [testRule('web', toCheckout, 'shop')] },
      { podSeccomp: { type: 'Localhost', localhostProfile: 'my.json' } },
      'kept author-localhost: kept author-localhost shop/web'
    ],
    [
      'an older revision of ours is replaced',
      { rules: [testRule('web', toCheckout)] },
      {
        containers: [
          container({
            seccomp: {
              type: 'Localhost',
              localhostProfile: `secco/shop/checkout.app/${'0'.repeat(64)}.json`
            }
          })
        ]
      },
      'patched ready: assigned ready secco-system/web sha256:aa'
    ],
    [
      'explicit RuntimeDefault is tightened',
      { rules: [testRule('web', toCheckout)] },
      { containers: [container({ seccomp: { type: 'RuntimeDefault' } })] },
      'patched ready: assigned ready secco-system/web sha256:aa'
    ],
    [
      'explicit Unconfined does not stand',
      { rules: [testRule('web', toCheckout)] },
      { containers: [container({ seccomp: { type: 'Unconfined' } })] },
      'patched ready: assigned ready secco-system/web sha256:aa'
    ],
    [
      'ephemeral container',
      { rules: [testRule('web', toCheckout)] },
      {
        operation: 'UPDATE',
        subresource: 'ephemeralcontainers',
        containers: [container(), container({ kind: 'ephemeral', name: 'debug' })]
      },
      'patched ephemeral: runtime-default ephemeral'
    ],
    [
      "the author's own file for an ephemeral container under a rule of the root that enforces",
      { rules: [testRule('web', { ...toCheckout, containers: ['app'] })] },
      debugging,
      'patched ephemeral: runtime-default ephemeral'
    ],
    [
      '… under one that audits',
      { rules: [testRule('web', { ...toCheckout, mode: 'audit' })] },
      debugging,
      'kept author-localhost: kept author-localhost'
    ],
    [
      '… under one of its own namespace',
      { rules: [testRule('web', toCheckout, 'shop')] },
      debugging,
      'kept author-localhost: kept author-localhost'
    ],
    [
      'ephemeral container that is there already',
      { rules: [testRule('web', toCheckout)] },
      {
        operation: 'UPDATE',
        subresource: 'ephemeralcontainers',
        containers: [container({ kind: 'ephemeral', name: 'debug', existed: true })]
      },
      'skipped existed: skipped existed'
    ]
  ]
  for (const [name, source, change, expected] of table) {
    const decision = decide(buildSnapshot({ profiles: [checkout], ...source }), pod(change))
    const containers = decision.containers.map((c) =>
      [c.outcome, c.reason, c.rule, c.revision?.slice(0, 9)]
        .filter((part) => part !== undefined)
        .join(' ')
    )
    const got = [`${decision.decision} ${decision.reason}`, ...containers].join(': ')
    t.equal(got, expected, name)
    t.equal(decision.allowed, decision.decision !== 'denied', `${name}: allowed`)
    for (const c of decision.containers) {
      if (c.outcome === 'assigned')
        t.match(c.localhostProfile, /^secco\/shop\/checkout\.app\/[0-9a-f]{64}\.json$/)
    }
  }
  t.end()
})

test('what the person is told', (t) => {
  const told = (source: SnapshotSource, change: Partial<PodFacts> = {}) => {
    const decision = decide(buildSnapshot({ profiles: [checkout], ...source }), pod(change))
    return decision.allowed ? decision.warnings : [decision.message]
  }
  const rules = [testRule('web', toCheckout)]
  t.strictSame(told({ rules }), [
    'secco: app: enforce shop/checkout.app, revision sha256:aaaaaaaaaaaa (secco-system/web)'
  ])
  t.strictSame(told({ rules, profiles: [] }), [
    'secco: app: RuntimeDefault: profile secco-system/checkout.app does not exist (secco-system/web)'
  ])
  t.strictSame(
    told({ rules }, { podSeccomp: { type: 'Unconfined' }, hasPodSecurityContext: true }),
    [
      'secco: app: enforce shop/checkout.app, revision sha256:aaaaaaaaaaaa instead of Unconfined (secco-system/web)'
    ]
  )
  t.strictSame(
    told({ rules: [testRule('web', { ...toCheckout, whenNotReady: 'Deny' })], profiles: [] }),
    [
      'secco: container app: profile secco-system/checkout.app does not exist, and rule secco-system/web has whenNotReady: Deny'
    ]
  )
  t.strictSame(
    told({ rules, options: { allowIgnore: false } }, { labels: { 'secco.dev/ignore': 'true' } }),
    ['secco: label secco.dev/ignore is not honoured in namespace shop']
  )
  t.end()
})
