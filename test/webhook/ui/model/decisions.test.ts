import { test } from 'tap'
import { apiVersion } from '../../../../src/api/names.js'
import type { SeccompProfile } from '../../../../src/api/seccomp-profile.js'
import { emergencyLabel } from '../../../../src/seccomp/render/emergency.js'
import type { AuditEntry } from '../../../../webhook/ui/model/audit-trail.js'
import { decisionsBeside, togetherMs } from '../../../../webhook/ui/model/decisions.js'

const moment = (ms: number): string => new Date(Date.UTC(2026, 0, 1) + ms).toISOString()

const action = (change: Partial<AuditEntry> = {}): AuditEntry => ({
  ...{ at: moment(0), user: 'ann', action: 'approveProfile', object: 'shop/web' },
  ...{ detail: 'tests passed', status: 200 },
  ...change
})

function profileOf(label: string, approvals: { by?: string; reason?: string }[]): SeccompProfile {
  const [namespace = '', name = ''] = label.split('/')
  return {
    ...{ apiVersion, kind: 'SeccompProfile', metadata: { namespace, name }, spec: {} },
    status: {
      approvals: approvals.map((change) => ({
        ...{ by: 'ann', at: moment(0), reason: 'tests passed', revision: '', digest: 'd' },
        ...change
      }))
    }
  }
}

test('a decision is listed beside the actions unless one of them made it', (t) => {
  const web = profileOf('shop/web', [{}])
  const block = profileOf(emergencyLabel, [{ reason: 'blocked ptrace: an attack' }])
  const removal = profileOf(emergencyLabel, [{ reason: 'unblocked ptrace: it is over' }])
  const postBlock = { action: 'postBlock', object: 'ptrace', detail: 'an attack' }
  const rows: [what: string, AuditEntry[], SeccompProfile, isListed: boolean][] = [
    ['no action', [], web, true],
    ['the action', [action()], web, false],
    ['shortly before', [action({ at: moment(-togetherMs + 1) })], web, false],
    ['earlier', [action({ at: moment(-togetherMs) })], web, true],
    ['it failed', [action({ status: 403 })], web, true],
    ['a second try', [action({ status: 403 }), action()], web, false],
    ['nothing was changed', [action({ dryRun: true })], web, true],
    ['somebody else', [action({ user: 'bob' })], web, true],
    ['another profile', [action({ object: 'shop/api' })], web, true],
    ['another reason', [action({ detail: 'no tests' })], web, true],
    ['a block', [action(postBlock)], block, false],
    ['a block of something else', [action({ ...postBlock, object: 'bpf' })], block, true],
    ['a block, not its removal', [action(postBlock)], removal, true],
    ['a removal', [action({ ...postBlock, action: 'postUnblock' })], removal, false]
  ]
  for (const [what, actions, profile, isListed] of rows)
    t.equal(decisionsBeside(actions, [profile]).length, isListed ? 1 : 0, what)
  t.end()
})

test('a step that a profile keeps is listed unless an action or an approval shows it', (t) => {
  const step = {
    at: moment(0),
    by: 'ann',
    action: 'promote',
    from: 'audit',
    to: 'enforce'
  } as const
  const kept = (change: object, approvals: { by?: string }[] = []) => {
    const web = profileOf('shop/web', approvals)
    return { ...web, status: { ...web.status, history: [{ ...step, ...change }] } }
  }
  const promoted = action({ action: 'postPromote', detail: 'to enforce: x' })
  const allow = { action: 'allow', from: 'enforce' }
  const rows: [what: string, AuditEntry[], SeccompProfile, listed: string[]][] = [
    ['no action', [], kept({ reason: 'quiet' }), ['postPromote audit to enforce: quiet']],
    ['the action', [promoted], kept({}), []],
    ['it failed', [{ ...promoted, status: 403 }], kept({}), ['postPromote audit to enforce']],
    ['tried', [{ ...promoted, dryRun: true }], kept({}), ['postPromote audit to enforce']],
    [
      'earlier',
      [{ ...promoted, at: moment(-togetherMs) }],
      kept({}),
      ['postPromote audit to enforce']
    ],
    ['a canary', [promoted], kept({ action: 'canary' }), []],
    [
      'by the hub',
      [promoted],
      kept({ action: 'return', by: 'hub', to: 'audit' }),
      ['returnCanary ']
    ],
    ['an allowed call', [], kept({ ...allow, reason: 'bpf' }, []), ['postAllow bpf']],
    ['with its approval', [], kept(allow, [{}]), ['approved tests passed']],
    ['of another', [], kept(allow, [{ by: 'bob' }]), ['approved tests passed', 'postAllow ']],
    ['unmuted', [action({ action: 'postUnmute' })], kept({ action: 'mute', to: 'audit' }), []]
  ]
  for (const [what, actions, profile, listed] of rows)
    t.same(
      decisionsBeside(actions, [profile]).map((one) => `${one.action} ${one.detail}`),
      listed,
      what
    )
  t.end()
})

test('of thousands of actions each decision is compared with its own', (t) => {
  let looks = 0
  const names = Array.from({ length: 2000 }, (_, at) => `shop/w-${at}`)
  const actions = names.map((object) =>
    Object.defineProperty(action({ object }), 'status', {
      get: () => {
        looks += 1
        return 200
      }
    })
  )
  const profiles = names.map((name) => profileOf(name, [{}]))
  t.same(decisionsBeside(actions, profiles), [])
  t.ok(looks <= 2 * names.length, `${looks} looks at ${names.length} actions`)
  t.end()
})
