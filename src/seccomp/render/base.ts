import { anyRuntime } from '../data/base/any.js'
import { crun } from '../data/base/crun.js'
import type { BaseEntry, RuntimeEntry } from '../data/base/entry.js'
import { runc } from '../data/base/runc.js'
import { shims } from '../data/base/shims.js'
import { compareVersions } from '../../lib/version-order.js'

/** A runtime as a node reports it. `version` may be empty when it cannot be told. */
export interface RuntimeVersion {
  name: string
  version: string
}

/** One name of the base and why it is there. */
interface BaseName {
  name: string
  /** `any`, or the runtime whose data names it. */
  runtime: string
  reason: string
  source: string
}

/** OCI runtimes, which load the filter and go on under it. */
const ociRuntimes: Readonly<Record<string, readonly RuntimeEntry[]>> = { crun, runc }

/** OCI runtimes that Secco has data for. */
export const knownRuntimes: readonly string[] = Object.keys(ociRuntimes).sort()

function covers(entry: RuntimeEntry, version: string): boolean {
  if (!/\d/.test(version)) return true
  return (
    (entry.since === undefined || compareVersions(version, entry.since) >= 0) &&
    (entry.until === undefined || compareVersions(version, entry.until) < 0)
  )
}

function entriesOf(runtimes: readonly RuntimeVersion[]): (BaseEntry & { runtime: string })[] {
  const oci = runtimes.filter(({ name }) => !Object.hasOwn(shims, name))
  const isKnown = oci.length > 0 && oci.every(({ name }) => Object.hasOwn(ociRuntimes, name))
  const any = anyRuntime.map((entry) => ({ ...entry, runtime: 'any' }))
  const ofRuntimes = Object.entries(ociRuntimes).flatMap(([runtime, entries]) =>
    entries
      .filter(
        (entry) =>
          !isKnown || oci.some(({ name, version }) => name === runtime && covers(entry, version))
      )
      .map((entry) => ({ ...entry, runtime }))
  )
  const ofShims = Object.entries(shims).flatMap(([runtime, entries]) =>
    runtimes.length === 0 || runtimes.some(({ name }) => name === runtime)
      ? entries.map((entry) => ({ ...entry, runtime }))
      : []
  )
  return [...any, ...ofRuntimes, ...ofShims]
}

/**
 * What a container needs regardless of its application, name by name: the union over all given
 * runtimes, because one revision serves the whole fleet. When no OCI runtime is given, or one that
 * Secco has no data for, the union of everything known. An empty version means any version. Sorted by
 * name; a name stands once for each reason.
 */
export function baseOf(runtimes: readonly RuntimeVersion[]): BaseName[] {
  const list = entriesOf(runtimes).flatMap(({ names, runtime, reason, source }) =>
    names.map((name) => ({ name, runtime, reason, source }))
  )
  // Stable: the order of the data stays within one name.
  return list.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
}

/** Returns the base by name, with the reasons of each name in one text. */
export function baseNames(runtimes: readonly RuntimeVersion[]): Map<string, string> {
  const reasons = new Map<string, string[]>()
  for (const { name, runtime, reason } of baseOf(runtimes)) {
    const text = runtime === 'any' ? reason : `${runtime} ${reason}`
    const list = reasons.get(name) ?? []
    reasons.set(name, list.includes(text) ? list : [...list, text])
  }
  return new Map([...reasons].map(([name, list]) => [name, list.join('; ')]))
}

/** Whether containers of any fleet may need this syscall to start, run or end. */
export function isBase(name: string): boolean {
  return everything.has(name)
}

const everything = baseNames([])
