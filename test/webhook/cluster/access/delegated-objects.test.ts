import { test } from 'tap'
import { apiVersion } from '../../../../src/api/names.js'
import type { SeccompProfile } from '../../../../src/api/seccomp-profile.js'
import { SeccoError } from '../../../../src/lib/errors.js'
import { DelegatedWrites } from '../../../../webhook/access/delegated-writes.js'
import type { Identity } from '../../../../webhook/access/rights.js'
import { delegatedObjects } from '../../../../webhook/cluster/access/delegated-objects.js'

const ref = { namespace: 'shop', name: 'web' }
const profile: SeccompProfile = {
  ...{ apiVersion, kind: 'SeccompProfile', metadata: ref },
  spec: { workload: { kind: 'Deployment', name: 'web', container: 'app' } }
}
const changed: SeccompProfile = {
  ...profile,
  spec: { ...profile.spec, mute: [{ syscall: 'mount' }] }
}
const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'none',
    (error: unknown) => (error instanceof SeccoError ? error.code : String(error))
  )

/** One object, and the change of it by a person whose program waits under an id. */
function rig({ id = 'a', may = true }: { id?: string | undefined; may?: boolean }) {
  const state = { stored: profile }
  const writes = new DelegatedWrites()
  const own = {
    get: () => Promise.resolve(state.stored)
  } as unknown as NonNullable<Identity['objects']>
  const can = () => Promise.resolve(may)
  const objects = delegatedObjects(own, {
    user: 'anna',
    can,
    writes,
    id: id === '' ? undefined : id
  })
  return {
    ...{ state, writes, objects },
    change: () => objects.update('SeccompProfile', ref, () => changed)
  }
}

test("a change is done when the person's program has written it", async (t) => {
  const { state, writes, change } = rig({})
  const done = change()
  t.same(await writes.next('anna', 'a', 60_000), changed)
  state.stored = changed
  writes.settle('anna', 'a', undefined)
  t.same(await done, changed)
})

test('what was not written is no change', async (t) => {
  // [what, options, what is stored when the program says that it has written, the code]
  const table: [string, Parameters<typeof rig>[0], SeccompProfile, string][] = [
    ['the program did not write', {}, profile, 'CONFLICT'],
    ['the program wrote something else', {}, { ...profile, spec: {} }, 'CONFLICT'],
    ['no program waits', { id: '' }, changed, 'UNAUTHENTICATED'],
    ['a person who may not read it', { may: false }, changed, 'FORBIDDEN']
  ]
  for (const [what, options, stored, code] of table) {
    const { state, writes, change } = rig(options)
    const done = codeOf(change())
    if (code === 'CONFLICT') {
      await writes.next('anna', 'a', 60_000)
      state.stored = stored
      writes.settle('anna', 'a', undefined)
    }
    t.equal(await done, code, what)
  }
  t.equal(await codeOf(rig({}).objects.delete('SeccompProfile', ref)), 'UNAUTHENTICATED')
})
