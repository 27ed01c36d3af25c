import { apiVersion, rootNamespace } from '../../api/names.js'
import type { SeccompProfile } from '../../api/seccomp-profile.js'
import { scmpArchOf } from '../../syscalls/abi.js'
import { measured } from '../data/own/measured.js'
import { rarelyCalled } from '../data/own/rarely-called.js'
import { renderProfile } from './render.js'

/** Programs of ours that run in pods: `webhook` in each of its roles, and the satellite. */
export const ownPrograms = ['satellite', 'webhook'] as const
export type OwnProgram = (typeof ownPrograms)[number]

/**
 * Folder of their profiles below the kubelet's seccomp root. Below `secco/`, so that pods of others cannot
 * point there (src/rules/secco-path.ts); no namespace can be called so, so that no revision is ever there
 * and no satellite looks for revisions in it.
 */
export const ownFolder = 'secco/_own'

/** The profile under which one of our own programs runs in its pod. */
export interface OwnProfile {
  program: OwnProgram
  /** The file's bytes. */
  json: string
  digest: `sha256:${string}`
  /** Name of the file in `ownFolder`. */
  file: string
  /** What goes into `localhostProfile`. */
  path: string
}

/** Curated bases. The satellite starts the node's runtimes, too, to ask them for their versions: Go and C. */
const bases: Readonly<Record<OwnProgram, readonly string[]>> = {
  satellite: ['nodejs', 'go', 'glibc'],
  webhook: ['nodejs']
}

function askedBy(program: OwnProgram): string[] {
  const rare = rarelyCalled.filter((one) => one.program === undefined || one.program === program)
  return [...measured[program].names, ...rare.map(({ name }) => name)]
}

/** As a profile that a person might have approved: what was measured, and what Node asks for rarely. */
function approvedFor(program: OwnProgram): SeccompProfile {
  return {
    apiVersion,
    kind: 'SeccompProfile',
    metadata: { namespace: rootNamespace, name: `own-${program}` },
    spec: {
      extends: bases[program].map((base) => `${rootNamespace}/${base}`),
      seccomp: {
        defaultAction: 'SCMP_ACT_ERRNO',
        // One manifest for nodes of either machine.
        architectures: [scmpArchOf.x86_64, scmpArchOf.aarch64],
        syscalls: [{ names: askedBy(program), action: 'SCMP_ACT_ALLOW' }]
      }
    }
  }
}

/**
 * The profile of one of our own programs: enforce, with the bases of every runtime that is known and in the
 * keys that each of them takes, whatever the fleet. So it is a constant of Secco's version, known when
 * manifests are made. Emergency blocks (`secco block`) do not reach it. Pure.
 */
export function ownProfile(program: OwnProgram): OwnProfile {
  const { json, digest } = renderProfile(approvedFor(program), {
    mode: 'enforce',
    resolve: () => undefined
  })
  const file = `${program}-${digest.replace('sha256:', '')}.json`
  return { program, json, digest, file, path: `${ownFolder}/${file}` }
}

let byDigest: ReadonlyMap<string, OwnProfile> | undefined

/** Returns the profile of one of our own programs that has this digest, or undefined. */
export function ownProfileOf(digest: string): OwnProfile | undefined {
  byDigest ??= new Map(ownPrograms.map(ownProfile).map((own) => [own.digest, own]))
  return byDigest.get(digest)
}
