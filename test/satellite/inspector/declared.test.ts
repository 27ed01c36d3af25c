import { test } from 'tap'
import { declaredOf } from '../../../satellite/inspector/declared.js'
import { annotations } from '../../../src/api/names.js'
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
