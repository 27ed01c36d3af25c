import { ownFolder, ownProfile, type OwnProgram } from '../../src/seccomp/render/own.js'
import { hardened } from './hardened.js'
import type { InstallOptions } from './options.js'

export const ownProfilesVolume = 'own-profiles'
const mountPath = '/run/secco/own'
/** Folder of these profiles on a node. */
export const ownProfilesPath = `/var/lib/kubelet/seccomp/${ownFolder}`

export interface OwnProfileParts {
  /** Security context of the program's container; the profile of the pod stays RuntimeDefault. */
  securityContext: object
  initContainers: object[]
  volumes: { name: string; hostPath: { path: string; type: string } }[]
}

/**
 * Returns what a pod of Secco needs to run under its own profile. The runtime reads the file when it creates the
 * program's container, after the init containers have ended. So an init container writes the file: as root because root
 * owns the folder, without capabilities, and with no other folder of the node.
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
