import fc from 'fast-check'
import { test } from 'tap'
import type { SeccompProfile } from '../../../../src/api/seccomp-profile.js'
import { baseNames } from '../../../../src/seccomp/render/base.js'
import { widen } from '../../../../src/seccomp/render/families.js'
import { rulesOf } from '../../../../src/seccomp/policy/normal-form.js'
import { parseDocument, serializeDocument } from '../../../../src/api/parse.js'
import { renderProfile } from '../../../../src/seccomp/render/render.js'
import { runtimeDefault } from '../../../../src/seccomp/policy/runtime-default.js'
import { knownSyscalls } from '../../../../src/syscalls/syscall-table.js'
import {
  overlayOf,
  callArguments,
  randomProfile,
  randomDenials,
  tryRender
} from '../../../helpers/random-profile.js'
import { runs } from '../../../helpers/fuzz.js'
import { holds, passes, modes } from '../../../helpers/renderings.js'
import { nothing, allowing } from '../../../helpers/seccomp-profiles.js'

test('laws of rendering', { timeout: 120_000 }, (t) => {
  const law = (property: fc.IRawProperty<unknown>, what: string, count: number) =>
    t.doesNotThrow(
      () => fc.assert(property as fc.IProperty<unknown>, { numRuns: runs(count) }),
      what
    )
  const someNames = fc.uniqueArray(fc.constantFrom(...knownSyscalls), { maxLength: 40 })
  const floor = runtimeDefault()
  const base = baseNames([])
  const mode = fc.constantFrom(...modes)
  law(
    fc.property(randomProfile, mode, callArguments, (profile, one, call) => {
      const rendered = tryRender(profile, one)
      if (rendered === undefined) return true
      const own = rulesOf(profile.spec.seccomp ?? floor)
      const said = (name: string) =>
        own.filter((r) => r.name === name && r.action === 'SCMP_ACT_ALLOW')
      const widened = widen(
        own.filter((r) => r.action === 'SCMP_ACT_ALLOW').map(({ name }) => name)
      )
      return [...new Set(rulesOf(rendered.seccomp).map(({ name }) => name))].every((name) => {
        if (!passes(rendered.seccomp, name, call)) return true
        if (one === 'audit' && passes(floor, name, call)) return true
        const byPerson = said(name).some(({ args }) => holds(args ?? [], call))
        return byPerson || ((base.has(name) || widened.has(name)) && passes(floor, name, call))
      })
    }),
    'never wider than approved ∪ base ∪ families; those within RuntimeDefault',
    30
  )
  law(
    fc.property(someNames, someNames, mode, callArguments, (less, extra, one, call) => {
      const small = renderProfile(allowing(less), { mode: one, resolve: nothing }).seccomp
      const large = renderProfile(allowing([...new Set([...less, ...extra])]), {
        mode: one,
        resolve: nothing
      })
      return knownSyscalls.every(
        (name) => !passes(small, name, call) || passes(large.seccomp, name, call)
      )
    }),
    'monotone: more approved, nothing less allowed',
    10
  )
  law(
    fc.property(
      randomProfile,
      randomDenials,
      mode,
      callArguments,
      (profile, denials, one, call) => {
        const rendered = tryRender(profile, one, overlayOf(denials))
        if (rendered === undefined) return true
        return denials.every((rule) =>
          rule.names.every(
            (name) => !holds(rule.args ?? [], call) || !passes(rendered.seccomp, name, call)
          )
        )
      }
    ),
    'the emergency always wins, names and arguments',
    60
  )
  law(
    fc.property(randomProfile, randomDenials, mode, (profile, denials, one) => {
      const twice = [1, 2].map(() => tryRender(profile, one, overlayOf(denials))?.json)
      const back = parseDocument(serializeDocument(profile), 'x') as SeccompProfile
      return twice[0] === twice[1] && tryRender(back, one, overlayOf(denials))?.json === twice[0]
    }),
    'deterministic, and parse ∘ serialize changes nothing',
    20
  )
  t.end()
})
