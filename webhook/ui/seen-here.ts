import { rootNamespace } from '../../src/api/names.js'
import type { Resource } from '../access/rights.js'
import { emergencyLabel } from '../../src/seccomp/render/emergency.js'
import type { Call } from './model/context.js'
import { placesOf } from './sessions/permissions.js'

const objects: readonly Resource[] = ['seccompprofiles', 'seccomprules']
/** How long an answer waits for the watch of the store to report the write, in ms. */
const seenMs = 500

/** Returns the objects that a write names: in its address, or in its body. Others add objects, or block a call. */
function namesOf({ params }: Call, body: unknown): string[] {
  const { namespace = '', name } = params
  if (name !== undefined) return [`${namespace}/${name}`]
  const named = placesOf({}, body).flatMap((place) =>
    place.name === undefined ? [] : [`${place.namespace}/${place.name}`]
  )
  return named.length > 0 ? named : [emergencyLabel]
}

/** Returns what a write changes, as text: the objects with these names, and how many there are. */
function writtenOf({ sources }: Call['ui'], resource: Resource, names: readonly string[]): string {
  const list = resource === 'seccompprofiles' ? sources.everyProfile() : sources.rules()
  const written = list
    .filter(({ metadata }) =>
      names.includes(`${metadata.namespace ?? rootNamespace}/${metadata.name}`)
    )
    .map(({ spec, metadata }) => [spec, metadata.labels, metadata.annotations])
  return JSON.stringify([list.length, written])
}

/**
 * Does the work and waits until this hub knows of the write, so that the next page shows it. Other changes arrive
 * meanwhile, and do not end that.
 */
export async function seenHere(
  call: Call,
  resource: Resource,
  body: unknown,
  work: () => unknown
): Promise<unknown> {
  const { dryRun } = (body ?? {}) as { dryRun?: unknown }
  if (!objects.includes(resource) || dryRun === true) return work()
  const { ui } = call
  const names = namesOf(call, body)
  const before = writtenOf(ui, resource, names)
  let changed: (() => void) | undefined
  const change = new Promise<void>((resolve) => (changed = resolve))
  const leave = ui.sources.onChange(() => {
    if (writtenOf(ui, resource, names) !== before) changed?.()
  })
  let timer: NodeJS.Timeout | undefined
  try {
    const answer = await work()
    const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, seenMs)))
    await Promise.race([change, late])
    return answer
  } finally {
    clearTimeout(timer)
    leave()
    ui.wrote()
  }
}
