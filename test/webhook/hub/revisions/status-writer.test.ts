import { test } from 'tap'
import type { SeccompProfile } from '../../../../src/api/seccomp-profile.js'
import type { Store } from '../../../../src/store/store.js'
import type { ProfileOutcome } from '../../../../webhook/hub/status/profile-status.js'
import {
  createStatusWriter,
  unwritten,
  type WrittenStatus
} from '../../../../webhook/hub/revisions/status-writer.js'
import { collectLog } from '../rig.js'

test('an outcome for an older spec does not count as written', async (t) => {
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
  const writer = createStatusWriter<{
    profile: SeccompProfile
    editedAt: string
    status: WrittenStatus
  }>({
    ...{ store, logger: collectLog().logger, countMs: 0, retryMs: 10 },
    isCurrent: () => isCurrent,
    again: () => undefined
  })
  t.teardown(() => writer.close())
  const one = { status: unwritten(), profile, editedAt: '2026-01-01T00:00:00Z' }
  const outcome: ProfileOutcome = { state: 'unapproved' }
  await writer.write(one, outcome)
  t.equal(written, 0, 'the profile has changed meanwhile')
  isCurrent = true
  await writer.write(one, outcome)
  t.equal(written, 1, 'the outcome is about the current spec')
  await writer.write(one, outcome)
  t.equal(written, 1, 'the same outcome is written once')
})
