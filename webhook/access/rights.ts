import { createHash, timingSafeEqual } from 'node:crypto'
import type { Store } from '../../src/store/store.js'
import type { DelegatedWrites } from './delegated-writes.js'

/** Verbs of Kubernetes, and two of our own. */
export type Verb = 'get' | 'list' | 'create' | 'update' | 'delete' | 'approve' | 'trace'
/** Resources of the API group secco.dev. */
export type Resource =
  | 'seccompprofiles'
  | 'seccomprules'
  | 'nodes'
  | 'denials'
  | 'containers'
  | 'links'

/** Their names in roles. What is no object of its own is a subresource of profiles. */
export const resourceNames: Readonly<Record<Resource, string>> = {
  seccompprofiles: 'seccompprofiles',
  seccomprules: 'seccomprules',
  nodes: 'seccompprofiles/nodes',
  denials: 'seccompprofiles/denials',
  containers: 'seccompprofiles/containers',
  links: 'seccompprofiles/links'
}

/** Access is what somebody wants to do with a resource; without a namespace: in all of them. */
export interface Access {
  verb: Verb
  resource: Resource
  namespace: string | undefined
  name: string | undefined
}

export type Role = 'admin' | 'viewer'

/** Proof is what an identity is made of again after a restart: a user of this machine, or a token of the cluster. */
export type Proof = { user: string; role: Role } | { token: string }

/** A user and the rights of the user. */
export interface Identity {
  user: string
  /** What a session stores to know the user again after a restart; without it the session ends with the hub. */
  proof?: Proof
  can(verb: Verb, resource: Resource, namespace?: string, name?: string): Promise<boolean>
  /** Rejects with UNAUTHENTICATED when the user's token is not valid any more. */
  mustBeValid?(): Promise<void>
  /** In a cluster: a store that reads and writes with the user's own token. */
  objects?: Pick<Store, 'get' | 'apply' | 'update' | 'delete'>
}

/** ClusterUser is a user as the API server knows them. */
export interface ClusterUser {
  username: string
  groups: string[]
  uid?: string
  extra?: Record<string, string[]>
}

/** WritingMeans is how a user's changes are written; without any the user only reads. */
export interface WritingMeans {
  /** A token of the same user: the hub writes with it. */
  token?: string
  /** The id by which the user's own program waits for what it has to write. */
  writer?: string
}

/** Identifies users by their tokens. */
export interface Rights {
  kind: 'local' | 'cluster'
  /**
   * Returns undefined for an unknown token. `said` is the user name that a holder of the machine's own token states:
   * only root can read that file, so it is believed. Elsewhere it is ignored.
   * @param client address of the sender: unknown tokens of one client are limited
   * @throws SeccoError UNAVAILABLE
   */
  ofToken(token: string, said: string | undefined, client?: string): Promise<Identity | undefined>
  /** Returns the identity of a user whom the API server names. */
  ofUser?: (user: ClusterUser, means: WritingMeans) => Promise<Identity>
  /** What programs of users without a token write for the hub. */
  writes?: DelegatedWrites
}

/** Returns a user of one machine: an admin has all rights, a viewer reads. */
export function localIdentity(user: string, role: Role): Identity {
  return {
    user,
    proof: { user, role },
    can: (verb) => Promise.resolve(role === 'admin' || verb === 'get' || verb === 'list')
  }
}

const digestOf = (text: string) => createHash('sha256').update(text).digest()

/** Returns a name for the audit log: one line of limited length. */
export function userName(text: string | undefined): string {
  const name = (text ?? '').replace(/[^\w.@:-]/g, '').slice(0, 64)
  return name === '' ? 'local' : name
}

/** Rights of one machine: its own token (0600 in the state folder) is the admin; people use one-time links. */
export function localRights(token: string): Rights {
  const wanted = digestOf(token)
  return {
    kind: 'local',
    ofToken: (given, said) =>
      Promise.resolve(
        timingSafeEqual(digestOf(given), wanted)
          ? localIdentity(userName(said), 'admin')
          : undefined
      )
  }
}
