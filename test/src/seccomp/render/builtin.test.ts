import { test } from 'tap'
import { validateObject } from '../../../../src/api/validate.js'
import type { Resolve } from '../../../../src/seccomp/render/approved.js'
import { builtinProfiles, curatedNames } from '../../../../src/seccomp/render/builtin.js'
import { curated } from '../../../../src/seccomp/data/curated/curated.js'
import { rulesOf } from '../../../../src/seccomp/policy/normal-form.js'
import { renderProfile } from '../../../../src/seccomp/render/render.js'
import { runtimeDefaultNames } from '../../../../src/seccomp/policy/runtime-default.js'
import { profileOf, passes } from '../../../helpers/renderings.js'
import { enforce, allowing, codeOf } from '../../../helpers/seccomp-profiles.js'

test('shipped profiles', (t) => {
  const floor = runtimeDefaultNames()
  t.same(builtinProfiles.map(({ metadata }) => metadata.name).sort(), [
    'base',
    'glibc',
    'go',
    'jvm',
    'musl',
    'nodejs',
    'python',
    'static-binary'
  ])
  for (const profile of builtinProfiles) {
    const { name } = profile.metadata
    validateObject(profile, name)
    const names = curatedNames(name)
    t.ok(names.size > 20, `${name}: ${names.size} names`)
    t.same(
      [...names].filter((each) => !floor.has(each)),
      [],
      `${name} is within RuntimeDefault`
    )
    const extending = profileOf({ extends: [`secco-system/${name}`] })
    const { seccomp, reasons } = renderProfile(extending, enforce)
    for (const each of names) t.ok(rulesOf(seccomp).some((rule) => rule.name === each))
    t.ok(
      Object.values(reasons)
        .flat()
        .some(({ by }) => by === `secco-system/${name}`)
    )
  }
  for (const { source, description } of curated) t.ok(source !== '' && description !== '')
  const own = { ...allowing(['bpf']), metadata: { namespace: 'secco-system', name: 'go' } }
  const resolve: Resolve = (_, name) => (name === 'go' ? own : undefined)
  const replaced = renderProfile(profileOf({ extends: ['secco-system/go'] }), {
    ...enforce,
    resolve
  })
  t.ok(passes(replaced.seccomp, 'bpf', []), "the store's own takes its place")
  t.equal(codeOf(() => renderProfile(profileOf({ extends: ['go'] }), enforce)).code, 'NOT_FOUND')
  t.end()
})
