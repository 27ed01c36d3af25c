import { join } from 'node:path'
import { readFile } from 'node:fs/promises'
import { ensureServerLeaf, type PairPaths } from './files.js'
import { type CertificatePair, checkPair } from './pair.js'
import { watchPair } from './reload.js'
import { SeccoError } from '../src/lib/errors.js'
import type { Logger } from '../src/lib/log.js'
import { Worker } from '../src/lib/worker.js'

/** A source of the serving certificate and its renewals. */
export interface CertificateSource {
  current(): CertificatePair
  /** Calls `listener` with each later pair. If it throws, that is logged and the old pair stays in use. */
  onChange(listener: (pair: CertificatePair) => void): void
  close(): Promise<void> | void
}

const renewalCheckMs = 3_600_000

function watched(paths: PairPaths, first: CertificatePair, logger: Logger) {
  let current = first
  const listeners: ((pair: CertificatePair) => void)[] = []
  const pairs = watchPair({
    paths,
    current: first,
    onChange: (pair) => {
      for (const listener of listeners) listener(pair)
      current = pair
      logger.info('certificate renewed')
    },
    onProblem: ({ code, message }) =>
      logger.error({ code, reason: message }, 'certificate not read')
  })
  return {
    current: () => current,
    onChange: (listener: (pair: CertificatePair) => void) => void listeners.push(listener),
    close: () => pairs.stop()
  }
}

/**
 * Opens the certificates of a folder with its own authority; this process renews them.
 * @throws SeccoError CERTIFICATE_INVALID, WRITE_FAILED.
 */
export async function folderCertificates(
  dir: string,
  names: readonly string[],
  logger: Logger
): Promise<CertificateSource> {
  const leaf = await ensureServerLeaf(dir, names)
  const source = watched(leaf.paths, leaf, logger)
  const renewal = new Worker(() => ensureServerLeaf(dir, names), {
    everyMs: renewalCheckMs,
    onError: (error) =>
      logger.error({ err: error }, 'certificate could not be renewed; trying again in an hour')
  })
  return {
    ...source,
    close: async () => {
      await renewal.close()
      source.close()
    }
  }
}

/**
 * Opens `tls.crt`, `tls.key` and `ca.crt` of a folder that others renew: a mounted Secret, for example cert-manager's.
 * @throws SeccoError NOT_FOUND, CERTIFICATE_INVALID.
 */
export async function mountedCertificates(dir: string, logger: Logger): Promise<CertificateSource> {
  const paths = { cert: join(dir, 'tls.crt'), key: join(dir, 'tls.key'), ca: join(dir, 'ca.crt') }
  const read = (path: string): Promise<string> =>
    readFile(path, 'utf8').catch((cause: unknown) => {
      throw new SeccoError('NOT_FOUND', `${path}: cannot be read`, {
        cause,
        hint: 'give a folder with tls.crt, tls.key and ca.crt, as a Secret of type kubernetes.io/tls has them'
      })
    })
  const [cert, key, ca] = await Promise.all([read(paths.cert), read(paths.key), read(paths.ca)])
  const pair = { cert, key, ca }
  checkPair(pair, paths.cert)
  return watched(paths, pair, logger)
}
