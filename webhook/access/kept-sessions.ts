import { readFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { errnoOf, writeDurable } from '../../src/lib/durable-file.js'
import { toSeccoError } from '../../src/lib/errors.js'
import type { Logger } from '../../src/lib/log.js'
import { type Identity, localIdentity, type Proof, type Rights } from './rights.js'
import { readRecords, writeRecords } from './session-records.js'
import { createSessions, type StoredSessions } from './sessions.js'

/** SessionStorage is where the text of the records is. */
export interface SessionStorage {
  /** Resolves with undefined when nothing was stored yet. */
  read(): Promise<string | undefined>
  write(text: string): Promise<void>
}

/** Returns a file for the records of one machine, for its user alone. */
export function sessionFile(path: string): SessionStorage {
  return {
    async read() {
      try {
        return await readFile(path, 'utf8')
      } catch (error) {
        if (errnoOf(error) === 'ENOENT') return undefined
        throw error
      }
    },
    write: (text) => writeDurable(path, text, 0o600)
  }
}

interface KeptSessionsOptions {
  storage: SessionStorage
  rights: Pick<Rights, 'kind' | 'ofToken'>
  /** Of several hubs only the active one opens sessions and stores them. Default: this hub is the only one. */
  role?: {
    isActive(): boolean
    onChange(listener: (what: 'fleet' | 'active' | 'standby') => void): () => void
  }
  now: () => number
  logger: Logger
  /** Between two attempts. */
  retryMs?: number
}

/** Sender of the tokens of stored sessions, whose rate is limited together. */
const sender = 'stored sessions'

async function recall(
  rights: KeptSessionsOptions['rights'],
  proof: Proof
): Promise<Identity | undefined> {
  if ('token' in proof) return rights.ofToken(proof.token, undefined, sender)
  // Only root can write that file. In a cluster a role is no proof.
  return rights.kind === 'local' ? localIdentity(proof.user, proof.role) : undefined
}

/** KeptSessions are the sessions of browsers, which a restart of the hub or the takeover by another one does not end. */
export class KeptSessions {
  readonly sessions: StoredSessions
  readonly #options: KeptSessionsOptions
  readonly #stopped = new AbortController()
  readonly #leave: (() => void) | undefined
  #loading: Promise<void> | undefined
  /** Whether the stored sessions were added: without them a write would end them. */
  #isLoaded = false
  #isDirty = false
  #saving: Promise<void> | undefined
  #logged = ''

  constructor(options: KeptSessionsOptions) {
    this.#options = options
    this.sessions = createSessions(
      options.now,
      {},
      {
        ready: () => this.#ready(),
        recall: (proof) => recall(options.rights, proof)
      }
    )
    this.sessions.onChange(() => this.#changed())
    this.#leave = options.role?.onChange((what) => {
      if (what === 'fleet') return
      // Another hub had them meanwhile, and ended some.
      this.sessions.forget()
      this.#isLoaded = false
      this.#isDirty = false
      this.#loading = undefined
    })
  }

  /** Writes what is not stored yet. */
  async close(): Promise<void> {
    this.#leave?.()
    this.#stopped.abort()
    await this.#saving
    if (this.#isDirty) await this.#attempt()
  }

  #isActive(): boolean {
    return this.#options.role?.isActive() !== false
  }

  /** Waits for the first attempt to read only: a storage that does not answer keeps nobody from logging in. */
  #ready(): Promise<void> {
    this.#loading ??= this.#load()
    return this.#loading
  }

  async #load(): Promise<void> {
    try {
      await this.#read()
    } catch (error) {
      this.#warn(error, 'stored sessions not read: their people log in again until they are')
      this.#changed()
    }
  }

  async #read(): Promise<void> {
    this.sessions.add(readRecords((await this.#options.storage.read()) ?? ''))
    this.#isLoaded = true
  }

  #changed(): void {
    if (!this.#isActive()) return
    this.#isDirty = true
    this.#saving ??= this.#save().finally(() => (this.#saving = undefined))
  }

  async #save(): Promise<void> {
    // What changes in this turn is one write.
    await Promise.resolve()
    while (this.#isDirty && this.#isActive()) {
      if (await this.#attempt()) continue
      const { signal } = this.#stopped
      await delay(this.#options.retryMs ?? 10_000, undefined, { signal, ref: false }).catch(() => 0)
      if (signal.aborted) return
    }
  }

  async #attempt(): Promise<boolean> {
    try {
      await this.#ready()
      if (!this.#isLoaded) await this.#read()
      this.#isDirty = false
      await this.#options.storage.write(writeRecords(this.sessions.records()))
      this.#logged = ''
      return true
    } catch (error) {
      this.#isDirty = true
      this.#warn(error, 'sessions not stored: a restart of the hub ends those of browsers')
      return false
    }
  }

  #warn(thrown: unknown, message: string): void {
    const { code, message: reason, hint } = toSeccoError(thrown)
    if (this.#logged === message) return
    this.#logged = message
    this.#options.logger.warn({ code, reason, hint }, message)
  }
}
