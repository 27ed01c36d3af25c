import { ownFolder, ownProfile, type OwnProgram } from '../../src/seccomp/render/own.js'
import { hardened } from './hardened.js'
import type { InstallOptions } from './options.js'

export const ownProfilesVolume = 'own-profiles'
const mountPath = '/run/secco/own'
/** Where the kubelet of a node has them. */
export const ownProfilesPath = `/var/lib/kubelet/seccomp/${ownFolder}`

export interface OwnProfileParts {
  /** For the program's container; the pod's own profile stays RuntimeDefault. */
  securityContext: object
  initContainers: object[]
  volumes: { name: string; hostPath: { path: string; type: string } }[]
}

/**
 * What a pod of ours needs to run under its own profile. The runtime reads the file when it makes the
 * program's container: after the pod's init containers have ended. So one of these writes it, as root
 * because the folder is root's, without any capability, and sees nothing of the node but that folder.
 */
export function ownProfileParts(options: InstallOptions, program: OwnProgram): OwnProfileParts {
  if (!options.ownProfiles) return { securityContext: {}, initContainers: [], volumes: [] }
  const { path, digest } = ownProfile(program)
  return {
    securityContext: { seccompProfile: { type: 'Localhost', localhostProfile: path } },
    initContainers: [
      {
        name: 'own-profile',
        image: options.image,
        imagePullPolicy: 'IfNotPresent',
        args: ['own-profile', 'write', program, '--dir', mountPath, '--expect', digest],
        resources: { requests: { cpu: '50m', memory: '128Mi' }, limits: { memory: '256Mi' } },
        securityContext: {
          ...hardened,
          runAsNonRoot: false,
          runAsUser: 0,
          runAsGroup: 0,
          seccompProfile: { type: 'RuntimeDefault' }
        },
        volumeMounts: [{ name: ownProfilesVolume, mountPath }]
      }
    ],
    volumes: [
      { name: ownProfilesVolume, hostPath: { path: ownProfilesPath, type: 'DirectoryOrCreate' } }
    ]
  }
}
