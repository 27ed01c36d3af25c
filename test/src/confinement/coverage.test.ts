import { test } from 'tap'
import { type Coverage, coverageOf } from '../../../src/confinement/coverage.js'
import { buildSnapshot } from '../../../src/rules/snapshot.js'
import { admit } from '../../../webhook/admission/admit.js'
import { testReview } from '../../helpers/review.js'
import { testProfile, testRevision, testRule } from '../../helpers/rules.js'

const rules = [
  testRule('web', { podSelector: { matchLabels: { app: 'web' } }, profile: { name: 'p' } }, 'shop'),
  testRule(
    'app',
    {
      ...{ podSelector: { matchLabels: { app: 'one' } }, containers: ['app'] },
      profile: { name: 'p' }
    },
    'shop'
  ),
  testRule(
    'deny',
    {
      ...{ podSelector: { matchLabels: { app: 'deny' } }, whenNotReady: 'Deny' },
      profile: { name: 'none' }
    },
    'shop'
  ),
  testRule(
    'none',
    { podSelector: { matchLabels: { app: 'none' } }, profile: { name: 'none' } },
    'shop'
  ),
  testRule('learn', { podSelector: { matchLabels: { app: 'learn' } }, mode: 'learn' }, 'shop')
]
const profiles = [
  testProfile('shop', 'p', { enforce: { ...testRevision('shop', 'p', 'a'), withinDefault: true } })
]
const snapshotOf = (mode: 'enforce' | 'observe' = 'enforce') =>
  buildSnapshot({ rules, profiles, options: { mode, allowIgnore: true } })

const seccomp = (type: string, more = {}) => ({
  securityContext: { seccompProfile: { type, ...more } }
})
const file = { localhostProfile: 'mine.json' }

const side = [{ name: 'side' }]

interface Row {
  what: string
  app: string
  /** Containers next to app. */
  others?: object[]
  /** Of the container app. */
  own?: object
  ofPod?: object
  coverage: Coverage
  summary: RegExp
}

const table: Row[] = [
  {
    what: 'no rule',
    app: 'other',
    coverage: 'not-covered',
    summary: /^No rule matches: the pod gets what it asks for \(nothing, so the node decides\)$/
  },
  {
    what: 'no rule, and a container asks',
    app: 'other',
    others: side,
    own: seccomp('RuntimeDefault'),
    coverage: 'not-covered',
    summary: /\(app: RuntimeDefault; side: nothing, so the node decides\)$/
  },
  {
    what: 'no rule, and the pod asks',
    app: 'other',
    others: side,
    ofPod: seccomp('Unconfined'),
    coverage: 'not-covered',
    summary: /\(Unconfined\)$/
  },
  { what: 'one', app: 'web', coverage: 'covered', summary: /^The container is covered by a rule/ },
  { what: 'learning', app: 'learn', coverage: 'covered', summary: /^The container is covered/ },
  {
    what: 'two of two',
    app: 'web',
    others: side,
    coverage: 'covered',
    summary: /^All 2 containers are covered/
  },
  {
    what: 'one of two',
    app: 'one',
    others: side,
    coverage: 'not-covered',
    summary: /^Not covered: 1 of 2 containers: no rule covers side, which asks for nothing/
  },
  {
    what: "its author's file",
    app: 'web',
    own: seccomp('Localhost', file),
    coverage: 'not-covered',
    summary: /app keeps the file that its author names/
  },
  {
    what: 'privileged',
    app: 'web',
    own: { securityContext: { privileged: true } },
    coverage: 'not-covered',
    summary: /app is privileged/
  },
  {
    what: 'no profile',
    app: 'none',
    coverage: 'partly',
    summary: /app, its profile does not exist/
  },
  { what: 'rejected', app: 'deny', coverage: 'rejected', summary: /^The pod is rejected$/ }
]

const coverOf = (mode: 'enforce' | 'observe', labels: object, spec: object) => {
  const review = testReview({ metadata: { name: 'x', namespace: 'shop', labels }, spec })
  const { decision, facts } = admit(snapshotOf(mode), review)
  if (facts === undefined) throw new Error('the pod cannot be read')
  return coverageOf(decision, facts)
}

test('what a decision means for the containers of a pod', (t) => {
  for (const { what, app, others = [], own = {}, ofPod = {}, coverage, summary } of table) {
    const spec = { ...ofPod, containers: [{ name: 'app', ...own }, ...others] }
    t.match(coverOf('enforce', { app }, spec), { coverage, summary }, what)
  }
  const spec = { containers: [{ name: 'app' }] }
  t.match(coverOf('observe', { app: 'web' }, spec), {
    ...{ coverage: 'not-covered', summary: /^Only observed/ }
  })
  t.match(coverOf('enforce', { app: 'web', 'secco.dev/ignore': 'true' }, spec), {
    ...{ coverage: 'not-covered', summary: /^The pod opts out by its label: the pod gets/ }
  })
  t.end()
})
