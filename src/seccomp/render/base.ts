import { anyRuntime } from '../data/base/any.js'
import { crun } from '../data/base/crun.js'
import type { BaseEntry, RuntimeEntry } from '../data/base/entry.js'
import { harmless } from '../data/base/harmless.js'
import { runc } from '../data/base/runc.js'
import { shims } from '../data/base/shims.js'
import { oncePer } from '../../lib/once-per.js'
import { compareVersions } from '../../lib/version-order.js'

/** A runtime as a node reports it. `version` is empty when it is not known. */
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

/** Returns whether Secco knows what a runtime adds to a container's calls: an OCI runtime, or an engine or shim. */
export const isKnownRuntime = (name: string): boolean =>
  Object.hasOwn(ociRuntimes, name) || Object.hasOwn(shims, name)

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
 * What a container may do regardless of its application, name by name: the union over all given
 * runtimes, because one revision serves the whole fleet. When no OCI runtime is given, or one that
 * Secco has no data for, the union of everything known. An empty version means any version. Sorted by
 * name; a name stands once for each reason.
 */
export function baseOf(runtimes: readonly RuntimeVersion[]): BaseName[] {
  const always = harmless.map((entry) => ({ ...entry, runtime: 'any' }))
  const list = [...entriesOf(runtimes), ...always].flatMap(({ names, runtime, reason, source }) =>
    names.map((name) => ({ name, runtime, reason, source }))
  )
  // Stable: the order of the data stays within one name.
  return list.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
}

/** Returns the base by name, with the reasons of each name in one text. Lists of runtimes are never changed in place. */
export function baseNames(runtimes: readonly RuntimeVersion[]): ReadonlyMap<string, string> {
  return namesOf(runtimes.length === 0 ? noRuntimes : runtimes)
}

const noRuntimes: readonly RuntimeVersion[] = []

const namesOf = oncePer((runtimes: readonly RuntimeVersion[]): ReadonlyMap<string, string> => {
  const reasons = new Map<string, string[]>()
  for (const { name, runtime, reason } of baseOf(runtimes)) {
    const text = runtime === 'any' ? reason : `${runtime} ${reason}`
    const list = reasons.get(name) ?? []
    reasons.set(name, list.includes(text) ? list : [...list, text])
  }
  return new Map([...reasons].map(([name, list]) => [name, list.join('; ')]))
})

/** Whether every profile allows this syscall in some fleet. */
export function isBase(name: string): boolean {
  return everything.has(name)
}

/** Whether every profile allows this syscall in every fleet, whatever runs there: approving it by its name changes no filter. */
export function isAlwaysBase(name: string): boolean {
  return always.has(name)
}

/** Whether containers of some fleet may need this syscall to start, run or end. */
export function isNeeded(name: string): boolean {
  return needed.has(name)
}

const everything = baseNames([])
const always = new Set([...anyRuntime, ...harmless].flatMap(({ names }) => names))
const needed = new Set(entriesOf([]).flatMap(({ names }) => names))
