import { test } from 'tap'
import type { SeccompProfile, SeccompSyscall } from '../../../../src/api/seccomp-profile.js'
import { approvedOf, mostExtended, type Resolve } from '../../../../src/seccomp/render/approved.js'
import { renderProfile } from '../../../../src/seccomp/render/render.js'
import { mostConditionalRules } from '../../../../src/seccomp/render/union.js'
import { ThreadClock } from '../../../helpers/longest-gap.js'
import { codeOf, nothing, profileOf } from '../../../helpers/seccomp-profiles.js'

const clock = new ThreadClock()
process.once('exit', () => clock.close())

const cloneWith = (value: number, action: SeccompSyscall['action'] = 'SCMP_ACT_ALLOW') => ({
  ...{ names: ['clone'], action },
  args: [{ index: 0, value, op: 'SCMP_CMP_EQ' as const }]
})
const allowingOnly = (syscalls: SeccompSyscall[], parents?: string[]): SeccompProfile['spec'] => ({
  ...(parents === undefined ? {} : { extends: parents }),
  seccomp: { defaultAction: 'SCMP_ACT_ERRNO', syscalls }
})

/** Profiles by name; all are in the namespace shop. */
function resolveAmong(profiles: readonly SeccompProfile[]): Resolve {
  const byName = new Map(profiles.map((profile) => [profile.metadata.name, profile]))
  return (namespace, name) => (namespace === 'shop' ? byName.get(name) : undefined)
}

const repeated = (count: number, of: (at: number) => string) =>
  Array.from({ length: count }, (_, at) => of(at))

/** The lowest profile allows one syscall with one argument; each one above names the one below 32 times. */
function repeatingLayers(layers: number, name: (below: string) => string): SeccompProfile[] {
  return Array.from({ length: layers + 1 }, (_, at) =>
    at === 0
      ? profileOf(allowingOnly([cloneWith(7)]), 'p0')
      : profileOf({ extends: repeated(32, () => name(`p${at - 1}`)) }, `p${at}`)
  )
}

test('a profile that is extended many times counts once', (t) => {
  const spellings: [what: string, name: (below: string) => string][] = [
    ['by its name', (below) => below],
    ['by its namespace and name', (below) => `shop/${below}`]
  ]
  for (const [what, name] of spellings) {
    const profiles = repeatingLayers(6, name)
    const [top = profileOf({})] = profiles.slice(-1)
    const began = clock.ms()
    const { grants } = approvedOf(top, resolveAmong(profiles))
    t.ok(clock.ms() - began < 1000, `${what}: not 32 times as long for each layer`)
    t.equal(grants.get('clone')?.alternatives.length, 1, `${what}: one alternative`)
    t.equal(grants.get('clone')?.reasons.length, 1, `${what}: one reason`)
    const once = profileOf({ extends: ['p5'] }, 'p6')
    const resolve = resolveAmong(profiles)
    t.equal(
      renderProfile(top, { mode: 'enforce', resolve }).json,
      renderProfile(once, { mode: 'enforce', resolve }).json,
      `${what}: the rendering of one that names it once`
    )
  }
  const both = profileOf({ extends: ['p0', 'shop/p0', 'p0'] }, 'app')
  const { grants } = approvedOf(both, resolveAmong(repeatingLayers(0, String)))
  t.equal(grants.get('clone')?.reasons.length, 1, 'both spellings are one profile')
  t.end()
})

test('a profile extends only so many others, those of its parents included', (t) => {
  /** Layers of distinct profiles, each of which extends the whole layer below. */
  const layersOf = (sizes: readonly number[]): SeccompProfile[] =>
    sizes.flatMap((size, layer) =>
      repeated(size, (at) => `l${layer}-${at}`).map((name) => {
        const below = sizes[layer - 1]
        const parents = below === undefined ? [] : repeated(below, (at) => `l${layer - 1}-${at}`)
        return profileOf(allowingOnly([cloneWith(layer)], parents), name)
      })
    )
  const table: [what: string, sizes: number[], code: string][] = [
    ['as many as may be', [32, 32, 1], 'none'],
    ['one more', [1, 32, 32, 1], 'TOO_LARGE'],
    ['seven layers of 32', [32, 32, 32, 32, 32, 32, 32, 1], 'TOO_LARGE'],
    ['a long chain', repeated(mostExtended + 2, () => '').map(() => 1), 'TOO_LARGE'],
    ['a chain as long as may be', repeated(mostExtended + 1, () => '').map(() => 1), 'none']
  ]
  for (const [what, sizes, code] of table) {
    const profiles = layersOf(sizes)
    const [top = profileOf({})] = profiles.slice(-1)
    const began = clock.ms()
    const thrown = codeOf(() =>
      renderProfile(top, { mode: 'enforce', resolve: resolveAmong(profiles) })
    )
    t.ok(clock.ms() - began < 1000, `${what}: in short time`)
    t.equal(thrown.code, code, what)
    if (code === 'none') continue
    t.match(thrown.message, `shop/${top.metadata.name} extends more than ${mostExtended} profiles`)
    t.equal(thrown.field, 'spec.extends')
  }
  t.end()
})

test('rules with conditions are counted before anything is computed from them', (t) => {
  const many = (count: number, from = 0, action?: SeccompSyscall['action']) =>
    Array.from({ length: count }, (_, at) => cloneWith(from + at, action))
  const parents = [0, 1, 2].map((at) => profileOf(allowingOnly(many(1000, 1000 * at)), `p${at}`))
  const table: [what: string, spec: SeccompProfile['spec'], message: RegExp | undefined][] = [
    ['the same rules everywhere', { ...allowingOnly(many(1000)), extends: ['p0'] }, undefined],
    [
      'other rules in each parent',
      { extends: ['p0', 'p1', 'p2'] },
      /^profile shop\/app has 3000 rules with conditions on arguments, with .* at most 1024/
    ],
    [
      'one rule for very many names',
      allowingOnly(
        many(100).map((rule) => ({ ...rule, names: repeated(400, (at) => `syscall_${at}`) }))
      ),
      /has 40000 rules/
    ],
    [
      'one name very often in one rule',
      allowingOnly(many(16).map((rule) => ({ ...rule, names: repeated(4096, () => 'clone') }))),
      undefined
    ],
    [
      'denied',
      allowingOnly(
        many(10, 0, 'SCMP_ACT_ERRNO').map((rule) => ({
          ...rule,
          names: repeated(400, (at) => `syscall_${at}`)
        }))
      ),
      /has 4000 rules/
    ]
  ]
  for (const [what, spec, message] of table) {
    const began = clock.ms()
    const thrown = codeOf(() => approvedOf(profileOf(spec, 'app'), resolveAmong(parents)))
    t.ok(clock.ms() - began < 1000, `${what}: in short time`)
    t.equal(thrown.code, message === undefined ? 'none' : 'TOO_LARGE', what)
    if (message !== undefined) t.match(thrown.message, message, what)
  }
  const full = allowingOnly(many(1024))
  const doubled = profileOf({ ...full, extends: ['p0'] }, 'app')
  const began = clock.ms()
  const { json } = renderProfile(doubled, { mode: 'enforce', resolve: resolveAmong(parents) })
  t.ok(clock.ms() - began < 1000, `${mostConditionalRules} rules: in short time`)
  t.ok(json.length > 0)
  t.ok(renderProfile(profileOf(full), { mode: 'audit', resolve: nothing }).json.length > 0)
  t.end()
})
