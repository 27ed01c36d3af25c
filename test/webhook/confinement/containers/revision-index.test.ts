import { setImmediate } from 'node:timers/promises'
import { test } from 'tap'
import { RunningContainer } from '../../../../src/api/gen/hub.js'
import type { LinuxSeccomp } from '../../../../src/api/seccomp-profile.js'
import type { ProfileState } from '../../../../src/rules/profile-state.js'
import { riskReport } from '../../../../src/seccomp/review/risk-score.js'
import { RevisionIndex } from '../../../../webhook/confinement/containers/revision-index.js'
import type { ConfinementSources } from '../../../../webhook/confinement/containers/sources.js'
import { testProfile } from '../../../helpers/rules.js'

const older = `sha256:${'e'.repeat(64)}`
const seccomp: LinuxSeccomp = {
  defaultAction: 'SCMP_ACT_ERRNO',
  syscalls: [{ names: ['read', 'write', 'ptrace'], action: 'SCMP_ACT_ALLOW' }]
}

test('a container’s older revision has its own mode and risk', async (t) => {
  const states: ReadonlyMap<string, ProfileState> = new Map([
    ['shop/web', testProfile('shop', 'web')]
  ])
  const read: string[] = []
  const node: { bytes?: Buffer } = {}
  const index = new RevisionIndex({
    hub: {
      profiles: () => states,
      bytes: (digest: string) => {
        read.push(digest)
        return Promise.resolve(node.bytes)
      }
    } as unknown as ConfinementSources['hub'],
    profiles: () => []
  })
  index.refresh()
  const running = {
    ...RunningContainer.fromPartial({
      ...{ key: 'c@1', declared: 'revision', declaredMode: 'enforce', digest: older },
      container: { id: 'c', name: 'app' },
      assigned: `shop/web@${older}`
    }),
    ...{ id: 'n1/c@1', node: 'n1', firstSeen: '' }
  }
  t.same(index.of(running), { profile: 'shop/web', digest: older, mode: 'enforce' })
  t.equal(index.riskOf(older), undefined, 'no node has been heard')
  await setImmediate()
  node.bytes = Buffer.from(JSON.stringify(seccomp))
  const known = new Promise<void>((resolve) => void index.onChange(resolve))
  index.riskOf(older)
  await known
  t.equal(index.riskOf(older), riskReport(seccomp).score)
  t.not(index.riskOf(older), index.runtimeDefaultRisk)
  t.same(read, [older, older], 'it is read until it is known, and not again')
})
