import { createHash, timingSafeEqual } from 'node:crypto'
import type { Store } from '../../src/store/store.js'

/** What may be done: the verbs of Kubernetes, and two of our own. */
export type Verb = 'get' | 'list' | 'create' | 'update' | 'delete' | 'approve' | 'trace'
/** Of the API group secco.dev. */
export type Resource =
  | 'seccompprofiles'
  | 'seccomprules'
  | 'nodes'
  | 'denials'
  | 'containers'
  | 'links'

/** Who asks, and what they may. */
export interface Identity {
  user: string
  can(verb: Verb, resource: Resource, namespace?: string, name?: string): Promise<boolean>
  /** In a cluster: objects as this person reads and writes them, by the person's own token. */
  objects?: Pick<Store, 'get' | 'apply' | 'update' | 'delete'>
}

/** Who somebody is by a token, and where that is decided. */
export interface Rights {
  kind: 'local' | 'cluster'
  /**
   * undefined: the token is nobody's. `said` is what a caller who holds the machine's own token says its
   * user is called: whoever can read that file is root here, so it is believed; elsewhere it is ignored.
   */
  ofToken(token: string, said: string | undefined): Promise<Identity | undefined>
}

export type Role = 'admin' | 'viewer'

/** On one machine: an admin may everything, a viewer reads. */
export function localIdentity(user: string, role: Role): Identity {
  return {
    user,
    can: (verb) => Promise.resolve(role === 'admin' || verb === 'get' || verb === 'list')
  }
}

const digestOf = (text: string) => createHash('sha256').update(text).digest()

/** A name for the audit log: one line, of a bounded length. */
export function userName(text: string | undefined): string {
  const name = (text ?? '').replace(/[^\w.@:-]/g, '').slice(0, 64)
  return name === '' ? 'local' : name
}

/** The machine's own token (0600 in the state folder) is the admin; people come by one-time links. */
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
