import { isDeepStrictEqual } from 'node:util'
import type { Kind, Objects } from '../../../src/api/objects.js'
import { SeccoError } from '../../../src/lib/errors.js'
import { pluralOf } from '../../../src/store/directory-layout.js'
import type { ObjectRef } from '../../../src/store/store.js'
import type { DelegatedWrites } from '../../access/delegated-writes.js'
import type { Identity } from '../../access/rights.js'

type PersonObjects = NonNullable<Identity['objects']>

interface Delegation {
  user: string
  can: Identity['can']
  writes: DelegatedWrites
  /** The id by which the user's program waits for writes; undefined: it does not. */
  id: string | undefined
}

const unwritable = () =>
  new SeccoError('UNAUTHENTICATED', 'the hub writes changes with your token, and you sent none', {
    hint: 'use the command line, which writes them itself, or send a token'
  })

/**
 * Returns the objects for a user without a token. The hub reads what the user may read. What the user changes is
 * written by the user's own program, so that the rights and policies of the API server decide.
 */
export function delegatedObjects(
  own: Pick<PersonObjects, 'get'>,
  { user, can, writes, id }: Delegation
): PersonObjects {
  async function get<K extends Kind>(kind: K, ref: ObjectRef): Promise<Objects[K] | undefined> {
    const { namespace, name } = ref
    if (await can('get', pluralOf[kind], namespace, name)) return own.get(kind, ref)
    throw new SeccoError('FORBIDDEN', `${user} may not get ${pluralOf[kind]}`)
  }

  async function write<K extends Kind>(kind: K, object: Objects[K]): Promise<Objects[K]> {
    if (id === undefined) throw unwritable()
    const { namespace = '', name } = object.metadata
    await writes.ask(user, id, object)
    const written = await own.get(kind, { namespace, name })
    if (written !== undefined && isDeepStrictEqual(written.spec, object.spec)) return written
    throw new SeccoError('CONFLICT', `${kind} ${namespace}/${name} is not what was to be written`)
  }

  return {
    get,
    apply: write,
    async update(kind, ref, change) {
      const before = await get(kind, ref)
      if (before === undefined) {
        throw new SeccoError('NOT_FOUND', `no ${kind} ${ref.namespace}/${ref.name}`)
      }
      const after = change(structuredClone(before))
      return isDeepStrictEqual(before, after) ? before : write(kind, after)
    },
    delete: () => Promise.reject(unwritable())
  }
}
