import { test } from 'tap'
import { validateObject } from '../../../../src/api/validate.js'
import type { Resolve } from '../../../../src/seccomp/render/approved.js'
import {
  emptyOverlay,
  needed,
  parseBlock,
  withBlock
} from '../../../../src/seccomp/render/block.js'
import { emergencyTemplates } from '../../../../src/seccomp/data/emergency-templates.js'
import { emergencyOf } from '../../../../src/seccomp/render/emergency.js'
import { rulesOf } from '../../../../src/seccomp/policy/normal-form.js'
import { renderProfile } from '../../../../src/seccomp/render/render.js'
import { overlayOf } from '../../../helpers/random-profile.js'
import { profileOf, passes, modes } from '../../../helpers/renderings.js'
import { enforce, allowing, codeOf } from '../../../helpers/seccomp-profiles.js'
import { matchLists } from '../../../helpers/match-lists.js'

test('the emergency overlay', (t) => {
  const wide = profileOf({
    seccomp: {
      defaultAction: 'SCMP_ACT_ERRNO',
      syscalls: [
        {
          names: ['bpf', 'clone', 'read', 'socket', 'socketcall', 'socketpair'],
          action: 'SCMP_ACT_ALLOW'
        },
        {
          names: ['socket'],
          action: 'SCMP_ACT_ALLOW',
          args: [{ index: 0, op: 'SCMP_CMP_EQ', value: 38 }]
        },
        {
          names: ['unshare'],
          action: 'SCMP_ACT_ALLOW',
          args: [{ index: 1, op: 'SCMP_CMP_EQ', value: 0 }]
        }
      ]
    }
  })
  const before = renderProfile(wide, enforce).seccomp
  t.ok(passes(before, 'socket', [38n]), 'a person allowed it')
  let blocked = emptyOverlay()
  const decision = { by: 'ops', at: '2026-05-01T00:00:00Z', reason: '' }
  for (const { name } of emergencyTemplates) {
    const block = parseBlock(name)
    blocked = withBlock(blocked, block, { ...decision, reason: block.reason }, false)
    t.equal(withBlock(blocked, block, decision, false), blocked, `${name}: twice is once`)
    t.same(needed(block), [], `${name} takes nothing that containers need`)
  }
  validateObject(blocked, 'overlay')
  const resolve: Resolve = (_, name) => (name === 'emergency' ? blocked : undefined)
  for (const mode of modes) {
    const { seccomp, reasons } = renderProfile(wide, { mode, resolve })
    const says = (name: string, ...call: bigint[]) => passes(seccomp, name, call)
    for (const family of [17n, 38n, 40n]) {
      t.notOk(says('socket', family), `${mode}: socket ${family}`)
      t.notOk(says('socket', family + 2n ** 32n), `${mode}: the kernel drops the upper half`)
    }
    t.notOk(says('socketpair', 38n + 2n ** 32n))
    t.ok(says('socketpair', 1n))
    t.ok(says('socket', 2n, 1n, 0n) && says('socket', 16n, 3n, 0n), 'others stay')
    t.notOk(says('socket', 16n, 3n, 12n), 'netlink of the packet filter')
    for (const name of ['bpf', 'socketcall', 'splice', 'ptrace', 'keyctl'])
      t.notOk(says(name), name)
    t.notOk(says('unshare', 0x10000000n, 0n))
    t.ok(says('clone', 17n))
    matchLists(t, reasons['bpf'], [{ kind: 'emergency', by: 'ops', text: /CVE-2022-23222/ }])
    t.ok(reasons['socket']?.some(({ kind }) => kind === 'emergency'))
  }
  for (const { name } of emergencyTemplates) {
    blocked = withBlock(blocked, parseBlock(name), decision, true)
  }
  t.equal(renderProfile(wide, { ...enforce, resolve }).json, renderProfile(wide, enforce).json)

  t.same(needed(parseBlock('execve')), ['execve'])
  t.same(parseBlock('socket:domain=AF_ALG,type=5').rules[0]?.args, [
    { index: 0, op: 'SCMP_CMP_EQ', value: 38 },
    { index: 1, op: 'SCMP_CMP_EQ', value: 5 }
  ])
  for (const text of [
    'nope',
    'socket:',
    'socket:x=1',
    'socket:0=',
    'socket:0=1,0=2',
    'read:9=1',
    'socket:0=1e9'
  ]) {
    t.equal(codeOf(() => parseBlock(text)).code, 'INVALID_ARGUMENT', text)
  }
  const opening = {
    ...emptyOverlay(),
    spec: {
      seccomp: {
        defaultAction: 'SCMP_ACT_ERRNO' as const,
        syscalls: [{ names: ['bpf'], action: 'SCMP_ACT_ALLOW' as const }]
      }
    }
  }
  t.equal(
    codeOf(() => validateObject(opening, 'x')).code,
    'INVALID_DOCUMENT',
    'it lets nothing through'
  )
  t.equal(emergencyOf(opening).denyRules.size, 0)
  const killing = renderProfile(allowing(['read']), {
    ...enforce,
    resolve: overlayOf([{ names: ['read'], action: 'SCMP_ACT_KILL_PROCESS' }])
  }).seccomp
  t.strictSame(
    rulesOf(killing).filter(({ name }) => name === 'read'),
    [{ name: 'read', action: 'SCMP_ACT_KILL_PROCESS' }]
  )
  t.end()
})

test('a block also denies what comes by extends and by families', (t) => {
  const base = profileOf(allowing(['chmod', 'mount', 'open', 'read']).spec, {}, 'base')
  const above = profileOf({ extends: ['shop/base'] }, {}, 'above')
  const overlay = overlayOf([
    { names: ['mount', 'openat', 'fchmodat2'], action: 'SCMP_ACT_ERRNO' },
    {
      names: ['read'],
      action: 'SCMP_ACT_ERRNO',
      args: [{ index: 0, op: 'SCMP_CMP_EQ', value: 7 }]
    }
  ])
  const resolve: Resolve = (namespace, name) =>
    name === 'base' ? base : name === 'above' ? above : overlay(namespace, name)
  const parents = [['shop/base'], ['shop/above'], ['glibc', 'shop/above']]
  for (const [nth, list] of parents.entries()) {
    for (const mode of modes) {
      const entries = list.map((one) => (one === 'glibc' ? 'secco-system/glibc' : one))
      const { seccomp, reasons } = renderProfile(profileOf({ extends: entries }), { mode, resolve })
      const what = `${mode}, parents ${nth}`
      for (const name of ['mount', 'openat', 'fchmodat2']) {
        t.notOk(passes(seccomp, name, []), `${what}: ${name}`)
        t.ok(
          reasons[name]?.some(({ kind }) => kind === 'emergency'),
          `${what}: why ${name} is denied`
        )
      }
      t.ok(passes(seccomp, 'fchmodat', []), `${what}: the rest of the family stays`)
      t.notOk(passes(seccomp, 'read', [7n]), `${what}: an argument of a parent's syscall`)
      t.ok(passes(seccomp, 'read', [8n]), what)
    }
  }
  t.end()
})

test('a block of what a multiplexer or a pointer hides denies that, too', (t) => {
  const args = [{ index: 0, op: 'SCMP_CMP_EQ' as const, value: 38 }]
  const cases: [blocked: string, also: string][] = [
    ['socket', 'socketcall'],
    ['socketpair', 'socketcall'],
    ['setsockopt', 'socketcall'],
    ['bind', 'socketcall'],
    ['connect', 'socketcall'],
    ['sendmmsg', 'socketcall'],
    ['clone', 'clone3'],
    ['shmget', 'ipc'],
    ['semget', 'ipc'],
    ['msgget', 'ipc'],
    ['shmat', 'ipc'],
    ['semtimedop', 'ipc']
  ]
  for (const [blocked, also] of cases) {
    const rules = [{ names: [blocked], action: 'SCMP_ACT_ERRNO' as const, args }]
    const resolve = overlayOf(rules)
    const profile = allowing([blocked, also])
    profile.spec.seccomp = {
      ...{ defaultAction: 'SCMP_ACT_ERRNO', ...profile.spec.seccomp },
      architectures: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86']
    }
    t.ok(passes(renderProfile(profile, enforce).seccomp, also, []) || also === 'clone3', also)
    for (const mode of modes) {
      const { seccomp } = renderProfile(profile, { mode, resolve })
      t.notOk(passes(seccomp, also, []), `${mode}: ${also} with ${blocked}`)
    }
    matchLists(t, emergencyOf(resolve('secco-system', 'emergency')).denyRules.get(also), [
      { errnoRet: 38, args: [] }
    ])
  }
  t.end()
})
