import { readFile, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Test, test } from 'tap'
import { apiVersion } from '../../../../src/api/names.js'
import type { SeccompProfile } from '../../../../src/api/seccomp-profile.js'
import { boundApproval } from '../../../../src/seccomp/policy/approval.js'
import { renderProfile } from '../../../../src/seccomp/render/render.js'
import type { Store } from '../../../../src/store/store.js'
import { openRevisionFiles } from '../../../../webhook/hub/revisions/revision-files.js'
import { allowing } from '../../../helpers/seccomp-profiles.js'
import { testRevisions } from '../../../helpers/test-revisions.js'
import { collectLog } from '../rig.js'

const profileOf = (name: string, calls: string[], more: object = {}): SeccompProfile => {
  const spec = { ...allowing(calls).spec, ...more }
  const bound = {
    ...spec,
    approval: boundApproval(spec, { by: 'ann', at: '2026-01-01T00:00:00Z' })
  }
  return { apiVersion, kind: 'SeccompProfile', metadata: { namespace: 'shop', name }, spec: bound }
}
const web = profileOf('web', ['read'])
const all = [
  web,
  profileOf('db', ['write']),
  profileOf('own', ['close'], { extends: ['shop/web'] })
]

/** Starts a hub's revisions in the folder; resolves with the names that were rendered, and the digests by name. */
async function start(folder: string, profiles: readonly SeccompProfile[], build: string) {
  const { logger } = collectLog()
  const rendered = new Set<string>()
  const store = { update: () => Promise.resolve(web) } as unknown as Store
  const files = await openRevisionFiles(folder, { build, logger })
  const revisions = testRevisions({
    ...{ store, files, logger, mayWrite: () => false },
    render(profile, options) {
      rendered.add(profile.metadata.name)
      return renderProfile(profile, options)
    }
  })
  for (const object of profiles) revisions.event({ type: 'applied', object })
  await revisions.settle()
  const digests = [...revisions.states()].map(
    ([key, { enforce, audit }]) =>
      `${key} ${enforce?.digest} ${audit?.digest} ${enforce?.withinDefault}`
  )
  await revisions.close()
  await files.renderings?.close()
  return { rendered: [...rendered].sort(), digests: digests.sort() }
}

test('a hub that starts renders what has changed, and nothing else', async (t: Test) => {
  const folder = t.testdir({})
  const file = join(folder, 'renderings.json')
  const first = await start(folder, all, 'one')
  t.same(first.rendered, ['db', 'own', 'web'])
  t.same(new Set(first.digests).size, 3)
  const changed = [profileOf('web', ['read', 'getsid']), ...all.slice(1)]
  const gone = () =>
    unlink(join(folder, `${/sha256:(\w+)/.exec(first.digests[0] ?? '')?.[1]}.json`))
  // [what happens before, profiles, build, what is rendered]; a profile that extends another one always is.
  const table: [string, () => Promise<unknown>, SeccompProfile[], string, string[]][] = [
    ['nothing', () => Promise.resolve(), all, 'one', ['own']],
    ['an edit', () => Promise.resolve(), changed, 'one', ['own', 'web']],
    ['the edit is taken back', () => Promise.resolve(), all, 'one', ['own', 'web']],
    ['the bytes of a revision are lost', gone, all, 'one', ['db', 'own']],
    ['another build', () => Promise.resolve(), all, 'two', ['db', 'own', 'web']],
    ['and back', () => Promise.resolve(), all, 'one', ['db', 'own', 'web']],
    [
      'a damaged file',
      () => writeFile(file, '{"build":"one","ren'),
      all,
      'one',
      ['db', 'own', 'web']
    ],
    ['a list of others', () => writeFile(file, '[["a"]]'), all, 'one', ['db', 'own', 'web']],
    ['null', () => writeFile(file, 'null'), all, 'one', ['db', 'own', 'web']],
    [
      'what is no rendering',
      () => writeFile(file, '{"build":"one","renderings":[7,[],["a",1,2],null]}'),
      ...[all, 'one', ['db', 'own', 'web']]
    ] as [string, () => Promise<unknown>, SeccompProfile[], string, string[]],
    ['no file', () => unlink(file), all, 'one', ['db', 'own', 'web']]
  ]
  for (const [what, before, profiles, build, expected] of table) {
    await before()
    const { rendered, digests } = await start(folder, profiles, build)
    t.same(rendered, expected, what)
    if (profiles === all) t.same(digests, first.digests, `${what}: the same revisions`)
  }
  t.notMatch(await readFile(file, 'utf8'), /getsid/, 'digests only')
})
