import fc from 'fast-check'
import { test } from 'tap'
import { apiVersion } from '../../../src/api/names.js'
import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import { SeccoError } from '../../../src/lib/errors.js'
import { unionSets } from '../../../src/syscalls/syscall-set.js'
import type { Store, StoreEvent } from '../../../src/store/store.js'
import { runs } from '../../helpers/fuzz.js'

/** A store under test: empty at first, `again` opens the same data once more. */
export interface OpenedStore {
  store: Store
  again: () => Promise<Store>
  /** Closes everything that was opened. */
  dispose: () => Promise<void>
}

export function profileOf(namespace: string, name: string, allowed: string[] = []): SeccompProfile {
  const spec =
    allowed.length === 0
      ? {}
      : {
          seccomp: {
            defaultAction: 'SCMP_ACT_ERRNO' as const,
            syscalls: [{ names: allowed, action: 'SCMP_ACT_ALLOW' as const }]
          }
        }
  return { apiVersion, kind: 'SeccompProfile', metadata: { namespace, name }, spec }
}

export function observe(profile: SeccompProfile, names: string[]): SeccompProfile {
  const observed = unionSets(profile.status?.observed ?? {}, { x86_64: names })
  return { ...profile, status: { ...profile.status, observed } }
}

/** Resolves with the first event that fits, those of the past included. */
export async function watchFor(store: Store) {
  const seen: StoreEvent[] = []
  const waiting = new Set<() => void>()
  const stop = await store.watch((event) => {
    seen.push(event)
    for (const wake of [...waiting]) wake()
  })
  return {
    seen,
    stop,
    until(fits: (event: StoreEvent) => boolean): Promise<StoreEvent> {
      return new Promise((resolve) => {
        const look = () => {
          const found = seen.find(fits)
          if (found === undefined) return
          waiting.delete(look)
          resolve(found)
        }
        waiting.add(look)
        look()
      })
    }
  }
}

function code(error: unknown): string {
  return error instanceof SeccoError ? error.code : String(error)
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  return work.then(() => 'none', code)
}

/** What the histories of every Store must do. */
function historyContract(name: string, open: () => Promise<OpenedStore>): void {
  test(`${name}: the histories of workloads`, async (t) => {
    const { store, again, dispose } = await open()
    t.teardown(dispose)
    const web = `secco-history-${'a'.repeat(40)}`
    const { history } = store
    t.equal(await history.get(web), undefined)
    const first = await history.put(web, 'shop/Deployment/web/app', '{"a":"\u2026"}', undefined)
    t.match(await history.get(web), { text: '{"a":"\u2026"}', version: first })
    t.equal(await codeOf(history.put(web, 'w', '{}', undefined)), 'CONFLICT', 'there is one')
    const other = await again()
    const second = await other.history.put(web, 'shop/Deployment/web/app', '{"b":1}', first)
    t.not(second, first)
    t.equal(await codeOf(history.put(web, 'w', '{}', first)), 'CONFLICT', 'it is older')
    const large = JSON.stringify({ text: '"'.repeat(30_000) })
    const third = await history.put(web, 'w', large, second)
    const listed = []
    for await (const one of other.history.list()) listed.push(one)
    t.same(listed, [{ name: web, about: 'w', text: large, version: third }])
    const races = Array.from({ length: 5 }, (_, at) =>
      codeOf((at % 2 === 0 ? store : other).history.put(web, 'w', `{"at":${at}}`, third))
    )
    const codes = await Promise.all(races)
    t.equal(codes.filter((one) => one === 'none').length, 1, `one wins: ${codes.join()}`)
    t.same(await store.list('SeccompProfile'), [])
    t.same(store.problems(), [], 'it is no document of the API')
    for (let nth = 0; nth < 2; nth += 1)
      t.match(await history.setAside(web), new RegExp(`${web}.*\\.unreadable$`))
    const left = []
    for await (const { name } of history.list()) left.push(name)
    t.same(left, [web], 'what was set aside is no history')
    t.same(await store.list('SeccompProfile'), [])
    t.same(store.problems(), [])
    await other.history.delete(web)
    await history.delete(web)
    t.equal(await history.get(web), undefined, 'a second delete is no error')
    await t.rejects(history.setAside(web), 'there is nothing')
  })
}

/** What every Store must do; each implementation runs it. */
export function storeContract(name: string, open: () => Promise<OpenedStore>): void {
  historyContract(name, open)
  test(`${name}: the store contract`, async (t) => {
    const { store, again, dispose } = await open()
    t.teardown(dispose)
    const ref = { namespace: 'shop', name: 'checkout.app' }

    await t.test('apply creates with metadata, drops status, and get reads it back', async (t) => {
      const given = observe(profileOf('shop', 'checkout.app', ['read']), ['write'])
      const made = await store.apply('SeccompProfile', given)
      t.equal(made.metadata.generation, 1)
      t.match(made.metadata.uid, /^[0-9a-f-]{36}$/)
      t.match(made.metadata.creationTimestamp, /^\d{4}-/)
      t.type(made.metadata.resourceVersion, 'string')
      t.equal(made.status, undefined)
      t.same(await store.get('SeccompProfile', ref), made)
      t.same(await store.list('SeccompProfile'), [made])
      t.same(await store.list('SeccompProfile', 'shop'), [made], 'of its namespace')
      t.same(await store.list('SeccompProfile', 'ops'), [], 'of another namespace')
      t.same(await store.list('SeccompRule'), [])
      t.same(await (await again()).get('SeccompProfile', ref), made)
    })

    await t.test('status changes leave the generation, spec changes raise it', async (t) => {
      const before = await store.get('SeccompProfile', ref)
      const first = await store.update('SeccompProfile', ref, (p) => observe(p, ['read']))
      t.equal(first.metadata.generation, 1)
      t.not(first.metadata.resourceVersion, before?.metadata.resourceVersion)
      const same = await store.update('SeccompProfile', ref, (p) => p)
      t.equal(same.metadata.resourceVersion, first.metadata.resourceVersion, 'nothing written')
      const applied = await store.apply('SeccompProfile', {
        ...profileOf('shop', 'checkout.app', ['read', 'write']),
        metadata: { ...ref, labels: { team: 'a' } }
      })
      t.equal(applied.metadata.generation, 2)
      t.same(applied.status?.observed, { x86_64: ['read'] }, 'status is kept')
      t.same(applied.metadata.labels, { team: 'a' })
      t.equal(applied.metadata.uid, before?.metadata.uid)
    })

    await t.test('an outdated resourceVersion is a conflict', async (t) => {
      const old = await store.get('SeccompProfile', ref)
      await store.update('SeccompProfile', ref, (p) => observe(p, ['close']))
      t.ok(old)
      if (old === undefined) return
      const changed = { ...profileOf('shop', 'checkout.app', ['exit']), metadata: old.metadata }
      t.equal(await codeOf(store.apply('SeccompProfile', changed)), 'CONFLICT')
    })

    await t.test('bad names and documents are rejected by code', async (t) => {
      const cases: [string, Promise<unknown>][] = [
        ['INVALID_NAME', store.get('SeccompProfile', { namespace: 'shop', name: '../x' })],
        ['INVALID_NAME', store.get('SeccompProfile', { namespace: '..', name: 'x' })],
        ['INVALID_NAME', store.apply('SeccompProfile', profileOf('shop', 'a/b'))],
        ['INVALID_NAME', store.apply('SeccompProfile', profileOf('shop', 'a..b'))],
        ['INVALID_NAME', store.apply('SeccompProfile', profileOf('sh.op', 'a'))],
        ['INVALID_NAME', store.delete('SeccompProfile', { namespace: 'shop', name: '' })],
        ['INVALID_DOCUMENT', store.apply('SeccompProfile', profileOf('shop', 'a', ['RE AD']))],
        ['NOT_FOUND', store.update('SeccompProfile', { namespace: 'shop', name: 'z' }, (p) => p)]
      ]
      for (const [expected, work] of cases) t.equal(await codeOf(work), expected)
    })

    await t.test('watch tells what is, then what changes, other writers included', async (t) => {
      const watched = await watchFor(store)
      t.same(
        watched.seen.map((event) => event.type),
        ['applied']
      )
      const other = await again()
      const there = { namespace: 'fresh', name: 'made.elsewhere' }
      await other.apply('SeccompProfile', profileOf(there.namespace, there.name))
      await watched.until((e) => e.type === 'applied' && e.object.metadata.namespace === 'fresh')
      await other.update('SeccompProfile', there, (p) => observe(p, ['mmap']))
      await watched.until(
        (e) =>
          e.type === 'applied' &&
          e.object.kind === 'SeccompProfile' &&
          e.object.status?.observed?.x86_64?.includes('mmap') === true
      )
      t.equal(await other.delete('SeccompProfile', there), true)
      t.equal(await other.delete('SeccompProfile', there), false)
      await watched.until((e) => e.type === 'deleted' && e.ref.name === there.name)
      t.equal(await store.get('SeccompProfile', there), undefined)
      watched.stop()
    })

    await t.test('concurrent unions lose nothing, whatever the order', async (t) => {
      const stores = [store, await again(), await again()]
      let round = 0
      await fc.assert(
        fc.asyncProperty(
          fc.array(
            fc.tuple(fc.nat(2), fc.array(fc.stringMatching(/^[a-z]{1,6}$/), { maxLength: 4 })),
            {
              maxLength: 8
            }
          ),
          async (updates) => {
            round += 1
            const target = { namespace: 'race', name: `round-${round}` }
            await store.apply('SeccompProfile', profileOf(target.namespace, target.name))
            await Promise.all(
              updates.map(async ([which, names]) =>
                stores[which]?.update('SeccompProfile', target, (p) => observe(p, names))
              )
            )
            const all = unionSets(...updates.map(([, names]) => ({ x86_64: names })))
            const now = await store.get('SeccompProfile', target)
            t.same(now?.status?.observed ?? {}, all)
          }
        ),
        { numRuns: runs(5), seed: 7 }
      )
    })
  })
}
