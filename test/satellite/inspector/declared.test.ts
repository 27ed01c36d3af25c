import { test } from 'tap'
import { declaredOf, isSameProfile } from '../../../satellite/inspector/declared.js'
import { annotations } from '../../../src/api/names.js'
import { defaultCapabilities, runtimeDefault } from '../../../src/seccomp/policy/runtime-default.js'
import { renderLearn } from '../../../src/seccomp/render/render.js'
import { plain } from '../../helpers/container-facts.js'
import { allowing, revisionOf } from '../revision-of.js'

const seccomp = allowing('read')
const { digest } = revisionOf(seccomp)
const other = revisionOf(allowing('write')).digest
const refs =
  (...profiles: string[]) =>
  (of: string) =>
    of === digest ? profiles.map((profile) => ({ namespace: 'shop', profile, digest })) : []
const assigned = (revision: string, profile = 'shop/web') => ({
  [annotations.assigned]: JSON.stringify({ web: { profile, revision, outcome: 'assigned' } })
})

test('what a container declares', (t) => {
  const none = refs()
  const learning = renderLearn('x86_64').seccomp
  const table: [
    what: string,
    container: Parameters<typeof plain>[0],
    known: ReturnType<typeof refs>,
    kind: string,
    file: string | undefined
  ][] = [
    ['nothing', {}, none, 'none', undefined],
    ['a revision of this node', { seccomp }, refs('web'), 'revision', `web ${digest}`],
    ['the nearest of two names', { seccomp }, refs('job', 'web'), 'revision', `web ${digest}`],
    [
      'the one of two names that its own annotation has',
      { seccomp, labels: { [annotations.profile]: 'shop/api' } },
      refs('job', 'api'),
      'revision',
      `api ${digest}`
    ],
    ["somebody else's profile", { seccomp }, none, 'other', undefined],
    [
      'the revision of its annotation',
      { seccomp, labels: assigned(digest) },
      none,
      'revision',
      `web ${digest}`
    ],
    [
      'another profile than the annotation promises',
      { seccomp, labels: assigned(other) },
      none,
      'other',
      `web ${other}`
    ],
    [
      'another revision than the annotation promises',
      { seccomp, labels: assigned(other) },
      refs('web'),
      'revision',
      `web ${other}`
    ],
    [
      'nothing, although it was promised',
      { labels: assigned(digest) },
      none,
      'none',
      `web ${digest}`
    ],
    ['RuntimeDefault', { seccomp: learning }, none, 'runtime-default', undefined],
    ['everything', { seccomp: { defaultAction: 'SCMP_ACT_ALLOW' } }, none, 'allow-all', undefined]
  ]
  for (const [what, container, known, kind, file] of table) {
    const declared = declaredOf(plain(container), known)
    t.equal(declared.kind, kind, what)
    const found = declared.file && `${declared.file.profile} ${declared.file.digest}`
    t.equal(found, file, `${what}: its file`)
    t.equal(declared.mode, kind === 'revision' ? 'enforce' : '', `${what}: its mode`)
  }
  t.end()
})

test('of RuntimeDefault a container declares what it allows beyond default capabilities', (t) => {
  const beyondWith = (...capabilities: string[]) => {
    const seccomp = runtimeDefault({ capabilities: [...defaultCapabilities, ...capabilities] })
    return declaredOf(plain({ seccomp }), refs()).beyond
  }
  t.same(beyondWith(), [])
  t.same(beyondWith('CAP_BPF'), ['bpf'])
  t.same(beyondWith('CAP_SYS_PTRACE'), ['kcmp', 'pidfd_getfd', 'process_madvise'])
  t.same(declaredOf(plain({ seccomp }), refs()).beyond, [], 'nothing of another profile')
  t.same(declaredOf(plain({}), refs()).beyond, [])
  t.end()
})

test('two configurations declare the same profile when their filters are the same', (t) => {
  const errno = { defaultAction: 'SCMP_ACT_ERRNO' } as const
  const rule = { names: ['read'], action: 'SCMP_ACT_ALLOW' } as const
  const profile = { ...errno, syscalls: [{ ...rule, names: [...rule.names] }] }
  t.ok(isSameProfile(undefined, undefined))
  t.ok(isSameProfile(profile, structuredClone(profile)), 'read twice')
  t.notOk(isSameProfile(profile, undefined))
  t.notOk(isSameProfile(profile, { ...errno }))
  t.end()
})
