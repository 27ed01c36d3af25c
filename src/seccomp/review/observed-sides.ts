import type { LinuxSeccomp, SeccompProfile } from '../../api/seccomp-profile.js'
import { abis, scmpArchOf } from '../../syscalls/abi.js'
import { fromBitmap } from '../../syscalls/bitmap.js'
import type { DiffSide } from './diff-report.js'
import { sizeOfSet, type SyscallSet, unionSets } from '../../syscalls/syscall-set.js'

/** Returns a profile that allows exactly these names. */
export function seccompOfSet(set: SyscallSet): LinuxSeccomp {
  const seen = abis.filter((abi) => (set[abi] ?? []).length > 0)
  const names = [...new Set(seen.flatMap((abi) => set[abi] ?? []))].sort()
  return {
    defaultAction: 'SCMP_ACT_ERRNO',
    ...(seen.length === 0 ? {} : { architectures: seen.map((abi) => scmpArchOf[abi]) }),
    syscalls: names.length === 0 ? [] : [{ names, action: 'SCMP_ACT_ALLOW' }]
  }
}

const whyOf = (set: SyscallSet, where: string): Record<string, string[]> => {
  const why: Record<string, string[]> = {}
  for (const abi of abis) {
    for (const name of set[abi] ?? [])
      why[name] = [...(why[name] ?? []), `observed: ${abi}${where}`]
  }
  return why
}

/** What was observed, as a side of a comparison. */
export function observedSide(profile: SeccompProfile, label: string): DiffSide {
  const observed = profile.status?.observed ?? {}
  return { label, seccomp: seccompOfSet(observed), provenance: whyOf(observed, '') }
}

/** Images that instances with a known set ran, sorted. */
export function imagesOf(profile: SeccompProfile): string[] {
  const named = (profile.status?.instances ?? []).filter(({ observed }) => observed !== undefined)
  return [...new Set(named.flatMap(({ image }) => image ?? []))].sort()
}

/** What instances of one image used, by union; undefined when none of them is known. */
export function imageSide(
  profile: SeccompProfile,
  image: string,
  label: string
): DiffSide | undefined {
  const instances = (profile.status?.instances ?? []).filter((one) => one.image === image)
  const sets = instances.map(({ observed = {} }): SyscallSet => {
    const set: SyscallSet = {}
    for (const abi of abis) {
      const bits = observed[abi]
      if (bits !== undefined) set[abi] = fromBitmap(abi, bits)
    }
    return set
  })
  const all = unionSets(...sets)
  if (sizeOfSet(all) === 0) return undefined
  return {
    label,
    seccomp: seccompOfSet(all),
    provenance: whyOf(all, `, ${instances.length} of image ${image}`)
  }
}
