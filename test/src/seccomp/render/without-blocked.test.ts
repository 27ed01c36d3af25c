import fc from 'fast-check'
import { test } from 'tap'
import type { LinuxSeccomp } from '../../../../src/api/seccomp-profile.js'
import { emptyOverlay, parseBlock, withBlock } from '../../../../src/seccomp/render/block.js'
import { emergencyOf, resolveEmergency } from '../../../../src/seccomp/render/emergency.js'
import { mostConditions } from '../../../../src/seccomp/filter/filter-size.js'
import { isBuiltAsStated } from '../../../../src/seccomp/filter/built-rules.js'
import { rulesOf } from '../../../../src/seccomp/policy/normal-form.js'
import { renderProfile } from '../../../../src/seccomp/render/render.js'
import { withoutBlocked } from '../../../../src/seccomp/render/without-blocked.js'
import { knownSyscalls } from '../../../../src/syscalls/syscall-table.js'
import { runs } from '../../../helpers/fuzz.js'
import {
  callArguments,
  overlayOf,
  randomDenials,
  randomProfile,
  tryRender
} from '../../../helpers/random-profile.js'
import { holds, modes, passes } from '../../../helpers/renderings.js'
import { allowing } from '../../../helpers/seccomp-profiles.js'

const blocked = (what: string) => {
  const decision = { by: 'ops', at: '2026-01-01T00:00:00Z', reason: what }
  return emergencyOf(withBlock(emptyOverlay(), parseBlock(what), decision, false))
}

const actionOf = ({ syscalls = [] }: LinuxSeccomp, name: string) =>
  syscalls.filter(({ names }) => names.includes(name)).map(({ action }) => action)

test('a block reaches a revision that cannot be rendered again', (t) => {
  const profile = allowing(['io_uring_setup', 'mount', 'read', 'socket'])
  for (const mode of modes) {
    const { seccomp } = renderProfile(profile, { mode, resolve: () => undefined })
    t.equal(withoutBlocked(seccomp, emergencyOf(emptyOverlay())), seccomp, `${mode}: no block`)
    const twice = withoutBlocked(seccomp, blocked('mount'))
    t.equal(withoutBlocked(twice, blocked('mount')), twice, `${mode}: once is enough`)
    t.same(actionOf(twice, 'mount'), [], mode)
    t.same(actionOf(twice, 'socket'), actionOf(seccomp, 'socket'), `${mode}: others stay`)
    const family = withoutBlocked(seccomp, blocked('socket:domain=AF_ALG'))
    t.notOk(passes(family, 'socket', [38n]), `${mode}: AF_ALG`)
    t.ok(passes(family, 'socket', [2n]), `${mode}: AF_INET`)
    t.same(family.architectures, seccomp.architectures)
  }
  const audit = renderProfile(allowing(['read']), { mode: 'audit', resolve: () => undefined })
  t.match(actionOf(audit.seccomp, 'chroot'), [], 'RuntimeDefault denies it')
  t.same(actionOf(audit.seccomp, 'ptrace'), ['SCMP_ACT_LOG'], 'audit logs what is not approved')
  t.same(actionOf(withoutBlocked(audit.seccomp, blocked('ptrace')), 'ptrace'), [])
  t.end()
})

test('laws of a revision without what is blocked', { timeout: 120_000 }, (t) => {
  const property = fc.property(
    ...([randomProfile, randomDenials, fc.constantFrom(...modes), callArguments] as const),
    (profile, denials, mode, call) => {
      const before = tryRender(profile, mode)?.seccomp
      if (before === undefined) return true
      const emergency = resolveEmergency(overlayOf(denials))
      const after = withoutBlocked(before, emergency)
      const isDenied = denials.every(({ names, args = [] }) =>
        names.every((name) => !holds(args, call) || !passes(after, name, call))
      )
      const isNarrower = knownSyscalls.every(
        (name) => passes(before, name, call) || !passes(after, name, call)
      )
      const others = knownSyscalls.filter((name) => !emergency.denyRules.has(name))
      // What is left of a blocked call can have more conditions: where they do not fit, others lose some (filter-size.ts).
      const conditions = rulesOf(after).reduce((sum, { args = [] }) => sum + args.length, 0)
      const isFull = conditions > mostConditions.all - 10
      const staysSame =
        isFull || others.every((name) => passes(before, name, call) === passes(after, name, call))
      const own = rulesOf(after).filter(({ name }) => emergency.denyRules.has(name))
      const isBuilt = own.every(({ name }) => isBuiltAsStated(own.filter((r) => r.name === name)))
      return isDenied && isNarrower && staysSame && isBuilt
    }
  )
  t.doesNotThrow(() => fc.assert(property, { numRuns: runs(40) }))
  t.end()
})
