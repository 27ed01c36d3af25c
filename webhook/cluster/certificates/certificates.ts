import { setTimeout as delay } from 'node:timers/promises'
import { carryOut, newMaterial } from '../../../certs/carry-out.js'
import type { CertificatePair } from '../../../certs/pair.js'
import { bundleOfMaterial, type Material, planCertificates } from '../../../certs/plan.js'
import { SeccoError, toSeccoError } from '../../../src/lib/errors.js'
import type { Logger } from '../../../src/lib/log.js'
import type { ApiCall } from '../../../src/store/kubernetes-call.js'
import type { CertificateSource } from '../../../certs/certificate-source.js'
import { readSecret, type Secret, writeSecret } from './certificate-secret.js'
import type { Leader } from '../replicas/leader.js'
import { spreadTrust } from './trust.js'

export interface ClusterCertificatesOptions {
  call: ApiCall
  namespace: string
  /** Name of the Secret. */
  secret: string
  /** Names that the serving certificate covers. */
  names: readonly string[]
  /** Who renews. Without one this replica only follows, and needs no right but to read the Secret. */
  leader?: Leader
  configuration: string
  configMap: string
  logger: Logger
  now?: () => Date
  /** Between two looks at the Secret. */
  everyMs?: number
  /** How long every client needs to learn of a new bundle: the kubelet takes up to two minutes for a ConfigMap. */
  settleMs?: number
  overlapMs?: number
}

const day = 86_400_000

/** What serves: the leaf, and everything that is to be trusted. */
function pairOf(material: Material, now: Date): CertificatePair | undefined {
  const { leaf } = material
  return leaf === undefined ? undefined : { ...leaf, ca: bundleOfMaterial(material, now) }
}

/**
 * Certificates of a cluster's installation: authority and leaf live in one Secret, so that every write of
 * them is one write. The leader renews and spreads trust; everybody takes up what the Secret says.
 * Resolves when there is a pair to serve with.
 * @throws SeccoError CERTIFICATE_INVALID (a damaged authority), FORBIDDEN, UNAUTHENTICATED.
 */
export async function startClusterCertificates(
  options: ClusterCertificatesOptions
): Promise<CertificateSource> {
  const { call, namespace, names, leader, logger } = options
  const { everyMs = 5000, settleMs = 600_000, overlapMs = day } = options
  const now = options.now ?? (() => new Date())
  const collection = `/api/v1/namespaces/${namespace}/secrets`
  const path = `${collection}/${options.secret}`
  const listeners: ((pair: CertificatePair) => void)[] = []
  const stopped = new AbortController()
  let current: CertificatePair | undefined
  let complaint = ''
  /** The API server is known to trust the bundle of this text. */
  let trusted = ''

  async function read(): Promise<Secret | undefined> {
    try {
      return (await call('GET', path)) as Secret
    } catch (error) {
      if (error instanceof SeccoError && error.code === 'NOT_FOUND') return undefined
      throw error
    }
  }

  /** Whoever comes first makes the first material: creating is atomic, the others read it. */
  async function create(): Promise<void> {
    const material = await newMaterial(names, now())
    const metadata = { name: options.secret, namespace }
    try {
      await call('POST', collection, { body: writeSecret(metadata, material, now(), false) })
      logger.info({ secret: options.secret }, 'an authority was made')
    } catch (error) {
      if (!(error instanceof SeccoError) || error.code !== 'CONFLICT') throw error
    }
  }

  function adopt(pair: CertificatePair): void {
    if (current?.cert === pair.cert && current.key === pair.key && current.ca === pair.ca) return
    for (const listener of listeners) listener(pair)
    if (current !== undefined) logger.info('certificate renewed')
    current = pair
  }

  async function lead(secret: Secret): Promise<void> {
    const { material, asked } = readSecret(secret)
    const at = now()
    const bundle = bundleOfMaterial(material, at)
    if (await spreadTrust(options, bundle)) trusted = bundle
    const steps = planCertificates(material, {
      ...{ names, now: at, asked, settleMs, overlapMs },
      trusted: trusted === bundle
    })
    if (steps.length === 0) return
    const done =
      asked === 'authority' ? steps.includes('change-authority') : steps.includes('issue-leaf')
    const next = await carryOut(material, steps, names, at)
    // With the version that was read: of two that think they lead, one fails and looks again.
    await call('PUT', path, { body: writeSecret(secret.metadata, next, at, done) })
    logger.info({ steps }, 'certificates changed')
    await spreadTrust(options, bundleOfMaterial(next, at))
  }

  async function look(): Promise<void> {
    try {
      let secret = await read()
      if (secret === undefined) {
        if (leader === undefined)
          throw new SeccoError('NOT_FOUND', `no Secret ${options.secret} yet`)
        await create()
        secret = await read()
      }
      if (secret === undefined) return
      if (leader?.isLeader() === true) {
        await lead(secret)
        secret = (await read()) ?? secret
      }
      const pair = pairOf(readSecret(secret).material, now())
      if (pair !== undefined) adopt(pair)
      complaint = ''
    } catch (thrown) {
      const error = toSeccoError(thrown)
      const first = current === undefined
      if (first && ['CERTIFICATE_INVALID', 'FORBIDDEN', 'UNAUTHENTICATED'].includes(error.code)) {
        throw error
      }
      // Somebody else wrote first: the next look sees it.
      if (error.code === 'CONFLICT') return
      if (complaint !== error.message)
        logger.warn({ code: error.code }, `certificates: ${error.message}`)
      complaint = error.message
    }
  }

  async function pause(ms: number): Promise<void> {
    await delay(ms, undefined, { signal: stopped.signal }).catch(() => undefined)
  }

  const serving = (): CertificatePair | undefined => current
  async function firstPair(): Promise<CertificatePair> {
    for (let wait = 0; ; wait = Math.min(everyMs, 1000)) {
      if (wait > 0) await pause(wait)
      await look()
      // Through a function: what look() changes, the compiler does not see.
      const pair = serving()
      if (pair !== undefined) return pair
    }
  }
  const first = await firstPair()
  const follow = async (): Promise<void> => {
    for (;;) {
      // A new leader has something to do at once: the first look came before the lease.
      await pause(trusted === '' && leader !== undefined ? Math.min(everyMs, 500) : everyMs)
      if (stopped.signal.aborted) return
      await look()
    }
  }
  const running = follow()
  return {
    current: () => current ?? first,
    onChange: (listener) => void listeners.push(listener),
    close: async () => {
      stopped.abort()
      await running
      await leader?.close()
    }
  }
}
