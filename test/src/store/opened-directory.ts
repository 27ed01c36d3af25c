import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SeccoError } from '../../../src/lib/errors.js'
import { openDirectoryStore } from '../../../src/store/directory.js'
import type { Store } from '../../../src/store/store.js'
import type { OpenedStore } from './contract.js'

export const quick = { debounceMs: 20, pollMs: 2000 }

/** Opens a new folder as a store. */
export async function openFresh(): Promise<OpenedStore & { dir: string }> {
  const dir = await mkdtemp(join(tmpdir(), 'secco-store-'))
  const opened: Store[] = []
  const again = async () => {
    const store = await openDirectoryStore(dir, quick)
    opened.push(store)
    return store
  }
  return {
    dir,
    store: await again(),
    again,
    dispose: async () => {
      await Promise.all(opened.map(async (store) => store.close()))
      await rm(dir, { recursive: true, force: true })
    }
  }
}

export async function errorOf(work: Promise<unknown>): Promise<SeccoError> {
  const error: unknown = await work.then(
    () => undefined,
    (reason: unknown) => reason
  )
  return error instanceof SeccoError ? error : new SeccoError('INTERNAL', String(error))
}
