import type { RevisionRef } from '../../src/api/gen/hub.js'
import { annotations } from '../../src/api/names.js'
import type { LinuxSeccomp } from '../../src/api/seccomp-profile.js'
import { type Assigned, assignedOf } from '../../src/confinement/assigned.js'
import {
  differenceText,
  kindOfProfile,
  modeOfRendering,
  namesBelowDefault,
  namesBeyondDefault
} from '../../src/confinement/profile-kind.js'
import { oncePer } from '../../src/lib/once-per.js'
import type { Container } from '../containers/runtime.js'
import { profileNameOf } from '../containers/container-ref.js'
import { digestOfSeccomp } from '../containers/seccomp-digest.js'

/** What a container declares: in its OCI configuration, and in the webhook's annotation. */
export interface Declared {
  kind: 'none' | 'runtime-default' | 'like-default' | 'allow-all' | 'revision' | 'other'
  digest: string
  mode: '' | 'audit' | 'enforce'
  /** Of a runtime's default, or of one like it: what it allows beyond that of a container with default capabilities. */
  beyond: readonly string[]
  /** Of one like a runtime's default: in what it differs, and what it denies of RuntimeDefault. */
  like: { difference: string; denied: string[] } | undefined
  /** The revision whose file should be on this node; undefined if none is known. */
  file: RevisionRef | undefined
  assigned: Assigned | undefined
}

interface Facts {
  digest: string
  kind: 'runtime-default' | 'like-default' | 'allow-all' | 'other'
  mode: 'audit' | 'enforce'
  beyond: readonly string[]
  like: Declared['like']
}

/** Equal profiles are one object (oci-config.ts). */
const factsOf = oncePer((seccomp: LinuxSeccomp): Facts => {
  try {
    const kind = kindOfProfile(seccomp)
    return {
      digest: digestOfSeccomp(seccomp),
      kind,
      mode: modeOfRendering(seccomp),
      beyond:
        kind === 'runtime-default' || kind === 'like-default' ? namesBeyondDefault(seccomp) : [],
      like:
        kind === 'like-default'
          ? { difference: differenceText(seccomp), denied: namesBelowDefault(seccomp) }
          : undefined
    }
  } catch {
    return { digest: '', kind: 'other', mode: 'enforce', beyond: [], like: undefined }
  }
})

/** Whether two containers' configurations declare the same profile, as far as that can be known. */
export function isSameProfile(a: LinuxSeccomp | undefined, b: LinuxSeccomp | undefined): boolean {
  if (a === b) return true
  if (a === undefined || b === undefined) return false
  const { digest } = factsOf(a)
  return digest !== '' && digest === factsOf(b).digest
}

function refOf({ profile, revision }: Assigned): RevisionRef | undefined {
  const [namespace = '', name = ''] = profile.split('/')
  if (name === '' || revision === '') return undefined
  return { namespace, profile: name, digest: revision }
}

/** `known`: revisions that this node holds or held, by digest. */
export function declaredOf(
  container: Container,
  known: (digest: string) => readonly RevisionRef[]
): Declared {
  const assigned = assignedOf(container.labels[annotations.assigned], container.name)
  const promised = assigned === undefined ? undefined : refOf(assigned)
  const { seccomp } = container
  if (seccomp === undefined) {
    const none = { kind: 'none', digest: '', mode: '', beyond: [], like: undefined } as const
    return { ...none, file: promised, assigned }
  }
  const { digest, kind, mode, beyond, like } = factsOf(seccomp)
  const files = known(digest)
  // Profiles with equal content share a digest, and each has its own file: the pod's namespace is preferred.
  const named = profileNameOf(container)
  const learned = named === '' ? container.name : named
  const near = files.filter(({ namespace }) => namespace === container.pod?.namespace)
  const likely = [...near, ...files]
  const own =
    likely.find(({ namespace, profile }) =>
      [profile, `${namespace}/${profile}`].includes(learned)
    ) ?? likely[0]
  const isRevision = own !== undefined || promised?.digest === digest
  return {
    kind: isRevision ? 'revision' : kind,
    digest,
    mode: isRevision ? mode : '',
    beyond: isRevision ? [] : beyond,
    like: isRevision ? undefined : like,
    file: promised ?? own,
    assigned
  }
}
