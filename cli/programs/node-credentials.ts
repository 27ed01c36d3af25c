import { ensureClientLeaf } from '../../certs/files.js'
import { checkToken, watchFile } from '../../satellite/lib/token-file.js'
import type { Uplink, UplinkTls } from '../../satellite/uplink/uplink.js'
import type { SeccoError } from '../../src/lib/errors.js'
import type { Logger } from '../../src/lib/log.js'

/** What a node presents to its hub: a client certificate, or an authority and a token. */
interface Credentials {
  tls: UplinkTls
  token?: string
}

/** NodeCredentials keeps the credentials of this node and renews them in time. */
interface NodeCredentials {
  now(): Credentials
  /** Passes credentials on to the uplink when they are renewed; at once if they were renewed since `used` was read. */
  follow(uplink: Pick<Uplink, 'setTls' | 'setToken'>, used: Credentials): void
  stop(): void
}

const renewalCheckMs = 3_600_000

/**
 * Uses a certificate of the authority in a folder, renewed in time.
 * @throws SeccoError INVALID_NAME, CERTIFICATE_INVALID, WRITE_FAILED.
 */
export async function certificateCredentials(
  dir: string,
  node: string,
  logger: Logger
): Promise<NodeCredentials> {
  let leaf = await ensureClientLeaf(dir, node)
  let uplink: Pick<Uplink, 'setTls'> | undefined
  const renew = async () => {
    const next = await ensureClientLeaf(dir, node)
    if (next.cert === leaf.cert && next.ca === leaf.ca) return
    leaf = next
    uplink?.setTls(next)
    logger.info('certificate renewed')
  }
  const renewal = setInterval(() => {
    renew().catch((error: unknown) => {
      logger.error({ err: error }, 'certificate renewal failed; next try in an hour')
    })
  }, renewalCheckMs)
  return {
    now: () => ({ tls: leaf }),
    follow(target, used) {
      uplink = target
      if (used.tls !== leaf) target.setTls(leaf)
    },
    stop: () => clearInterval(renewal)
  }
}

/**
 * Uses a projected ServiceAccount token and the authorities that sign the hub's certificate. The kubelet renews these
 * files at any time, also while the satellite starts.
 * @throws SeccoError NOT_FOUND, INVALID_DOCUMENT.
 */
export async function tokenCredentials(
  { tokenFile, caFile }: { tokenFile: string; caFile: string },
  logger: Logger
): Promise<NodeCredentials> {
  let uplink: Pick<Uplink, 'setTls' | 'setToken'> | undefined
  const onProblem = ({ code, message }: SeccoError) =>
    logger.error({ code, reason: message }, 'credentials not read')
  const authority = await watchFile({
    path: caFile,
    onProblem,
    onChange: (ca) => {
      uplink?.setTls({ ca })
      logger.info('authority of the hub renewed')
    }
  })
  const token = await watchFile({
    path: tokenFile,
    check: checkToken,
    onProblem,
    onChange: (text) => {
      uplink?.setToken(text)
      logger.info('token renewed')
    }
  }).catch((error: unknown) => {
    authority.stop()
    throw error
  })
  return {
    now: () => ({ tls: { ca: authority.text() }, token: token.text() }),
    follow(target, used) {
      uplink = target
      if (used.tls.ca !== authority.text()) target.setTls({ ca: authority.text() })
      if (used.token !== token.text()) target.setToken(token.text())
    },
    stop() {
      authority.stop()
      token.stop()
    }
  }
}
