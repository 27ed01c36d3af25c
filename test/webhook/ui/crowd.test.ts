import { t, test } from 'tap'
import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import { profile, startUiRig } from './rig.js'

// Other tests may have the machine at the same time.
t.setTimeout(150_000)

test('with a thousand workloads and a hundred thousand containers lists stay small', async (t) => {
  const many = Array.from(
    { length: 1000 },
    (_, at): SeccompProfile => ({
      ...profile,
      metadata: { namespace: `ns-${at % 40}`, name: `w-${at}.app` },
      spec: { workload: { kind: 'Deployment', name: `w-${at}`, container: 'app' } }
    })
  )
  const inventory = Array.from({ length: 100_000 }, (_, at) => ({
    ...{
      key: `n/${at}`,
      node: `n-${at % 100}`,
      runtime: 'containerd',
      id: String(at),
      name: 'app'
    },
    ...{
      namespace: `ns-${at % 40}`,
      pod: `p-${at}`,
      image: 'i',
      workload: `Deployment/w-${at % 1000}`
    },
    ...{
      state: 'enforced' as const,
      why: 'as declared',
      profile: `ns-${at % 40}/w-${at % 1000}.app`,
      learned: ''
    },
    ...{
      revision: '',
      wanted: '',
      stale: false,
      canary: false,
      ephemeral: false,
      optedOut: false,
      drift: [],
      unprotected: null,
      denials: 0
    },
    sharedWith: [],
    startedAt: '2026-01-01T00:00:00.000Z'
  }))
  const { app, get } = await startUiRig({ objects: many, inventory: () => inventory })
  t.teardown(() => app.close())
  for (const path of ['/', '/workloads', '/review', '/profiles', '/nodes', '/audit']) {
    await get(path)
    const began = performance.now()
    const page = await get(path)
    const ms = Math.round(performance.now() - began)
    t.ok(
      page.body.length < 600_000,
      `${path}: ${Math.round(page.body.length / 1024)} KB before compression`
    )
    t.comment(`${path}: ${ms} ms, ${Math.round(page.body.length / 1024)} KB`)
  }
  t.match((await get('/workloads?page=20')).body, /page 20 of 20/)
  t.match((await get('/workloads?q=w-777')).body, /w-777/)
})
