import type { IncomingMessage } from 'node:http'
import { TLSSocket } from 'node:tls'
import { SeccoError, toSeccoError } from '../../../src/lib/errors.js'
import type { Logger } from '../../../src/lib/log.js'
import type { ApiCall } from '../../../src/store/kubernetes-call.js'
import type { ClusterUser } from '../../access/rights.js'

/** Where the API server publishes how it proves itself to aggregated APIs (k8s.io/apiserver, dynamic request header controller). */
const mapPath = '/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication'

/** RequestHeaderRules say whose certificate counts, and in which headers it names the user. */
interface RequestHeaderRules {
  /** PEM. */
  ca: string
  /** Common names that count; empty: every name that the authority has signed. */
  names: readonly string[]
  userHeaders: readonly string[]
  groupHeaders: readonly string[]
  uidHeaders: readonly string[]
  extraPrefixes: readonly string[]
}

function listIn(data: Record<string, string>, key: string): string[] {
  const value: unknown = JSON.parse(data[`requestheader-${key}`] ?? '[]')
  return Array.isArray(value) ? value.filter((one): one is string => typeof one === 'string') : []
}

/** Reads the ConfigMap. @throws SeccoError UNAVAILABLE when the API server has no front proxy */
export function readRules(map: unknown): RequestHeaderRules {
  const { data = {} } = (map ?? {}) as { data?: Record<string, string> }
  const ca = data['requestheader-client-ca-file'] ?? ''
  const lower = (key: string) => listIn(data, key).map((one) => one.toLowerCase())
  const userHeaders = lower('username-headers')
  if (ca === '' || userHeaders.length === 0) {
    throw new SeccoError('UNAVAILABLE', 'the API server is not set up for aggregated APIs', {
      hint: 'start kube-apiserver with --requestheader-client-ca-file and --proxy-client-cert-file'
    })
  }
  return {
    ...{ ca, userHeaders, names: listIn(data, 'allowed-names') },
    ...{ groupHeaders: lower('group-headers'), uidHeaders: lower('uid-headers') },
    extraPrefixes: lower('extra-headers-prefix')
  }
}

const rejected = (message: string) =>
  new SeccoError('UNAUTHENTICATED', message, {
    hint: 'send the request to the API server, which says who you are'
  })

/** Checks that the peer is the API server's front proxy. @throws SeccoError UNAUTHENTICATED */
function mustBeFrontProxy(socket: unknown, { names }: RequestHeaderRules): void {
  if (!(socket instanceof TLSSocket) || !socket.authorized) {
    throw rejected('no certificate of the front proxy of the API server')
  }
  // Node calls a resumed session of TLS 1.3 authorized even if its client never had a certificate.
  const { subject } = socket.getPeerCertificate() as { subject?: { CN?: unknown } }
  const name = subject?.CN
  if (
    subject === undefined ||
    (names.length > 0 && !(typeof name === 'string' && names.includes(name)))
  ) {
    throw rejected('the certificate is not that of the front proxy of the API server')
  }
}

/**
 * Returns the user in whose name the API server sends a request. Nobody else's headers count.
 * @throws SeccoError UNAUTHENTICATED
 */
export function userOfRequest(request: IncomingMessage, rules: RequestHeaderRules): ClusterUser {
  mustBeFrontProxy(request.socket, rules)
  const { headersDistinct: headers } = request
  const all = (names: readonly string[]) => names.flatMap((name) => headers[name] ?? [])
  const [username = '', ...others] = all(rules.userHeaders)
  if (username === '' || others.length > 0) throw rejected('the request names no single user')
  const [uid] = all(rules.uidHeaders)
  const extra: [string, string[]][] = rules.extraPrefixes.flatMap((prefix) =>
    Object.entries(headers).flatMap(([name, values = []]): [string, string[]][] =>
      name.startsWith(prefix) ? [[decoded(name.slice(prefix.length)), values]] : []
    )
  )
  return {
    ...{ username, groups: all(rules.groupHeaders) },
    ...(uid === undefined ? {} : { uid }),
    ...(extra.length === 0 ? {} : { extra: Object.fromEntries(extra) })
  }
}

/** The API server escapes keys that no header can have. */
function decoded(key: string): string {
  try {
    return decodeURIComponent(key)
  } catch {
    return key
  }
}

/** Between two reads of the ConfigMap. */
const usualMs = 30_000

/** FrontProxy follows the ConfigMap: the authority is replaced from time to time. */
export class FrontProxy {
  readonly #call: ApiCall
  readonly #logger: Logger
  readonly #everyMs: number
  #rules: RequestHeaderRules
  #timer: NodeJS.Timeout | undefined
  /** Code of the failure that was logged last. */
  #logged = ''

  private constructor(call: ApiCall, logger: Logger, rules: RequestHeaderRules, everyMs: number) {
    this.#call = call
    this.#logger = logger
    this.#rules = rules
    this.#everyMs = everyMs
  }

  /** @throws SeccoError UNAVAILABLE, FORBIDDEN (Role extension-apiserver-authentication-reader of kube-system) */
  static async open(call: ApiCall, logger: Logger, everyMs = usualMs): Promise<FrontProxy> {
    return new FrontProxy(call, logger, readRules(await call('GET', mapPath)), everyMs)
  }

  rules(): RequestHeaderRules {
    return this.#rules
  }

  /** Calls back when the authority has changed. Returns how to stop. */
  follow(onChange: () => void): () => void {
    const look = async (): Promise<void> => {
      try {
        const before = this.#rules
        this.#rules = readRules(await this.#call('GET', mapPath))
        this.#logged = ''
        if (before.ca !== this.#rules.ca) onChange()
      } catch (error) {
        // The rules that are known stay in force.
        const { code, message } = toSeccoError(error)
        if (code !== this.#logged)
          this.#logger.warn({ code, reason: message }, 'front proxy authority not read')
        this.#logged = code
      }
    }
    this.#timer = setInterval(() => void look(), this.#everyMs)
    this.#timer.unref()
    return () => clearInterval(this.#timer)
  }
}
