import type { Logger } from '../src/lib/log.js'
import { Worker } from '../src/lib/worker.js'
import type { ContainerRegistry } from './containers/registry.js'
import { readRuncVersion, withUnversionedRunc } from './containers/runc-version.js'

const updateEveryMs = 10 * 60_000

type Runtimes = Pick<ContainerRegistry, 'versions' | 'refresh' | 'all'>

/** RuntimeVersions knows the versions of this node's runtimes and of libseccomp, for the node's status. */
export class RuntimeVersions {
  readonly #registry: Runtimes
  readonly #worker: Worker
  #runtimes: readonly { name: string; version: string }[] = []
  #libseccomp = ''

  constructor(registry: Runtimes, logger: Logger) {
    this.#registry = registry
    this.#worker = new Worker(() => this.#read(), {
      everyMs: updateEveryMs,
      onError: (error) => logger.warn({ err: error }, 'versions of runtimes could not be read')
    })
  }

  get runtimes(): { name: string; version: string }[] {
    return [...this.#runtimes]
  }

  get libseccomp(): string {
    return this.#libseccomp
  }

  /** Reads the versions now. */
  async update(): Promise<void> {
    await this.#worker.runNow()
  }

  close(): void {
    void this.#worker.close()
  }

  async #read(): Promise<void> {
    const [found, runc] = await Promise.all([
      this.#registry.versions(),
      readRuncVersion(),
      this.#registry.refresh()
    ])
    const started = this.#registry.all().map(({ runtime }) => runtime)
    this.#runtimes = withUnversionedRunc(found, started)
    this.#libseccomp = runc.libseccomp
  }
}
