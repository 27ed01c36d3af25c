import { test } from 'tap'
import { apiVersion } from '../../../../src/api/names.js'
import type { SeccompProfile } from '../../../../src/api/seccomp-profile.js'
import { emptyOverlay, parseBlock, withBlock } from '../../../../src/seccomp/render/block.js'
import { withParents } from '../../../../src/seccomp/render/extend.js'
import { renderProfile } from '../../../../src/seccomp/render/render.js'
import { passes } from '../../../helpers/renderings.js'
import { enforce } from '../../../helpers/seccomp-profiles.js'

const who = { by: 'ops', at: '2026-05-01T00:00:00Z' }
const profileIn = (namespace: string, parents: string[] = []): SeccompProfile => ({
  ...{ apiVersion, kind: 'SeccompProfile', metadata: { namespace, name: 'web' } },
  spec: {
    ...(parents.length === 0 ? {} : { extends: parents }),
    seccomp: {
      defaultAction: 'SCMP_ACT_ERRNO',
      syscalls: [{ names: ['bpf', 'read'], action: 'SCMP_ACT_ALLOW' }]
    }
  }
})

test('the overlay of blocks is nobody’s parent, and has none', (t) => {
  const overlay = emptyOverlay()
  const misled: SeccompProfile = { ...overlay, spec: { ...overlay.spec, extends: ['base'] } }
  const cases: [
    what: string,
    profile: SeccompProfile,
    add: string[],
    remove: string[],
    ok: boolean
  ][] = [
    ['another', profileIn('shop'), ['secco-system/base'], [], true],
    ['one of that name elsewhere', profileIn('shop'), ['emergency'], [], true],
    ['the overlay', profileIn('shop'), ['secco-system/emergency'], [], false],
    ['the overlay, in its namespace', profileIn('secco-system'), ['emergency'], [], false],
    ['of the overlay', overlay, ['base'], [], false],
    ['taken away from the overlay', misled, [], ['base'], true],
    [
      'the overlay, taken away',
      profileIn('shop', ['secco-system/emergency']),
      [],
      ['secco-system/emergency'],
      true
    ]
  ]
  for (const [what, profile, add, remove, ok] of cases) {
    const change = () => withParents(profile, add, remove, who)
    if (ok) t.doesNotThrow(change, what)
    else t.throws(change, { code: 'INVALID_ARGUMENT', message: /it is what is blocked/ }, what)
  }
  t.end()
})

test('written by kubectl, such a parent changes nothing of a block', (t) => {
  const overlay = withBlock(emptyOverlay(), parseBlock('bpf'), { ...who, reason: 'bpf' }, false)
  const opening: SeccompProfile = { ...overlay, spec: { ...overlay.spec, extends: ['shop/web'] } }
  for (const [what, one] of [
    ['as a parent', overlay],
    ['with parents', opening]
  ] as const) {
    const all = new Map([
      ['secco-system/emergency', one],
      ['shop/web', profileIn('shop')]
    ])
    const resolve = (namespace: string, name: string) => all.get(`${namespace}/${name}`)
    const parents = what === 'as a parent' ? ['secco-system/emergency'] : []
    const { seccomp } = renderProfile(profileIn('shop', parents), { ...enforce, resolve })
    t.notOk(passes(seccomp, 'bpf', []), what)
    t.ok(passes(seccomp, 'read', []), what)
  }
  t.end()
})
