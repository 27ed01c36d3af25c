import { test } from 'tap'
import { revisionOfText } from '../../../../webhook/confinement/what-if/blast-radius.js'
import type { Confinement } from '../../../../webhook/confinement/containers/confinement.js'
import { compareSides } from '../../../../webhook/ui/model/compare.js'
import { derivedOf } from '../../../../webhook/ui/model/derived.js'
import type { UiSources } from '../../../../webhook/ui/model/sources.js'
import { canonicalJson } from '../../../../src/lib/canonical.js'
import { digestOf } from '../../../../src/lib/digest.js'
import { allowing, nothing } from '../../../helpers/seccomp-profiles.js'

test('who may read one profile reads no revision of another one by its digest', async (t) => {
  const bytesOf = (names: string[]) =>
    Buffer.from(canonicalJson(allowing(names).spec.seccomp ?? {}))
  const [own, foreign] = [bytesOf(['read', 'mount']), bytesOf(['bpf', 'ptrace'])]
  const held = new Map<string, Buffer>([own, foreign].map((one) => [digestOf(one), one]))
  const asked: string[] = []
  const bytes = (digest: string) => {
    asked.push(digest)
    return Promise.resolve(held.get(digest))
  }
  const app = { ...allowing(['read']), status: { previousRevision: digestOf(own) } }
  const sources = {
    ...{ profiles: () => [app], everyProfile: () => [app], isReadable: () => true },
    ...{ states: () => [], rendering: () => ({}), revision: bytes },
    ...{ denialsKnownSince: nothing, denialViews: () => [], denials: () => [], nodes: () => [] },
    ...{ missing: () => [], rules: () => [] }
  } as unknown as UiSources
  const compare = (text: string) =>
    compareSides(sources, derivedOf(sources, 0), 'RuntimeDefault', text)
  const confinement = {
    profile: () => app,
    sources: { hub: { profiles: () => new Map(), bytes } }
  } as unknown as Confinement
  const readers: [string, (text: string) => Promise<unknown>][] = [
    ['diff', compare],
    ['simulate', (text) => revisionOfText(confinement, text)]
  ]
  for (const [what, read] of readers) {
    t.ok(await read(`shop/app@${digestOf(own)}`), `${what}: its own`)
    await t.rejects(read(`shop/app@${digestOf(foreign)}`), { code: 'NOT_FOUND' }, what)
  }
  t.notOk(asked.includes(digestOf(foreign)), 'nothing is asked for, of nodes neither')
})
