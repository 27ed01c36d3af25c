import { test } from 'tap'
import type { SeccompProfile } from '../../../../src/api/seccomp-profile.js'
import type { Store } from '../../../../src/store/store.js'
import type { Verdict } from '../../../../webhook/hub/status/profile-status.js'
import { createVerdictWriter, unwritten } from '../../../../webhook/hub/revisions/verdict-writer.js'
import { collectLog } from '../rig.js'

test('a verdict that came too late is not taken for written', async (t) => {
  const profile: SeccompProfile = {
    apiVersion: 'secco.dev/v1alpha1',
    kind: 'SeccompProfile',
    metadata: { namespace: 'shop', name: 'web', uid: 'u', generation: 1 },
    spec: {}
  }
  let written = 0
  const store = {
    update: (_kind: string, _ref: object, change: (one: SeccompProfile) => SeccompProfile) => {
      if (change(profile) !== profile) written += 1
      return Promise.resolve(profile)
    }
  } as unknown as Store
  let isCurrent = false
  const writer = createVerdictWriter<typeof unwritten & { profile: SeccompProfile }>({
    ...{ store, logger: collectLog().logger, countMs: 0, retryMs: 10 },
    isCurrent: () => isCurrent,
    again: () => undefined
  })
  t.teardown(() => writer.close())
  const one = { ...unwritten, profile }
  const verdict: Verdict = { state: 'unapproved' }
  await writer.write(one, verdict)
  t.equal(written, 0, 'the profile had been changed meanwhile')
  isCurrent = true
  await writer.write(one, verdict)
  t.equal(written, 1, 'the same verdict, about what it is now')
  await writer.write(one, verdict)
  t.equal(written, 1, 'once')
})
