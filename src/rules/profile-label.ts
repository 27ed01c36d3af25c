import { labels as names, namePattern } from '../api/names.js'
import type { Labels } from './selector.js'

const validName = new RegExp(namePattern)

/** ProfileLabel is a ready-made label of a pod that names a profile. */
export interface ProfileLabel {
  /** `secco.dev/profile` or `secco.dev/profile.CONTAINER`. */
  key: string
  /** Name of the profile; undefined if the value is no name. */
  name: string | undefined
  /** Set when the key names the container. */
  container?: string
}

function read(labels: Labels, key: string): ProfileLabel | undefined {
  const value = Object.hasOwn(labels, key) ? labels[key] : undefined
  if (value === undefined) return undefined
  const isName = validName.test(value) && !value.includes('..')
  return { key, name: isName ? value : undefined }
}

/** Returns the label `secco.dev/profile`; undefined when the pod has none. */
export function podProfileLabel(labels: Labels): ProfileLabel | undefined {
  return read(labels, names.profile)
}

/** Returns the label `secco.dev/profile.CONTAINER` of one container; undefined when the pod has none. */
export function containerProfileLabel(labels: Labels, container: string): ProfileLabel | undefined {
  const label = read(labels, names.containerProfilePrefix + container)
  return label && { ...label, container }
}

/** Returns the labels `secco.dev/profile.CONTAINER` of a pod. */
export function containerProfileLabels(labels: Labels): ProfileLabel[] {
  return Object.keys(labels).flatMap((key) => {
    if (!key.startsWith(names.containerProfilePrefix)) return []
    const label = containerProfileLabel(labels, key.slice(names.containerProfilePrefix.length))
    return label === undefined ? [] : [label]
  })
}

/** ContainerPlace is where a container stands in its pod. */
export interface ContainerPlace {
  name: string
  kind: 'init' | 'container' | 'ephemeral'
  /** Position in its list. */
  index: number
}

/** KnownProfile has what is known of a profile; `container` is `spec.workload.container`. */
export interface KnownProfile {
  container?: string
}

/**
 * Whether a profile that is assigned without a container's name is this container's: the one that it was learned from; of
 * a profile that names none, every container; of one that has yet to be learned, the pod's first container.
 * @param profile undefined: it does not exist yet
 */
export function isProfileOf(profile: KnownProfile | undefined, place: ContainerPlace): boolean {
  if (profile === undefined) return place.kind === 'container' && place.index === 0
  return profile.container === undefined || profile.container === place.name
}

/**
 * Returns the name of the profile that a pod's labels give a container; undefined when they give it none.
 * @param profileOf returns a profile of the pod's namespace
 */
export function labelledProfile(
  labels: Labels,
  place: ContainerPlace,
  profileOf: (name: string) => KnownProfile | undefined
): string | undefined {
  const own = containerProfileLabel(labels, place.name)?.name
  if (own !== undefined) return own
  const name = podProfileLabel(labels)?.name
  return name !== undefined && isProfileOf(profileOf(name), place) ? name : undefined
}
