import { sessionSecret } from '../../../src/api/names.js'
import { SeccoError } from '../../../src/lib/errors.js'
import type { ApiCall } from '../../../src/store/kubernetes-call.js'
import type { SessionStorage } from '../../access/kept-sessions.js'

/** The fields of a Secret (core/v1) that are used here. */
interface Secret {
  metadata: { name: string; namespace: string; resourceVersion?: string }
  data?: Record<string, string>
}

const entry = 'sessions.json'

/**
 * Returns the Secret for the records of a cluster's installation. A write counts only over the version that was read or
 * written last. Rejects with NOT_FOUND without the Secret, and with CONFLICT when somebody else wrote it.
 */
export function secretSessions(call: ApiCall, namespace: string): SessionStorage {
  const path = `/api/v1/namespaces/${namespace}/secrets/${sessionSecret}`
  let known: Secret | undefined
  const fetched = async (): Promise<Secret> => {
    try {
      known = (await call('GET', path)) as Secret
      return known
    } catch (error) {
      if (!(error instanceof SeccoError) || error.code !== 'NOT_FOUND') throw error
      const message = `there is no Secret ${namespace}/${sessionSecret}`
      throw new SeccoError('NOT_FOUND', message, { hint: 'run secco install again' })
    }
  }
  return {
    async read() {
      const text = (await fetched()).data?.[entry]
      return text === undefined ? undefined : Buffer.from(text, 'base64').toString('utf8')
    },
    async write(text) {
      const secret = known ?? (await fetched())
      known = undefined
      const body = { ...secret, data: { [entry]: Buffer.from(text).toString('base64') } }
      known = (await call('PUT', path, { body })) as Secret
    }
  }
}
