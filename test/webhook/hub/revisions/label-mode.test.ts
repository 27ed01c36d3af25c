import { test } from 'tap'
import type { SeccompProfile } from '../../../../src/api/seccomp-profile.js'
import { labelModeOf } from '../../../../webhook/hub/revisions/label-mode.js'
import { instance, profileOf } from '../../../helpers/instances.js'

const seccomp = {
  defaultAction: 'SCMP_ACT_ERRNO' as const,
  syscalls: [{ names: ['read'], action: 'SCMP_ACT_ALLOW' as const }]
}
const revision = `sha256:${'1'.repeat(64)}`
const canary = {
  mode: 'enforce' as const,
  canary: {
    ...{ percent: 10, startedAt: '2026-01-01T00:00:00Z', quietFor: '10m' },
    from: { mode: 'audit' as const }
  }
}
const late = { instances: [instance(0, ['read'], { complete: false })] }
const whole = { instances: [instance(0, ['read'])], startup: { x86_64: ['read'] } }
const more = { ...whole, startup: { x86_64: ['read', 'bind'] } }

test('a label does not enforce from the first approval until a start is known not to fail', (t) => {
  // [what, status, ladder, the mode of the label]
  const table: [
    string,
    SeccompProfile['status'],
    SeccompProfile['spec']['ladder'],
    'audit' | undefined
  ][] = [
    ['a start that was recorded', whole, undefined, undefined],
    ['no start was recorded', late, undefined, 'audit'],
    ['a start that calls more', more, undefined, 'audit'],
    ['what a person wrote', {}, undefined, undefined],
    ['no start, promoted to audit', late, { mode: 'audit' }, 'audit'],
    ['no start, and a person enforced it', late, { mode: 'enforce' }, undefined],
    ['no start, and a canary that may go back', late, canary, 'audit'],
    ['still no start', { ...late, revision, labelMode: 'audit' }, undefined, 'audit'],
    ['the start was recorded', { ...whole, revision, labelMode: 'audit' }, undefined, undefined],
    ['it calls more', { ...more, revision, labelMode: 'audit' }, undefined, 'audit'],
    ['enforced by its label, then a new image', { ...late, revision }, undefined, undefined],
    ['enforced by its label, then a call more', { ...more, revision }, undefined, undefined]
  ]
  for (const [what, status, ladder, mode] of table) {
    const profile = profileOf({ seccomp, ...(ladder && { ladder }) }, status)
    t.equal(
      labelModeOf(profile, () => undefined),
      mode,
      what
    )
  }
  t.end()
})
