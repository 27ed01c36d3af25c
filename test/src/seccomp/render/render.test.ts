import { test } from 'tap'
import { abis } from '../../../../src/syscalls/abi.js'
import { approveObserved } from '../../../../src/seccomp/review/approve.js'
import { toBitmap } from '../../../../src/syscalls/bitmap.js'
import { commonAction, newestNumber } from '../../../../src/seccomp/render/fleet-keys.js'
import { rulesOf } from '../../../../src/seccomp/policy/normal-form.js'
import { renderProfile } from '../../../../src/seccomp/render/render.js'
import { knownSyscalls, syscallNumber } from '../../../../src/syscalls/syscall-table.js'
import { profileOf } from '../../../helpers/renderings.js'
import { enforce, allowing } from '../../../helpers/seccomp-profiles.js'

test('the border between EPERM and ENOSYS', (t) => {
  const { seccomp } = renderProfile(allowing(['read']), enforce)
  const named = new Set(rulesOf(seccomp).map(({ name }) => name))
  for (const abi of abis) {
    const numbers = knownSyscalls
      .map((name) => ({ name, nr: syscallNumber(abi, name) ?? -1 }))
      .filter(({ nr }) => nr < 512)
    const newest = numbers.reduce((a, b) => (b.nr > a.nr ? b : a))
    t.ok(named.has(newest.name), `${abi}: the newest known call ${newest.name} is named`)
  }
  const old = [{ name: 'runc', version: '1.0.3' }]
  t.equal(commonAction(old, 'SCMP_ACT_KILL_PROCESS'), 'SCMP_ACT_KILL')
  t.equal(
    commonAction([{ name: 'runc', version: '1.1.5' }], 'SCMP_ACT_KILL_PROCESS'),
    'SCMP_ACT_KILL_PROCESS'
  )
  t.equal(
    commonAction([{ name: 'runc', version: '' }], 'SCMP_ACT_KILL_PROCESS'),
    'SCMP_ACT_KILL',
    'a version that nobody knows may be an old one'
  )
  t.equal(
    commonAction([{ name: 'containerd', version: '' }], 'SCMP_ACT_KILL_PROCESS'),
    'SCMP_ACT_KILL_PROCESS',
    'it loads no filter itself'
  )
  const killing = profileOf({ seccomp: { defaultAction: 'SCMP_ACT_KILL_PROCESS' } })
  const common = renderProfile(killing, { ...enforce, runtimes: old }).seccomp.defaultAction
  t.equal(common, 'SCMP_ACT_KILL', 'the word that the whole fleet takes')
  t.equal(newestNumber('2.5.4'), 450)
  t.equal(newestNumber('2.4.1'), undefined)
  t.equal(newestNumber('2.6.0'), 466)
  t.end()
})

test('who, when and why', (t) => {
  const seen = (id: string, node: string, names: string[], day: number) => ({
    id,
    node,
    complete: true,
    ended: true,
    firstSeen: `2026-01-0${day}T00:00:00Z`,
    lastSeen: `2026-01-0${day + 1}T00:00:00Z`,
    observed: { x86_64: toBitmap('x86_64', names) }
  })
  const profile = approveObserved(
    profileOf(
      {},
      {
        observed: { x86_64: ['accept4', 'read'] },
        instances: [
          seen('a', 'n1', ['read'], 1),
          seen('b', 'n2', ['read', 'accept4'], 3),
          seen('c', 'n1', [], 5)
        ]
      }
    ),
    { by: 'ann', at: '2026-02-01T00:00:00Z', reason: 'reviewed' }
  )
  const { reasons, provenance } = renderProfile(profile, enforce)
  t.same(reasons['accept4'], [
    {
      kind: 'observed',
      text: 'x86_64, in 1 instance, last 2026-01-04T00:00:00Z',
      by: 'n2',
      at: '2026-01-03T00:00:00Z'
    },
    { kind: 'person', text: 'reviewed', by: 'ann', at: '2026-02-01T00:00:00Z' }
  ])
  t.matchOnly(reasons['read'], [
    { kind: 'observed', by: 'n1, n2', at: '2026-01-01T00:00:00Z', text: /2 instances/ },
    { kind: 'person', text: 'reviewed', by: 'ann', at: '2026-02-01T00:00:00Z' },
    { kind: 'base', text: /./ }
  ])
  t.matchOnly(reasons['accept'], [{ kind: 'family', text: /^accept4: / }])
  t.matchOnly(provenance['accept'], [/^family of accept4/])
  t.matchOnly(provenance['rseq'], [/^ENOSYS/])
  t.end()
})

test('a revision for several machines has the names of each, whatever ABI was observed', (t) => {
  const profile = allowing(['open', 'arch_prctl', 'read', '_llseek'])
  profile.spec.seccomp = {
    ...{ defaultAction: 'SCMP_ACT_ERRNO', ...profile.spec.seccomp },
    architectures: ['SCMP_ARCH_AARCH64']
  }
  const namesOn = (machine?: string): Set<string> => {
    const options = { ...enforce, ...(machine === undefined ? {} : { machine }) }
    const { syscalls = [] } = renderProfile(profile, options).seccomp
    return new Set(
      syscalls.filter((rule) => rule.action === 'SCMP_ACT_ALLOW').flatMap(({ names }) => names)
    )
  }
  t.ok(namesOn().has('open') && namesOn().has('arch_prctl'), 'a node may be of either machine')
  t.notOk(namesOn().has('_llseek'), 'no native ABI has it')
  t.notOk(namesOn('aarch64').has('open'))
  t.ok(namesOn('aarch64').has('read'))
  t.end()
})
