import fc from 'fast-check'
import { test } from 'tap'
import { decide } from '../../../src/rules/decide.js'
import { buildSnapshot } from '../../../src/rules/snapshot.js'
import { runs } from '../../helpers/fuzz.js'
import { testProfile, testRevision } from '../../helpers/rules.js'
import { rulesArbitrary, container, pod } from '../../helpers/decisions.js'

test('whatever the rules and the pod: no weaker, no invented path, no excluded namespace', (t) => {
  const profiles = [
    testProfile('shop', 'ready'),
    testProfile('secco-system', 'waiting', {
      enforce: testRevision('secco-system', 'waiting', 'a', false)
    }),
    testProfile('shop', 'draft', { approved: false })
  ]
  const ready = new Set(
    profiles
      .flatMap((p) => [p.enforce, p.audit, p.previous])
      .flatMap((r) => (r?.ready === true ? [r.path] : []))
  )
  const containersArbitrary = fc.array(
    fc.record({
      name: fc.constantFrom('app', 'web-1', 'init', 'side'),
      privileged: fc.boolean(),
      seccomp: fc.constantFrom(
        undefined,
        { type: 'RuntimeDefault' },
        { type: 'Unconfined' },
        { type: 'Localhost', localhostProfile: 'own.json' }
      )
    }),
    { minLength: 1, maxLength: 4 }
  )
  const podLabels = fc.dictionary(
    fc.constantFrom('app', 'env', 'secco.dev/profile', 'secco.dev/learn', 'secco.dev/ignore'),
    fc.constantFrom('a', 'true', 'ready', 'waiting', 'draft', '../x'),
    { maxKeys: 4 }
  )
  const law = fc.property(
    rulesArbitrary,
    podLabels,
    containersArbitrary,
    fc.constantFrom('shop', 'bank', 'kube-system', 'secco-system'),
    (rules, labels, list, namespace) => {
      const facts = pod({
        labels,
        namespace,
        containers: list.map((c, index) => container({ ...c, index }))
      })
      const decision = decide(buildSnapshot({ rules, profiles }), facts)
      if (namespace === 'kube-system' || namespace === 'secco-system') {
        return decision.decision === 'excluded' && decision.containers.length === 0
      }
      return decision.containers.every((c) =>
        c.outcome === 'assigned'
          ? c.localhostProfile !== undefined && ready.has(c.localhostProfile)
          : c.localhostProfile === undefined
      )
    }
  )
  t.doesNotThrow(() => fc.assert(law, { numRuns: runs(250) }))
  t.end()
})
