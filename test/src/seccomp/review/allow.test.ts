import { test } from 'tap'
import {
  isBeyondRuntimeDefault,
  parseAllow,
  withAllowed
} from '../../../../src/seccomp/review/allow.js'
import { decideCalls } from '../../../../src/seccomp/review/decide-calls.js'
import { renderProfile } from '../../../../src/seccomp/render/render.js'
import { allowing, answer, nothing } from '../../../helpers/seccomp-profiles.js'

const decision = { by: 'ann', at: '2026-01-01T00:00:00Z', reason: 'needed' }
const enforce = { mode: 'enforce', resolve: nothing } as const

test('a call that is allowed from now on, with the arguments that were denied', (t) => {
  const profile = allowing(['socket', 'clone', 'read', 'keyctl'])
  const denied = 'SCMP_ACT_ERRNO/1'
  // what is allowed, a call, its answer before, whether RuntimeDefault denies it
  const table: [string, string, bigint[], string, boolean][] = [
    ['socket:0=0x26', 'socket', [38n], denied, true],
    ['socket:domain=AF_ALG', 'socket', [38n], denied, true],
    ['clone:0=0x10000011', 'clone', [0x10000011n], denied, true],
    ['socket:0=2', 'socket', [2n], 'SCMP_ACT_ALLOW', false],
    ['socket', 'socket', [2n], 'SCMP_ACT_ALLOW', false],
    ['keyctl:0=1', 'keyctl', [1n], 'SCMP_ACT_ALLOW', true],
    ['mount', 'mount', [], denied, true],
    ['sysinfo', 'sysinfo', [], denied, false]
  ]
  for (const [text, name, args, before, beyond] of table) {
    const wanted = parseAllow(text)
    t.equal(answer(renderProfile(profile, enforce).seccomp, name, args), before, `${text}: before`)
    const after = withAllowed(profile, wanted, decision)
    t.equal(after === profile, before === 'SCMP_ACT_ALLOW', `${text}: changed`)
    const { seccomp } = renderProfile(after, enforce)
    t.equal(answer(seccomp, name, args), 'SCMP_ACT_ALLOW', `${text}: after`)
    t.equal(isBeyondRuntimeDefault(wanted), beyond, `${text}: beyond RuntimeDefault`)
    t.equal(withAllowed(after, wanted, decision), after, `${text}: once`)
  }
  const { seccomp } = renderProfile(
    withAllowed(profile, parseAllow('socket:0=0x26'), decision),
    enforce
  )
  t.equal(answer(seccomp, 'socket', [40n]), denied, 'and no more than that')
  const denying = allowing(
    ['read'],
    [{ names: ['chdir', 'sysinfo'], action: 'SCMP_ACT_ERRNO', errnoRet: 13 }]
  )
  t.equal(answer(renderProfile(denying, enforce).seccomp, 'chdir', []), 'SCMP_ACT_ERRNO/13')
  const taken = withAllowed(denying, parseAllow('chdir'), decision)
  t.equal(answer(renderProfile(taken, enforce).seccomp, 'chdir', []), 'SCMP_ACT_ALLOW')
  t.equal(
    answer(renderProfile(taken, enforce).seccomp, 'sysinfo', []),
    'SCMP_ACT_ERRNO/13',
    'the deny rule of another syscall stays'
  )
  t.end()
})

test('what is allowed with some arguments can be denied again in the same words', (t) => {
  const profile = allowing(['socket', 'read'])
  const before = answer(renderProfile(profile, enforce).seccomp, 'socket', [38n])
  const words = 'socket:domain=AF_ALG'
  const allowed = decideCalls(profile, { ...decision, allow: [words], deny: [] })
  t.equal(answer(renderProfile(allowed, enforce).seccomp, 'socket', [38n]), 'SCMP_ACT_ALLOW')
  // The hub prints numbers, people write names.
  for (const deny of [[words], ['socket:0=0x26']]) {
    const { seccomp } = renderProfile(
      decideCalls(allowed, { ...decision, allow: [], deny }),
      enforce
    )
    t.equal(answer(seccomp, 'socket', [38n]), before)
    t.equal(answer(seccomp, 'socket', [2n]), 'SCMP_ACT_ALLOW', 'all else stays')
  }
  t.throws(() => decideCalls(profile, { ...decision, allow: [], deny: [words] }), {
    code: 'INVALID_ARGUMENT',
    message: /socket:domain=AF_ALG: no rule allows just this/
  })
  t.end()
})

test('several calls are one approval', (t) => {
  const profile = allowing(['read'])
  const wanted = ['getsid', 'socket:0=0x26', 'read', 'getpgid'].map(parseAllow)
  const after = withAllowed(profile, wanted, decision)
  const { seccomp } = renderProfile(after, enforce)
  for (const [name, args] of [
    ['getsid', []],
    ['socket', [38n]],
    ['getpgid', []]
  ] as const) {
    t.equal(answer(seccomp, name, [...args]), 'SCMP_ACT_ALLOW', name)
  }
  const reason = 'allowed getsid, socket, getpgid: needed'
  t.match(after.status?.approvals, [{ by: 'ann', reason }], 'of those that were denied')
  t.equal(after.status?.approvals?.length, 1)
  t.equal(withAllowed(after, wanted, decision), after, 'once')
  t.equal(withAllowed(after, [], decision), after)
  t.end()
})
