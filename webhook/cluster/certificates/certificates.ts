import { setTimeout as delay } from 'node:timers/promises'
import { applySteps, newMaterial } from '../../../certs/material.js'
import type { CertificatePair } from '../../../certs/pair.js'
import { bundleOfMaterial, type Material, planCertificates } from '../../../certs/plan.js'
import { SeccoError, toSeccoError } from '../../../src/lib/errors.js'
import type { Logger } from '../../../src/lib/log.js'
import type { ApiCall } from '../../../src/store/kubernetes-call.js'
import type { CertificateSource } from '../../../certs/certificate-source.js'
import { readSecret, type Secret, writeSecret } from './certificate-secret.js'
import type { Leader } from '../replicas/leader.js'
import { spreadTrust } from './trust.js'

interface ClusterCertificatesOptions {
  call: ApiCall
  namespace: string
  /** Name of the Secret. */
  secret: string
  /** Names that the serving certificate covers. */
  names: readonly string[]
  /** Decides which replica renews. Without it this replica only reads the Secret. */
  leader?: Leader
  configuration: string
  configMap: string
  /** Name of the APIService, where an installation has one. */
  apiService?: string
  logger: Logger
  now?: () => Date
  /** Between two reads of the Secret. */
  everyMs?: number
  /** How long clients need to get a new bundle: the kubelet takes up to two minutes for a ConfigMap. */
  settleMs?: number
  overlapMs?: number
}

const day = 86_400_000

/** Returns the pair to serve with: the leaf, and the bundle that clients trust. */
function pairOf(material: Material, now: Date): CertificatePair | undefined {
  const { leaf } = material
  return leaf === undefined ? undefined : { ...leaf, ca: bundleOfMaterial(material, now) }
}

const fatalAtStart = ['CERTIFICATE_INVALID', 'FORBIDDEN', 'UNAUTHENTICATED']

const isSame = (a: CertificatePair, b: CertificatePair | undefined): boolean =>
  a.cert === b?.cert && a.key === b.key && a.ca === b.ca

/** CertificateSecret reads and writes the Secret that holds the authority and the leaf. */
class CertificateSecret {
  readonly #options: ClusterCertificatesOptions
  readonly #collection: string
  readonly #path: string

  constructor(options: ClusterCertificatesOptions) {
    this.#options = options
    this.#collection = `/api/v1/namespaces/${options.namespace}/secrets`
    this.#path = `${this.#collection}/${options.secret}`
  }

  async read(): Promise<Secret | undefined> {
    try {
      return (await this.#options.call('GET', this.#path)) as Secret
    } catch (error) {
      if (error instanceof SeccoError && error.code === 'NOT_FOUND') return undefined
      throw error
    }
  }

  /** Creates the first material. Creating is atomic: if another replica was faster, its material counts. */
  async create(now: Date): Promise<void> {
    const { call, names, secret, namespace, logger } = this.#options
    const material = await newMaterial(names, now)
    const body = writeSecret({ name: secret, namespace }, material, now, false)
    try {
      await call('POST', this.#collection, { body })
      logger.info({ secret }, 'created an authority')
    } catch (error) {
      if (!(error instanceof SeccoError) || error.code !== 'CONFLICT') throw error
    }
  }

  /** Writes over the version that was read, so that of two replicas that think they lead one fails. */
  async replace(before: Secret, material: Material, now: Date, isDone: boolean): Promise<void> {
    const body = writeSecret(before.metadata, material, now, isDone)
    await this.#options.call('PUT', this.#path, { body })
  }
}

/** ClusterCertificates follows the Secret, and renews it while this replica leads. */
class ClusterCertificates implements CertificateSource {
  readonly #options: ClusterCertificatesOptions
  readonly #secret: CertificateSecret
  readonly #everyMs: number
  readonly #listeners: ((pair: CertificatePair) => void)[] = []
  readonly #stopped = new AbortController()
  #current: CertificatePair | undefined
  /** The failure that was logged last. */
  #logged = ''
  /** The bundle that the API server trusts, as far as this replica knows. */
  #trusted = ''
  #running: Promise<void> = Promise.resolve()

  constructor(options: ClusterCertificatesOptions) {
    this.#options = options
    this.#secret = new CertificateSecret(options)
    this.#everyMs = options.everyMs ?? 5000
  }

  /** Waits for the first pair, and follows the Secret from then on. */
  async start(): Promise<void> {
    await this.#poll()
    while (this.#current === undefined) {
      await this.#pause(Math.min(this.#everyMs, 1000))
      await this.#poll()
    }
    this.#running = this.#follow()
  }

  current(): CertificatePair {
    if (this.#current === undefined) throw new Error('not started')
    return this.#current
  }

  onChange(listener: (pair: CertificatePair) => void): void {
    this.#listeners.push(listener)
  }

  async close(): Promise<void> {
    this.#stopped.abort()
    await this.#running
    await this.#options.leader?.close()
  }

  #now(): Date {
    return this.#options.now?.() ?? new Date()
  }

  async #follow(): Promise<void> {
    for (;;) {
      // The first poll came before the lease: a new leader soon has something to do.
      const isNewLeader = this.#trusted === '' && this.#options.leader !== undefined
      await this.#pause(isNewLeader ? Math.min(this.#everyMs, 500) : this.#everyMs)
      if (this.#stopped.signal.aborted) return
      await this.#poll()
    }
  }

  async #pause(ms: number): Promise<void> {
    await delay(ms, undefined, { signal: this.#stopped.signal }).catch(() => undefined)
  }

  async #poll(): Promise<void> {
    try {
      const secret = await this.#newestSecret()
      const pair = secret && pairOf(readSecret(secret).material, this.#now())
      if (pair !== undefined) this.#adopt(pair)
      this.#logged = ''
    } catch (thrown) {
      this.#handleFailure(thrown)
    }
  }

  async #newestSecret(): Promise<Secret | undefined> {
    const { leader, secret: name } = this.#options
    let secret = await this.#secret.read()
    if (secret === undefined) {
      if (leader === undefined) throw new SeccoError('NOT_FOUND', `no Secret ${name} yet`)
      await this.#secret.create(this.#now())
      secret = await this.#secret.read()
    }
    if (secret === undefined || leader?.isLeader() !== true) return secret
    await this.#renew(secret)
    return (await this.#secret.read()) ?? secret
  }

  /** Publishes the bundle and carries out the steps that are due. */
  async #renew(secret: Secret): Promise<void> {
    const { names, logger, settleMs = 600_000, overlapMs = day } = this.#options
    const { material, asked } = readSecret(secret)
    const now = this.#now()
    const bundle = bundleOfMaterial(material, now)
    if (await spreadTrust(this.#options, bundle)) this.#trusted = bundle
    const steps = planCertificates(material, {
      ...{ names, now, asked, settleMs, overlapMs },
      trusted: this.#trusted === bundle
    })
    if (steps.length === 0) return
    const isDone = steps.includes(asked === 'authority' ? 'change-authority' : 'issue-leaf')
    const next = await applySteps(material, steps, names, now)
    await this.#secret.replace(secret, next, now, isDone)
    logger.info({ steps }, 'certificates changed')
    await spreadTrust(this.#options, bundleOfMaterial(next, now))
  }

  #adopt(pair: CertificatePair): void {
    if (isSame(pair, this.#current)) return
    for (const listener of this.#listeners) listener(pair)
    if (this.#current !== undefined) this.#options.logger.info('certificate renewed')
    this.#current = pair
  }

  #handleFailure(thrown: unknown): void {
    const error = toSeccoError(thrown)
    const { code, message } = error
    if (this.#current === undefined && fatalAtStart.includes(code)) throw error
    // Another replica wrote first: the next poll reads that.
    if (code === 'CONFLICT') return
    if (this.#logged !== message) {
      this.#options.logger.warn({ code, reason: message }, 'certificates not read or renewed')
    }
    this.#logged = message
  }
}

/**
 * Starts to follow the certificates of a cluster's installation. Authority and leaf are in one Secret, so that each
 * change is one write. The leader renews them and publishes the bundle; every replica serves with what the Secret
 * holds. Resolves when there is a pair to serve with.
 * @throws SeccoError CERTIFICATE_INVALID (a damaged authority), FORBIDDEN, UNAUTHENTICATED.
 */
export async function startClusterCertificates(
  options: ClusterCertificatesOptions
): Promise<CertificateSource> {
  const certificates = new ClusterCertificates(options)
  await certificates.start()
  return certificates
}
