import { Revisions } from '../../webhook/hub/revisions/revisions.js'

type Options = ConstructorParameters<typeof Revisions>[0]

/** Returns the revisions of a hub with one node, which has every file, and which writes at once. */
export function testRevisions(
  given: Pick<Options, 'store' | 'files' | 'logger'> & Partial<Options>
): Revisions {
  const readiness = { ready: 1, total: 1, waiting: [], failed: [] }
  return new Revisions({
    fleet: () => ({ rendering: {}, readiness: () => readiness }),
    ...{ referred: () => [], mayWrite: () => true, changed: () => undefined },
    ...{ debounceMs: 1, retryMs: 10, countMs: 0 },
    ...given
  })
}
