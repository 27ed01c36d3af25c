import type { RevisionRef } from '../../src/api/gen/hub.js'
import { annotations } from '../../src/api/names.js'
import type { LinuxSeccomp } from '../../src/api/seccomp-profile.js'
import { type Assigned, assignedOf } from '../../src/confinement/assigned.js'
import { kindOfProfile, modeOfRendering } from '../../src/confinement/profile-kind.js'
import { oncePer } from '../../src/lib/once-per.js'
import type { Container } from '../containers/runtime.js'
import { profileNameOf } from '../containers/container-ref.js'
import { digestOfSeccomp } from '../containers/seccomp-digest.js'

/** What a container declares: in its OCI configuration, and in the webhook's annotation. */
export interface Declared {
  kind: 'none' | 'runtime-default' | 'allow-all' | 'revision' | 'other'
  digest: string
  mode: '' | 'audit' | 'enforce'
  /** The revision whose file should be on this node; undefined if none is known. */
  file: RevisionRef | undefined
  assigned: Assigned | undefined
}

interface Facts {
  digest: string
  kind: 'runtime-default' | 'allow-all' | 'other'
  mode: 'audit' | 'enforce'
}

/** Equal profiles are one object (oci-config.ts). */
const factsOf = oncePer((seccomp: LinuxSeccomp): Facts => {
  try {
    return {
      digest: digestOfSeccomp(seccomp),
      kind: kindOfProfile(seccomp),
      mode: modeOfRendering(seccomp)
    }
  } catch {
    return { digest: '', kind: 'other', mode: 'enforce' }
  }
})

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
    return { kind: 'none', digest: '', mode: '', file: promised, assigned }
  }
  const { digest, kind, mode } = factsOf(seccomp)
  const files = known(digest)
  // Profiles with equal content share a digest, and each has its own file: the pod's namespace is preferred.
  const named = profileNameOf(container)
  const learned = named === '' ? container.name : named
  const near = files.filter(({ namespace }) => namespace === container.pod?.namespace)
  const likely = [...near, ...files]
  const own = likely.find(({ profile }) => profile === learned) ?? likely[0]
  const isRevision = own !== undefined || promised?.digest === digest
  return {
    kind: isRevision ? 'revision' : kind,
    digest,
    mode: isRevision ? mode : '',
    file: promised ?? own,
    assigned
  }
}
