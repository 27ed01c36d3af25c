import { anyRuntime, runtimeBases } from './data/base.js'
import { compareVersions } from './version-order.js'

/** A runtime as a node reports it. `version` may be empty when it cannot be told. */
export interface RuntimeVersion {
  name: string
  version: string
}

const ociRuntimes = new Set(runtimeBases.map((entry) => entry.runtime))
/** They start an OCI runtime and say nothing about which. */
const engines = new Set(['containerd', 'cri-o', 'crio', 'docker', 'moby', 'podman'])

/**
 * Names that a container needs regardless of its application, each with the reason: the union over
 * all given runtimes, because one revision serves the whole fleet. When no OCI runtime is given, or
 * one that Secco has no list for, the union of everything known is returned. An empty version means
 * any version.
 */
export function baseNames(runtimes: readonly RuntimeVersion[]): Map<string, string> {
  const oci = runtimes.filter((runtime) => !engines.has(runtime.name))
  const given = oci.every((runtime) => ociRuntimes.has(runtime.name)) ? oci : []
  const applies = (entry: (typeof runtimeBases)[number]) =>
    given.length === 0 ||
    given.some(
      ({ name, version }) =>
        name === entry.runtime &&
        (entry.since === undefined ||
          !/\d/.test(version) ||
          compareVersions(version, entry.since) >= 0)
    )
  const reasons = new Map<string, string[]>()
  for (const { names, reason } of [...anyRuntime, ...runtimeBases.filter(applies)]) {
    for (const name of names) {
      const list = reasons.get(name) ?? []
      reasons.set(name, list.includes(reason) ? list : [...list, reason])
    }
  }
  return new Map([...reasons].sort().map(([name, list]) => [name, list.join('; ')]))
}
